// SPDX-License-Identifier: Apache-2.0

import AMQP
@testable import ComputeService
import ComputeManager
import ComputeModel
import Logging
import OsloMessaging
import Testing
import WorkerStore

@Suite("What makes a worker not ready, and what is only told")
struct ServiceHealthTests {
    private func serving() -> ServiceHealth {
        var health = ServiceHealth(host: "one")
        (health.consuming, health.publishing, health.intake) = (.up, .up, .consuming)
        return health
    }

    @Test("A worker is ready when it consumes and takes in, and not before")
    func ready() {
        #expect(!ServiceHealth(host: "one").isReady)
        #expect(!ServiceHealth(host: "one").hasFailed)
        #expect(serving().isReady && serving().warnings.isEmpty)
    }

    @Test("Who has its host has no rival, though the claim has not heard yet that the other one is gone")
    func noRival() async {
        let monitor = HealthMonitor(host: "one", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let holder = HostHolder(
            id: UniqueBits(high: 1, low: 2), machine: "m", processID: 7, since: Timestamp(microseconds: 0),
            statePath: "/s")
        let (states, continuation) = AsyncStream<ConnectionState>.makeStream()
        continuation.yield(.lost(BrokerError(.queueLocked, "held"), retryIn: .zero))
        continuation.finish()
        await monitor.followConsuming(states, rival: { holder })
        #expect(monitor.health.rival == holder)
        let (later, more) = AsyncStream<ConnectionState>.makeStream()
        more.yield(.ready(queues: []))
        more.finish()
        await monitor.followConsuming(later, rival: { holder })
        #expect(monitor.health.rival == nil)
    }

    @Test("Each part that fails is a reason of its own")
    func reasons() {
        let lost = BrokerError(.heartbeatLost, "b:5672: nothing was heard")
        let changes: [(part: String, change: (inout ServiceHealth) -> Void)] = [
            ("not consuming: b:5672: nothing was heard", { $0.consuming = .down(lost) }),
            ("not publishing: b:5672: nothing was heard", { $0.publishing = .down(lost) }),
            ("process 7 on m", { $0.rival = HostHolder(
                id: UniqueBits(high: 1, low: 2), machine: "m", processID: 7, since: Timestamp(microseconds: 0),
                statePath: "/s") }),
            ("confirmed by the broker and not delivered", { $0.loopback = LoopbackReport(.notDelivered, failures: 2) }),
            ("taking nothing in: paused: 9 requests", { $0.intake = .full(unfinished: 9) }),
            ("taking nothing in", { $0.intake = .storeFails(StoreError(.diskFull, "full")) }),
            ("the journal can't be written: full", { $0.journalFault = "full" }),
            ("no room for instances: /i has 3 MiB left", { $0.instancesFault = "/i has 3 MiB left" }),
            ("stopping", { $0.isStopping = true }),
        ]
        for (part, change) in changes {
            var health = serving()
            change(&health)
            #expect(health.reasons.count == 1 && health.reasons[0].contains(part), "\(part): \(health.reasons)")
            #expect(!health.isReady)
        }
    }

    @Test("One failed probe, a blocked publisher, and a hypervisor or a broker of events that is away leave it ready")
    func warnings() {
        var health = serving()
        health.loopback = LoopbackReport(.notDelivered, failures: 1)
        #expect(health.isReady && health.warnings.isEmpty)
        // Nobody can tell just now: what was found before stands.
        health.loopback = LoopbackReport(.inconclusive("paused"), failures: 2)
        #expect(!health.isReady)
        health.loopback = LoopbackReport(.passed)
        (health.publishing, health.notifying) = (.blocked("low on memory"), .down(BrokerError(.unreachable, "gone")))
        health.hypervisorOutage = HypervisorOutage(Timestamp(microseconds: 0), "no socket")
        #expect(health.isReady)
        #expect(health.warnings.count == 3)
        for part in ["low on memory", "gone", "no socket"] {
            #expect(health.warnings.contains { $0.contains(part) }, "\(part)")
        }
    }

    @Test("An attempt to connect is no news: who was down is down until it is up")
    func following() {
        let error = BrokerError(.unreachable, "gone")
        let down = ServiceHealth.Link.starting.following(.lost(error, retryIn: .zero))
        #expect(down == .down(error))
        #expect(down.following(.connecting("b:5672")) == .down(error))
        #expect(down.following(.ready(queues: [])) == .up)
        #expect(ServiceHealth.Link.starting.following(.connecting("b:5672")) == .starting)
    }

    @Test("What an operator can do stands beside what a broker says of settings")
    func advice() {
        for (code, part) in [
            (BrokerError.Code.accessRefused, "transport_url"), (.notAllowed, "virtual host"),
            (.declarationRefused, "amqp_durable_queues"), (.certificateRefused, "ssl_ca_file"),
            (.queueLocked, "two heartbeats"), (.unreachable, "host and port in transport_url"), (.tlsFailed, "5671"),
        ] {
            var health = serving()
            health.consuming = .down(BrokerError(code, "refused"))
            #expect(health.reasons[0].contains(part), "\(health.reasons)")
        }
    }
}
