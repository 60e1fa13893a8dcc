// SPDX-License-Identifier: Apache-2.0

import Foundation
import Libvirt
import Testing

/// A hypervisor inside this process, with a state of its own, from a file that libvirt's test driver reads.
private func withTestHypervisor<Result>(
    auth: String = "", _ body: (String) async throws -> Result
) async throws -> Result {
    let file = FileManager.default.temporaryDirectory.appending(path: "cw-test-driver-\(UUID().uuidString).xml")
    defer { try? FileManager.default.removeItem(at: file) }
    try """
    <node>\(auth)
      <domain type='test'><name>present</name><uuid>7b4ad79e-1c1a-4bd5-9f3a-5a5a2f9ae001</uuid>
        <memory>65536</memory><vcpu>2</vcpu><os><type>hvm</type></os></domain>
      <cpu><mhz>6000</mhz><model>i986</model><active>50</active><nodes>4</nodes><sockets>4</sockets><cores>4</cores>
        <threads>2</threads></cpu><memory>192000000</memory>
    </node>
    """.write(to: file, atomically: true, encoding: .utf8)
    return try await body("test://\(file.path)")
}

private func domainXML(name: String, uuid: String) -> String {
    "<domain type='test'><name>\(name)</name><uuid>\(uuid)</uuid><memory>65536</memory><os><type>hvm</type></os>"
        + "</domain>"
}

@Suite("The binding, on libvirt's test driver", .timeLimit(.minutes(1)))
struct TestDriverTests {
    let lanes = CallLanes()
    let uuid = "0f8fad5b-d9cb-469f-a165-70867728950e"

    @Test("lists what is there, with states and sizes, in one question")
    func list() async throws {
        try await withTestHypervisor { uri async throws in
            let connection = try await Connection.open(ConnectionConfiguration(uri: uri), lanes: lanes)
            let record = try #require(try await connection.domains().first)
            #expect(record.name == "present")
            #expect(record.uuid == "7b4ad79e-1c1a-4bd5-9f3a-5a5a2f9ae001")
            #expect(record.state == .running)
        }
    }

    @Test("defines, starts, suspends, resumes, destroys and undefines, and each step shows")
    func lifeCycle() async throws {
        try await withTestHypervisor { uri async throws in
            let connection = try await Connection.open(ConnectionConfiguration(uri: uri), lanes: lanes)
            let domain = try await connection.define(domainXML(name: "one", uuid: uuid))
            #expect(domain.uuid == uuid)
            #expect(domain.name == "one")
            #expect(try await domain.info().id == nil)
            #expect(try await domain.state() == .shutoff)
            try await domain.create()
            #expect(try await domain.state() == .running)
            let first = try #require(try await domain.info().id)
            try await domain.suspend()
            #expect(try await domain.state() == .paused)
            try await domain.resume()
            #expect(try await domain.info().state == .running)
            try await domain.destroy()
            #expect(try await domain.state() == .shutoff)
            try await domain.create()
            #expect(try await domain.info().id != first)
            try await domain.destroy()
            try await domain.undefine()
            #expect(try await connection.domain(uuid: uuid) == nil)
            #expect(try await connection.domain(name: "one") == nil)
        }
    }

