// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Libvirt
@testable import LibvirtDriver

@Suite("The libvirt driver through an outage of libvirtd", .timeLimit(.minutes(5)))
struct OutageTests {
    /// What a driver told of its guests, and what it told of a guest that was not so.
    private final class Record: Sendable {
        private let state = Mutex<(answers: Int, refusals: Int, lies: [String], slowest: Duration)>((0, 0, [], .zero))
        var answers: Int { state.withLock { $0.answers } }
        var refusals: Int { state.withLock { $0.refusals } }
        var lies: [String] { state.withLock { $0.lies } }
        var slowest: Duration { state.withLock { $0.slowest } }

        /// Asks once; the guest runs all the time, so that any other answer is a lie, and no answer is none.
        func ask(_ driver: LibvirtDriver, _ guests: [Instance]) async {
            let began = ContinuousClock.now
            do {
                let states = try await driver.instances()
                for guest in guests {
                    let told = states.first { $0.id == guest.id }?.powerState
                    // Said of a guest whose state can't be asked just now: no answer, and no lie.
                    if told == .noState { continue }
                    if told != .running { add(lie: "listed \(guest.id) as \(told.map { "\($0)" } ?? "absent")") }
                    let info = try await driver.info(guest.id).powerState
                    if info != .running { add(lie: "told \(guest.id) as \(info)") }
                }
                state.withLock { $0.answers += 1 }
            } catch let fault as ComputeFault {
                if !fault.isRetriable { add(lie: "failed with \(fault)") }
                state.withLock { $0.refusals += 1 }
            } catch {
                if !(error is CancellationError) { add(lie: "failed with \(error)") }
            }
            let time = ContinuousClock.now - began
            state.withLock { $0.slowest = max($0.slowest, time) }
        }

        private func add(lie: String) { state.withLock { $0.lies.append(lie) } }
    }

