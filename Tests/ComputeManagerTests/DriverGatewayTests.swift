// SPDX-License-Identifier: Apache-2.0

@testable import ComputeManager
import ComputeDriver
import ComputeModel
import FakeDriver
import Logging
import Testing

@Suite("Calls to the driver", .timeLimit(.minutes(1)))
struct DriverGatewayTests {
    private let clock = ManualClock()
    private let driver: FakeDriver
    private let gateway: DriverGateway
    private let instance: Instance

    init() throws {
        driver = FakeDriver(clock: clock)
        gateway = DriverGateway(
            driver: driver, deadlines: DriverDeadlines(), interruptionGrace: .seconds(5), clock: clock,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        instance = try Instance(fields: Requests.instance)
    }

    private func kind(_ body: () async throws -> Void) async -> ComputeFault.Kind? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? ComputeFault)?.kind
        }
    }

    @Test("A call that is overdue is cancelled and fails as a time-out")
    func deadline() async throws {
        driver.faults.plan(.delay(.seconds(3600)), for: .info)
        async let outcome = kind { _ = try await gateway.info(instance.id) }
        await clock.sleeper(for: .seconds(30))
        await clock.sleeper(for: .seconds(3600))
        clock.advance(by: .seconds(30))
        #expect(await outcome == .timeout)
    }

    @Test("A spawn that is overdue and takes no notice is freed by destroying its guest")
    func overdueSpawn() async throws {
        let point = driver.faults.hang(.spawn)
        async let outcome = kind {
            try await gateway.spawn(SpawnRequest(instance: instance, image: nil), interruptedBy: InterruptionToken())
        }
        await point.reached()
        await clock.sleeper(for: .seconds(600))
        clock.advance(by: .seconds(600))
        #expect(await outcome == .timeout)
        #expect(driver.faults.calls(of: .destroy) == 1)
    }

    @Test("A guest whose call is overdue is in quarantine: questions fail at once, others are served")
    func quarantine() async throws {
        let point = driver.faults.hang(.powerOff)
        var other = Requests.instance
        other["uuid"] = "0f8fad5b-d9cb-469f-a165-70867728950e"
        let healthy = try Instance(fields: other)
        try await driver.spawn(SpawnRequest(instance: instance, image: nil))
        try await driver.spawn(SpawnRequest(instance: healthy, image: nil))
        async let outcome = kind { try await gateway.powerOff(instance, interruptedBy: InterruptionToken()) }
        await point.reached()
        #expect(gateway.quarantined.isEmpty)
        await clock.sleeper(for: .seconds(120))
        clock.advance(by: .seconds(120))
        while gateway.quarantined.isEmpty { await Task.yield() }
        #expect(gateway.quarantined == [instance.id])
        let asked = driver.faults.calls(of: .info)
        #expect(await kind { _ = try await gateway.info(instance.id) } == .timeout)
        #expect(await kind { _ = try await gateway.consoleOutput(instance) } == .timeout)
        #expect(await gateway.reading(of: instance.id) == .unknown)
        #expect(driver.faults.calls(of: .info) == asked, "the driver was not asked")
        // An operation may be the one that helps the guest: what it asks in its turn is asked.
        let turn = Turn(token: InterruptionToken(), freeSlot: {}, takeSlot: { true }, isStopping: { false }, hindered: { _ in })
        let own = try await gateway.during(turn, outlastingOutagesUntil: nil).info(instance.id)
        #expect(own?.powerState == .running)
        let state = try await gateway.info(healthy.id)?.powerState
        #expect(state == .running)
        #expect(try await gateway.inventory().count == 2)
        point.release()
        #expect(await outcome == .none)
        #expect(gateway.quarantined.isEmpty)
        #expect(try await gateway.powerState(instance.id) == .shutdown)
    }

    @Test("A spawn that ends well after its guest was destroyed under it was no success")
    func lateSuccess() async throws {
        let late = LateDriver(fake: driver)
        let gateway = DriverGateway(
            driver: late, deadlines: DriverDeadlines(), interruptionGrace: .seconds(5), clock: clock,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        async let outcome = kind {
            try await gateway.spawn(SpawnRequest(instance: instance, image: nil), interruptedBy: InterruptionToken())
        }
        await clock.sleeper(for: .seconds(600))
        clock.advance(by: .seconds(600))
        #expect(await outcome == .timeout)
        #expect(driver.faults.calls(of: .destroy) == 1)
    }

    @Test("A call that is overdue and takes no notice is still freed by a later terminate")
    func interruptedWhenOverdue() async throws {
        let point = driver.faults.hang(.reboot)
        let token = InterruptionToken()
        async let outcome = kind {
            try await gateway.reboot(RebootRequest(instance: instance, type: .soft), interruptedBy: token)
        }
        await point.reached()
        await clock.sleeper(for: .seconds(300))
        clock.advance(by: .seconds(300))
        #expect(driver.faults.calls(of: .destroy) == 0)
        token.interrupt(.superseded)
        await clock.sleeper(for: .seconds(5))
        clock.advance(by: .seconds(5))
        #expect(await outcome == .timeout)
        #expect(driver.faults.calls(of: .destroy) == 1)
    }

    @Test("A call that may be repeated outlasts a hypervisor that is away for a while")
    func reconnects() async throws {
        driver.faults.plan(.fail(ComputeFault(.unavailable, "away")), for: .destroy, calls: 1...2)
        async let outcome = kind { try await gateway.destroy(instance) }
        for _ in 0..<2 {
            await clock.sleeper(for: .seconds(1))
            clock.advance(by: .seconds(1))
        }
        #expect(await outcome == nil)
        #expect(driver.faults.calls(of: .destroy) == 3)
    }

    @Test("It gives up after the configured time, and a spawn is never repeated")
    func givesUp() async throws {
        driver.faults.plan(.fail(ComputeFault(.unavailable, "away")), for: .info)
        driver.faults.plan(.fail(ComputeFault(.unavailable, "away")), for: .spawn)
        async let outcome = kind { _ = try await gateway.info(instance.id) }
        for _ in 0..<30 {
            await clock.sleeper(for: .seconds(1))
            clock.advance(by: .seconds(1))
        }
        #expect(await outcome == .unavailable)
        let request = SpawnRequest(instance: instance, image: nil)
        #expect(await kind { try await gateway.spawn(request, interruptedBy: InterruptionToken()) } == .unavailable)
        #expect(driver.faults.calls(of: .spawn) == 1)
    }

    @Test("A guest that is not there has no power state; a hypervisor that is away is an error")
    func absence() async throws {
        #expect(try await gateway.powerState(instance.id) == .noState)
        driver.faults.plan(.fail(ComputeFault(.hypervisorFailure, "broken")), for: .info)
        #expect(await kind { _ = try await gateway.powerState(instance.id) } == .hypervisorFailure)
    }
}
