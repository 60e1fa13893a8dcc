// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
@testable import ComputeManager
import ComputeModel
import FakeDriver
import Testing
import WorkerStore

@Suite("Addresses of an instance", .timeLimit(.minutes(1)))
struct FixedIPTests {
    private let id = InstanceID(bits: Requests.instanceID)
    private static let add = Requests.of(
        Requests.id, "add_fixed_ip_to_instance", ["network_id": "1e2ff1bd-9cb0-4b16-9d7f-6c1f5d2f0f11"], message: "a")
    private static let remove = Requests.of(
        Requests.id, "remove_fixed_ip_from_instance", ["address": "192.0.2.7"], message: "r")

    private func last(_ fixture: ManagerFixture, _ count: Int) async throws -> [JSONObject] {
        Array(try await fixture.events().filter { $0["event_type"] != "compute.instance.update" }.suffix(count))
    }

    @Test("One is given, the guest is told, and the event has the addresses; taking it is the same backwards")
    func addRemove() async throws {
        let fixture = try ManagerFixture()
        let peers = FakePeers()
        try await fixture.run(peers: peers.peers) { [self] in
            try await fixture.perform($0, Requests.run())
            try await peers.peers.network.deallocate(
                for: try #require(try await fixture.instance(id)), context: RequestContext(fields: [:]))
            try await fixture.perform($0, Self.add)
            var told = try await last(fixture, 2)
            #expect(told.map { $0["event_type"] } == ["compute.instance.create_ip.start", "compute.instance.create_ip.end"])
            #expect(told.last?["payload"]?["fixed_ips"]?.array?.first?["address"] == "192.0.2.7")
            #expect(fixture.driver.guest(id)?.injectedNetworkInfo == [FakePeers.address])
            try await fixture.perform($0, Self.remove)
            told = try await last(fixture, 2)
            #expect(told.map { $0["event_type"] } == ["compute.instance.delete_ip.start", "compute.instance.delete_ip.end"])
            #expect(told.last?["payload"]?["fixed_ips"] == [])
        }
        #expect(fixture.driver.faults.calls(of: .resetNetwork) == 2)
        #expect(try await fixture.store.read { try $0.instance(id)?.networkInfo } == [])
        await fixture.close()
    }

    @Test("After a restart the guest is told, and the network service does not give a second address")
    func resume() async throws {
        let fixture = try ManagerFixture()
        let peers = FakePeers()
        try await fixture.run(peers: peers.peers) { try await fixture.perform($0, Requests.run()) }
        try await fixture.interrupt(at: .injectNetworkInfo, during: Self.add, peers: peers.peers)
        try await fixture.restart(peers: peers.peers)
        #expect(peers.calls.count { $0 == "add_fixed_ip_to_instance" } == 1)
        #expect(try await last(fixture, 1).first?["event_type"] == "compute.instance.create_ip.end")
        await fixture.close()
    }

    @Test("What the row has of old is no proof: an address that was not given is asked for after a restart")
    func staleRow() async throws {
        let fixture = try ManagerFixture()
        let peers = FakePeers()
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        // The row knows of no address; the network service does.
        _ = try await peers.peers.network.allocate(
            for: try #require(try await fixture.instance(id)), requested: [], context: RequestContext(fields: [:]))
        peers.set("add_fixed_ip_to_instance", .deaf)
        try await fixture.run(peers: peers.peers) { manager in
            try await fixture.submit(manager, Self.add)
            while !peers.calls.contains("add_fixed_ip_to_instance") { await Task.yield() }
        }
        peers.set("add_fixed_ip_to_instance", nil)
        try await fixture.restart(peers: peers.peers)
        #expect(peers.calls.count { $0 == "add_fixed_ip_to_instance" } == 2)
        #expect(try await last(fixture, 1).first?["event_type"] == "compute.instance.create_ip.end")
        await fixture.close()
    }

    @Test(
        "Filters of an instance that is gone need no refresh, whatever the driver: nothing is told, and no row is left",
        arguments: [false, true])
    func goneInstance(isPlain: Bool) async throws {
        let fixture = try ManagerFixture()
        try await fixture.run(plain: isPlain) {
            try await fixture.perform(
                $0, Requests.of(Requests.id, "refresh_instance_security_rules", message: "gone"))
        }
        #expect(try await fixture.events().isEmpty)
        #expect(try await fixture.instance(id) == nil)
        let reply = try #require(try await fixture.outbox().first { $0.kind == .reply })
        #expect(try JSONParser.parse(reply.body)["failure"] == .null)
        await fixture.close()
    }

    @Test("Filters of a guest that is here are refused by a driver that has none, though no row tells of the guest")
    func unfiltered() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        try await fixture.store.write { try $0.remove(id) }
        try await fixture.run(plain: true) {
            for message in ["r", "s"] {
                try await fixture.perform(
                    $0, Requests.of(Requests.id, "refresh_instance_security_rules", message: message))
            }
        }
        for reply in try await fixture.outbox().filter({ $0.kind == .reply }).suffix(2) {
            #expect(try JSONParser.parse(reply.body)["failure"] == "unsupportedOperation")
        }
        // Each change of a group has it cast for each of its guests.
        #expect(try await fixture.eventTypes().count { $0 == "refresh_instance_security_rules" } == 1)
        await fixture.close()
    }

    @Test("What the network service shows to be done is not asked for again")
    func proven() {
        let one: [JSONValue] = [FakePeers.address]
        let arguments = try? RemoveFixedIPFromInstance.Arguments(
            instance: Instance(fields: Requests.instance), address: "192.0.2.7")
        guard let arguments else {
            Issue.record("an instance that can't be read")
            return
        }
        #expect(RemoveFixedIPFromInstance.isDone(arguments, before: one, now: []))
        #expect(!RemoveFixedIPFromInstance.isDone(arguments, before: one, now: one))
        let adding = AddFixedIPToInstance.Arguments(instance: arguments.instance, networkID: 1)
        #expect(AddFixedIPToInstance.isDone(adding, before: [], now: one))
        #expect(!AddFixedIPToInstance.isDone(adding, before: one, now: one))
    }

    @Test("Without a network service they are refused, and nothing is told but that")
    func none() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { try await fixture.perform($0, Requests.run(), Self.add, Self.remove) }
        let told = try await last(fixture, 2)
        #expect(told.map { $0["event_type"] } == ["add_fixed_ip_to_instance", "remove_fixed_ip_from_instance"])
        #expect(fixture.driver.faults.calls(of: .injectNetworkInfo) == 0)
        await fixture.close()
    }