    /// Asks for the guests again and again while `body` runs, which sees what was told so far.
    private func asking(
        _ driver: LibvirtDriver, _ guests: [Instance], _ body: (Record) async throws -> Void
    ) async throws -> Record {
        let record = Record()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    while !Task.isCancelled {
                        await record.ask(driver, guests)
                        // The pace of the questions; one that is cancelled ends with its loop.
                        try? await Task.sleep(for: .milliseconds(5))
                    }
                }
            }
            defer { group.cancelAll() }
            try await body(record)
        }
        return record
    }

    /// Waits until so many questions more were answered.
    private func answered(_ count: Int, _ record: Record) async throws -> Bool {
        let before = record.answers
        return try await eventually { record.answers >= before + count }
    }

    /// Waits for the word that the states are to be read anew: events are heard again from here on.
    private func resubscribed(_ events: inout AsyncStream<LifecycleEvent>.AsyncIterator) async -> Bool {
        while let event = await events.next() {
            if event == .resynchronize { return true }
        }
        return false
    }

    @Test("a libvirtd that hangs till its connection is lost fails calls in time, and is back two seconds after")
    func frozen() async throws {
        try await LibvirtServer.withServer { server async throws in
            var configuration = Guests.configuration(server)
            configuration.openDeadline = .seconds(3)
            configuration.callDeadline = .seconds(5)
            try await Guests.withDriver(configuration) { driver async throws in
                var guests: [Instance] = []
                for _ in 0..<2 {
                    guests.append(try Guests.newInstance())
                    try await driver.spawn(Guests.request(guests[guests.count - 1], server))
                }
                let boots = try await bootIdentities(driver, guests)
                var events = driver.lifecycleEvents().makeAsyncIterator()
                let record = try await asking(driver, guests) { record async throws in
                    #expect(try await answered(6, record))
                    try server.freeze()
                    // libvirt's own signs of life fail in the end, and attempts to connect hang.
                    #expect(
                        try await eventually(within: .seconds(60)) {
                            record.refusals > 5 && (try? driver.host.supervisor.connection()) == nil
                        })
                    try server.thaw()
                    let time = await took { #expect(await resubscribed(&events)) }
                    #expect(time < .seconds(2))
                    #expect(try await eventually(within: .seconds(2)) { (try? await driver.instances().count) == 2 })
                    #expect(try await answered(6, record))
                }
                #expect(record.lies == [])
                #expect(record.refusals > 5 && record.answers > 5)
                #expect(record.slowest < .seconds(15))
                #expect(try await bootIdentities(driver, guests) == boots)
                _ = try await server.virsh("suspend", guests[0].id.description)
                #expect(await events.next() == .changed(guests[0].id, .paused))
                #expect(try await eventually { driver.host.supervisor.lanes.long.statistics.lost == 0 })
            }
        }
    }

    private func bootIdentities(_ driver: LibvirtDriver, _ guests: [Instance]) async throws -> [String?] {
        var boots: [String?] = []
        for guest in guests { boots.append(try await driver.info(guest.id).bootIdentity) }
        return boots
    }

    @Test("a restart under load never makes a guest look stopped, and events are heard again within two seconds")
    func restartUnderLoad() async throws {
        try await Guests.withDriver { driver, server async throws in
            var guests: [Instance] = []
            for _ in 0..<3 {
                guests.append(try Guests.newInstance())
                try await driver.spawn(Guests.request(guests[guests.count - 1], server))
            }
            let boots = try await bootIdentities(driver, guests)
            var events = driver.lifecycleEvents().makeAsyncIterator()
            let record = try await asking(driver, guests) { record async throws in
                for _ in 0..<3 {
                    #expect(try await answered(6, record))
                    try await server.kill()
                    #expect(try await eventually { (try? driver.host.supervisor.connection()) == nil })
                    try await server.resume()
                    let time = await took { #expect(await resubscribed(&events)) }
                    #expect(time < .seconds(2))
                }
                #expect(try await answered(6, record))
            }
            #expect(record.lies == [])
            #expect(record.answers > 5 && record.refusals > 5)
            #expect(try await bootIdentities(driver, guests) == boots)
            _ = try await server.virsh("suspend", guests[0].id.description)
            #expect(await events.next() == .changed(guests[0].id, .paused))
        }
    }

    @Test("a definition that was given up and comes true later leaves no domain behind a delete")
    func abandonedDefinition() async throws {
        try await LibvirtServer.withServer { server async throws in
            var configuration = Guests.configuration(server)
            configuration.callDeadline = .seconds(2)
            try await Guests.withDriver(configuration) { driver async throws in
                let instance = try Guests.newInstance()
                let uuid = instance.id.description
                let connection = try driver.host.supervisor.connection()
                _ = try await connection.domains()
                try server.freeze()
                await #expect {
                    try await connection.define(
                        "<domain type='qemu'><name>late</name><uuid>\(uuid)</uuid><memory unit='MiB'>16</memory>"
                            + "<os><type arch='x86_64'>hvm</type></os></domain>", uuid: uuid)
                } throws: { ($0 as? LibvirtError)?.kind == .timeout }
                #expect(driver.unresponsiveGuests == [instance.id])
                await #expect(throws: ComputeFault.self) { try await driver.destroy(instance) }
                try server.thaw()
                #expect(
                    try await eventually {
                        do {
                            try await driver.destroy(instance)
                            return true
                        } catch let fault as ComputeFault where fault.isRetriable {
                            return false
                        }
                    })
                #expect(driver.unresponsiveGuests.isEmpty)
                #expect(try await server.virsh("list", "--all", "--name") == "")
            }
        }
    }

    @Test("a slow way to libvirtd makes calls slow, then overdue, and never wrong")
    func slow() async throws {
        try await LibvirtServer.withServer { server async throws in
            try await SlowProxy.withProxy(server) { proxy async throws in
                var configuration = Guests.configuration(server)
                configuration.uri = proxy.uri
                configuration.callDeadline = .seconds(2)
                try await Guests.withDriver(configuration) { driver async throws in
                    let guest = try Guests.newInstance()
                    try await driver.spawn(Guests.request(guest, server))
                    try proxy.delay(0.15)
                    let time = try await took {
                        let info = try await driver.info(guest.id)
                        #expect(info.powerState == .running)
                    }
                    #expect(time > .milliseconds(300))
                    try proxy.delay(3)
                    let overdue = await took {
                        await #expect { try await driver.info(guest.id) } throws: {
                            guard let fault = $0 as? ComputeFault else { return false }
                            return fault.kind == .timeout && fault.isRetriable
                        }
                    }
                    #expect(overdue < .seconds(5))
                    try proxy.delay(0)
                    #expect(try await eventually { (try? await driver.info(guest.id).powerState) == .running })
                    #expect(try await eventually { driver.unresponsiveGuests.isEmpty })
                    #expect(try await driver.instances().map(\.powerState) == [.running])
                }
            }
        }
    }
}
