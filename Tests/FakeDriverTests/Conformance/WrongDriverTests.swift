// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import DriverConformance
import FakeDriver
import Testing

@Suite("The conformance suite notices what is wrong", .timeLimit(.minutes(2)))
struct WrongDriverTests {
    private func findings(_ operation: DriverOperation, _ vice: WrongDriver.Vice?) async throws -> [Finding] {
        let scenario = try #require(DriverScenario.all.first { $0.operation == operation })
        return await scenario.findings(on: FakeUnderTest { WrongDriver(fake: $0, vice: vice) })
    }

    @Test("a driver without a vice is found to be right", arguments: DriverScenario.all)
    func withoutVice(_ scenario: DriverScenario) async {
        await scenario.run(on: FakeUnderTest { WrongDriver(fake: $0, vice: nil) })
    }

    @Test(
        "a broken promise is found in its phase",
        arguments: [
            (WrongDriver.Vice.forgetsToPause, DriverOperation.pause, Finding.Phase.effect),
            (.pausesOnce, .pause, .effect), (.stopsGuestsThatAreNone, .powerOff, .absence),
            (.leavesGuestsBehind, .spawn, .failure), (.leavesFilesBehind, .snapshot, .cancellation),
            (.leavesFilesBehind, .snapshot, .failure), (.isDeafToCancellation, .snapshot, .cancellation),
            (.throwsAnything, .spawn, .failure), (.buildsTwice, .spawn, .effect),
            (.changesWhatItReads, .hostResources, .effect), (.restartsGuests, .pause, .effect),
            (.inventsScreens, .vncConsole, .effect), (.pausesAllTheSame, .pause, .cancellation),
            (.pausesInSecret, .pause, .cancellation), (.forgetsToRebootSoftly, .reboot, .effect),
            (.neverAsks, .reboot, .effect), (.forgetsToDiscard, .snapshot, .effect),
            (.discardsGuests, .snapshot, .effect), (.forgetsToAbort, .abortLiveMigration, .effect),
            (.forgetsToForce, .forceLiveMigration, .effect),
        ])
    func vice(_ vice: WrongDriver.Vice, _ operation: DriverOperation, _ phase: Finding.Phase) async throws {
        let findings = try await findings(operation, vice)
        #expect(findings.contains { $0.phase == phase }, "\(findings)")
        #expect(try await self.findings(operation, nil).isEmpty)
    }

    /// Says of the driver what is not so.
    private struct Pretended: DriverUnderTest {
        let base: FakeUnderTest
        let refusals: [DriverOperation: String]
        var extraRequests = false
        /// Shows nothing, breaks nothing, holds nothing, and says nothing of it.
        var isIdle = false

        var driver: any ComputeDriver { base.driver }
        var hostName: String { base.hostName }
        var neighbour: (any ComputeDriver)? { base.neighbour }
        var neighbourName: String { base.neighbourName }
        func makeInstance() throws -> Instance { try base.makeInstance() }
        func build(_ request: SpawnRequest) async throws { try await base.build(request) }
        func image() async throws -> LocalImage? { try await base.image() }
        func otherImage() async throws -> LocalImage? { try await base.otherImage() }
        var rootDevice: String { base.rootDevice }
        func makeVolume() async throws -> BlockDevice { try await base.makeVolume() }
        func makeInterface() throws -> JSONValue? { try base.makeInterface() }
        func snapshotPath() throws -> String { try base.snapshotPath() }
        func facts(of id: InstanceID, atNeighbour: Bool) async throws -> [HostFact: [String]] {
            isIdle ? [:] : try await base.facts(of: id, atNeighbour: atNeighbour)
        }
        func requests() async throws -> Int {
            // As if each look at the counter were a request of the driver's.
            if extraRequests { _ = try await base.hosts.here.instances() }
            return try await base.requests()
        }
        var unseen: [HostFact: String] { base.unseen }
        var unbroken: [DriverOperation: String] { isIdle ? [:] : base.unbroken }
        var unheld: [DriverOperation: String] { isIdle ? [:] : base.unheld }
        func breakages(of operation: DriverOperation) -> [Breakage] { isIdle ? [] : base.breakages(of: operation) }
        func holds(of operation: DriverOperation) -> [Hold] { isIdle ? [] : base.holds(of: operation) }
        func slowMove(of instance: Instance) async throws -> @Sendable () async -> Void {
            try await base.slowMove(of: instance)
        }
        func abandonSnapshot(of instance: Instance) async throws { try await base.abandonSnapshot(of: instance) }
    }

    private func pretending(
        refusals: [DriverOperation: String] = [:], _ operation: DriverOperation, extraRequests: Bool = false,
        isIdle: Bool = false
    ) async throws -> [Finding] {
        let scenario = try #require(DriverScenario.all.first { $0.operation == operation })
        let bench = Pretended(
            base: FakeUnderTest { WrongDriver(fake: $0, vice: nil) }, refusals: refusals,
            extraRequests: extraRequests, isIdle: isIdle)
        return await scenario.findings(on: bench)
    }

    @Test("an operation that is said to be refused, and works, is found")
    func falseRefusal() async throws {
        #expect(try await pretending(refusals: [.pause: "no processors"], .pause).map(\.phase).contains(.refusal))
    }

    @Test("an exception for an operation that the driver does not have is found")
    func idleException() async throws {
        #expect(try await pretending(refusals: [.suspend: "no disk"], .suspend).count == 1)
    }

    @Test("surroundings in which nothing is seen, broken or held are found, unless they say why")
    func idleBench() async throws {
        #expect(try await pretending(.pause, isIdle: true).map(\.phase) == [.failure, .cancellation])
        #expect(try await pretending(.info, isIdle: true).isEmpty)
        #expect(try await pretending(.destroy, isIdle: true).map(\.phase).contains(.effect))
    }

    @Test("a request for what the driver's type lacks is found")
    func requestForNothing() async throws {
        #expect(try await pretending(.suspend).isEmpty)
        #expect(try await pretending(.suspend, extraRequests: true).map(\.phase) == [.refusal])
    }
}
