// SPDX-License-Identifier: Apache-2.0

@testable import ComputeManager
import ComputeModel
import Foundation
import ImageService
import Logging
import Synchronization
import Testing
import WorkerStore

@Suite("What every piece of work is given", .timeLimit(.minutes(1)))
struct ManagerServicesTests {
    private func services(_ fixture: ManagerFixture) -> ManagerServices {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let configuration = fixture.configuration
        return ManagerServices(
            configuration: configuration, store: fixture.store,
            driver: DriverGateway(
                driver: fixture.driver, deadlines: configuration.deadlines,
                interruptionGrace: configuration.interruptionGrace, clock: fixture.clock, logger: logger),
            images: LocalImageDirectory(path: fixture.directory), peers: .none, encoder: fixture.wire,
            decoder: fixture.wire, sink: fixture.sink, dialects: FolsomDialect.table,
            events: EventFactory(
                host: configuration.host,
                payload: InstancePayload(glanceURL: configuration.glanceURL, auditPeriod: configuration.auditPeriod),
                updates: configuration.updates, clock: SystemWallClock(),
                time: SteadyTime(SystemWallClock(), beside: ContinuousClock()), identifiers: RandomIdentifiers()),
            deleted: DeletedInstances(limit: 1), departed: InstanceMemory(limit: 1),
            capacity: HostCapacity(rules: ClaimRules()), clock: fixture.clock, identifiers: RandomIdentifiers(),
            logger: logger)
    }

    @Test("A read that fails for a while is made again, with growing pauses")
    func reads() async throws {
        let fixture = try ManagerFixture()
        let services = services(fixture)
        let attempts = Atomic<Int>(0)
        async let count = services.read { _ in
            let attempt = attempts.add(1, ordering: .relaxed).newValue
            if attempt < 3 { throw StoreError(.inputOutput, "the disk is away") }
            return attempt
        }
        for pause in [500, 1000] {
            await fixture.clock.sleeper(for: .milliseconds(pause))
            fixture.clock.advance(by: .milliseconds(pause))
        }
        #expect(try await count == 3)
        await fixture.close()
    }

    @Test("A read that fails for good fails")
    func failsForGood() async throws {
        let fixture = try ManagerFixture()
        let services = services(fixture)
        await #expect(throws: StoreError.self) {
            try await services.read { _ in throw StoreError(.damaged, "the file is damaged") }
        }
        await fixture.close()
    }

    @Test("A sparse request is completed field by field, however many fields of its own it has")
    func completed() throws {
        let known = try Instance(fields: Requests.instance)
        var fields: JSONObject = ["uuid": .string(Requests.id), "display_name": "renamed", "memory_mb": nil]
        for number in 0..<40 { fields["new_\(number)"] = .number(JSONNumber(number)) }
        let completed = try Instance(fields: fields).completed(by: known)
        #expect(completed.displayName == "renamed")
        #expect(completed.imageRef == "cirros")
        #expect(completed.fields["memory_mb"] == .null)
        #expect(completed.fields["new_39"] == 39)
        #expect(try Instance(fields: Requests.instance).completed(by: known) == known)
    }
}