    @Test("tells of every change, in order, also through a domain's events awaited beforehand")
    func events() async throws {
        try await withTestHypervisor { uri async throws in
            let connection = try await Connection.open(ConnectionConfiguration(uri: uri), lanes: lanes)
            let hub = DomainEventHub()
            let seen = Shared<[DomainEvent.Kind]>([])
            let uuid = uuid
            try await connection.onLifecycleEvent { event in
                if event.uuid == uuid { seen.withLock { $0.append(event.kind) } }
                hub.deliver(event)
            }
            let undefined = hub.expect([.undefined], of: uuid)
            let started = hub.expect([.started], of: uuid)
            let domain = try await connection.define(domainXML(name: "one", uuid: uuid))
            try await domain.create()
            #expect(try await started.event(within: .seconds(20)).name == "one")
            try await domain.suspend()
            try await domain.resume()
            try await domain.destroy()
            try await domain.undefine()
            _ = try await undefined.event(within: .seconds(20))
            #expect(
                seen.withLock { $0 } == [.defined, .started, .suspended, .resumed, .stopped, .undefined])
        }
    }

    @Test("says which event did not come in time, and ends the wait of a cancelled task")
    func absentEvents() async throws {
        let hub = DomainEventHub()
        let expectation = hub.expect([.started, .crashed], of: uuid)
        await #expect { try await expectation.event(within: .milliseconds(30)) } throws: {
            guard let error = $0 as? LibvirtError else { return false }
            return error.kind == .timeout && error.message.contains("crashed, started")
        }
        let other = hub.expect([.started], of: uuid)
        let task = Task { try await other.event(within: .seconds(50)) }
        task.cancel()
        await #expect { try await task.value } throws: { ($0 as? LibvirtError)?.kind == .cancelled }
        let third = hub.expect([.started], of: uuid)
        hub.fail(LibvirtError(.disconnected, operation: "libvirt", message: "gone"))
        await #expect { try await third.event(within: .seconds(50)) } throws: {
            ($0 as? LibvirtError)?.kind == .disconnected
        }
    }

    @Test("reads each error on the thread that made the call, however many fail at once")
    func errors() async throws {
        try await withTestHypervisor { uri async throws in
            let connection = try await Connection.open(ConnectionConfiguration(uri: uri), lanes: lanes)
            let present = try #require(try await connection.domain(name: "present"))
            try await withThrowingTaskGroup(of: Void.self) { group async throws in
                for number in 0..<200 {
                    group.addTask { () async throws in
                        switch number % 3 {
                        case 0:
                            await #expect { try await present.create() } throws: {
                                ($0 as? LibvirtError)?.message.contains("'present' is already running") == true
                            }
                        case 1:
                            await #expect { try await connection.define("<domain><name>\(number)</name>") } throws: {
                                ($0 as? LibvirtError)?.code == .xmlError
                                    || ($0 as? LibvirtError)?.message.contains("XML") == true
                                    || ($0 as? LibvirtError)?.message.contains("tag") == true
                            }
                        default: #expect(try await connection.domain(name: "absent-\(number)") == nil)
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("refuses changes over a read-only connection")
    func readOnly() async throws {
        try await withTestHypervisor { uri async throws in
            let connection = try await Connection.open(
                ConnectionConfiguration(uri: uri, access: .readOnly), lanes: lanes)
            #expect(try await connection.domains().count == 1)
            await #expect { try await connection.define(domainXML(name: "one", uuid: uuid)) } throws: {
                ($0 as? LibvirtError)?.code == .operationDenied
            }
        }
    }

    @Test("tells what the host has")
    func host() async throws {
        try await withTestHypervisor { uri async throws in
            let connection = try await Connection.open(ConnectionConfiguration(uri: uri), lanes: lanes)
            #expect(try await connection.hypervisorType() == "TEST")
            #expect(try await connection.nodeInfo().memoryKiB == 192_000_000)
            #expect(try await connection.nodeInfo().cpus == 50)
            #expect(try await !connection.hostname().isEmpty)
            #expect(try await connection.libraryVersion() >= 9_000_000)
            #expect(try await connection.capabilities().contains("<capabilities>"))
            #expect(try await connection.isAlive())
        }
    }

    static let auth = "<auth><user password='s3cret-canary'>robert</user></auth>"

    @Test("answers the credentials that libvirt asks for")
    func credentials() async throws {
        try await withTestHypervisor(auth: Self.auth) { uri async throws in
            let configuration = ConnectionConfiguration(uri: uri) { request in
                request.kind == .passphrase || request.kind == .hiddenPrompt ? "s3cret-canary" : "robert"
            }
            #expect(try await Connection.open(configuration, lanes: lanes).domains().count == 1)
        }
    }

    @Test("refuses with a sentence that says which credentials were wanted and which are missing")
    func missingCredentials() async throws {
        try await withTestHypervisor(auth: Self.auth) { uri async throws in
            await #expect {
                try await Connection.open(ConnectionConfiguration(uri: uri), lanes: lanes)
            } throws: {
                guard let error = $0 as? LibvirtError else { return false }
                return error.kind == .credentials && !error.isRetriable
                    && error.message == "libvirt asks for an authentication name, which is not configured"
            }
            let onlyName = ConnectionConfiguration(uri: uri) { $0.kind == .authenticationName ? "robert" : nil }
            await #expect { try await Connection.open(onlyName, lanes: lanes) } throws: {
                ($0 as? LibvirtError)?.message
                    == "libvirt asks for an authentication name and a passphrase, of which a passphrase is not configured"
            }
        }
    }

    @Test("reports wrong credentials as libvirt does, without repeating them")
    func wrongCredentials() async throws {
        try await withTestHypervisor(auth: Self.auth) { uri async throws in
            let configuration = ConnectionConfiguration(uri: uri) { request in
                request.kind == .authenticationName ? "robert" : "wrong-canary"
            }
            await #expect { try await Connection.open(configuration, lanes: lanes) } throws: {
                guard let error = $0 as? LibvirtError else { return false }
                return error.code == .authFailed && !"\(error)".contains("canary")
            }
        }
    }

    @Test("says when nothing answers at a URI")
    func nobody() async throws {
        let configuration = ConnectionConfiguration(uri: "qemu+unix:///system?socket=/nonexistent/libvirt-sock")
        await #expect { try await Connection.open(configuration, lanes: lanes) } throws: {
            guard let error = $0 as? LibvirtError else { return false }
            return error.message.contains("/nonexistent/libvirt-sock") && error.isRetriable
        }
    }
}