    @Test("One that fails tells that the instance is in no task, then the failure; so does a network set up anew")
    func failed() async throws {
        let fixture = try ManagerFixture()
        let peers = FakePeers()
        try await fixture.run(peers: peers.peers) { manager in
            try await fixture.perform(manager, Requests.run())
            fixture.driver.faults.plan(.fail(ComputeFault(.internalError, "No.")), for: .resetNetwork)
            for (body, event, told) in [
                (Self.add, "create_ip", "add_fixed_ip_to_instance"),
                (Self.remove, "delete_ip", "remove_fixed_ip_from_instance"),
                (Requests.of(Requests.id, "reset_network", message: "n"), nil, "reset_network"),
            ] {
                let before = try await fixture.events().count
                // A delete that failed keeps its task.
                try await fixture.store.write { transaction in
                    guard var row = try transaction.instance(id) else { return }
                    row.instance.taskState = .deleting
                    try transaction.save(row)
                }
                try await fixture.perform(manager, body)
                let events = Array(try await fixture.events().dropFirst(before))
                let types = [event.map { "compute.instance.\($0).start" }, "compute.instance.update", .some(told)]
                #expect(events.map { $0["event_type"]?.string } == types.filter { $0 != nil })
                let update = try #require(events.first { $0["event_type"] == "compute.instance.update" })
                #expect(update["payload"]?["old_task_state"] == "deleting")
                #expect(update["payload"]?["new_task_state"] == .null)
                #expect(try await fixture.instance(id)?.taskState == nil)
            }
        }
        await fixture.close()
    }

    @Test("That a guest could not be told of its network is answered to the caller, and told by an error event")
    func untold() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run())
            for (method, operation) in [
                ("inject_network_info", DriverOperation.injectNetworkInfo), ("reset_network", .resetNetwork),
            ] {
                fixture.driver.faults.plan(.fail(ComputeFault(.internalError, "No.")), for: operation)
                try await fixture.perform(manager, Requests.of(Requests.id, method, message: method))
            }
        }
        let told = try await fixture.eventTypes().filter { !$0.hasPrefix("compute.") }
        #expect(told == ["inject_network_info", "reset_network"])
        let replies = try await fixture.outbox().filter { $0.kind == .reply }.map { try JSONParser.parse($0.body) }
        #expect(replies.map { $0["failure"] } == ["internalError", "internalError"])
        await fixture.close()
    }

    @Test("A guest is told of its network and asked to set it up anew; filters are applied anew")
    func refresh() async throws {
        let fixture = try ManagerFixture()
        let peers = FakePeers()
        try await fixture.run(peers: peers.peers) {
            try await fixture.perform($0, Requests.run())
            for method in ["inject_network_info", "reset_network", "refresh_instance_security_rules"] {
                try await fixture.perform($0, Requests.of(Requests.id, method, message: method))
            }
        }
        for operation in [DriverOperation.injectNetworkInfo, .resetNetwork, .refreshSecurityRules] {
            #expect(fixture.driver.faults.calls(of: operation) == 1)
        }
        #expect(try await fixture.outbox().filter { $0.kind == .reply }.count == 3)
        await fixture.close()
    }
}
