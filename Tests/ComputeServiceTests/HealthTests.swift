// SPDX-License-Identifier: Apache-2.0

import AMQP
@testable import ComputeService
import ComputeModel
import Foundation
import Logging
import OsloMessaging
import TestSupport
import Testing

/// A whole worker in this process, before a broker that is this suite's own, behind a proxy.
@Suite("Health says what an operator must know, and the worker comes back by itself", .serialized,
    .timeLimit(.minutes(4)))
struct HealthTests {
    private static let starting = Task { try await RabbitMQServer.start() }

    private struct Bench: Sendable {
        let broker: RabbitMQServer
        let proxy: FaultyProxy
        let worker: Worker
        let topic: String
        let directory: URL

        /// - Parameters:
        ///   - login: in front of the `@` of the broker's URL.
        ///   - longestWait: between attempts, in seconds.
        ///   - loopback: seconds between two probes, and for one; nil for the defaults.
        init(
            login: String = "guest:guest", heartbeat: Int = 2, loopback: (Int, Int)? = (1, 1), longestWait: Int = 30,
            driver: String = "fake.FakeDriver"
        ) async throws {
            broker = try await HealthTests.starting.value
            proxy = try FaultyProxy(before: broker.port)
            topic = "compute-\(UUID().uuidString.prefix(8))"
            directory = FileManager.default.temporaryDirectory.appending(path: "health-\(UUID().uuidString.prefix(8))")
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            let probes = loopback.map { "loopback_interval = \($0.0)\nloopback_timeout = \($0.1)" } ?? ""
            let configuration = try ConfigurationFixtures.worker(
                """
                [DEFAULT]
                host = one
                compute_topic = \(topic)
                transport_url = rabbit://\(login)@127.0.0.1:\(proxy.port)/
                compute_driver = \(driver)
                state_path = \(directory.path)/state
                instances_path = \(directory.path)/instances
                [oslo_messaging_rabbit]
                amqp_durable_queues = true
                heartbeat_timeout_threshold = \(heartbeat)
                rabbit_interval_max = \(longestWait)
                [libvirt]
                connection_uri = qemu+unix:///system?socket=/nonexistent/socket
                [compute_worker]
                image_directory = \(directory.path)/images
                \(probes)
                """)
            let quiet: @Sendable (String) -> Logger = { Logger(label: $0) { _ in SwiftLogNoOpLogHandler() } }
            worker = try Worker(configuration, driver: DriverFactory.make(configuration, quiet), makeLogger: quiet)
        }

        var queue: String { "\(topic).one" }

        /// Runs the worker beside the body.
        func run(_ body: @Sendable @escaping () async throws -> Void) async throws {
            defer { try? FileManager.default.removeItem(at: directory) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await worker.run() }
                try await body()
                group.cancelAll()
                // Ends as a cancelled one.
                while await group.nextResult() != nil {}
            }
        }

        /// Waits until health is as it should be; returns how long that took.
        @discardableResult
        func health(
            _ what: Comment, within limit: Duration = .seconds(20), _ fits: @Sendable (ServiceHealth) -> Bool
        ) async throws -> Duration {
            let began = ContinuousClock.now
            while !fits(worker.health.health) {
                guard .now - began < limit else {
                    let now = worker.health.health
                    Issue.record("\(what): \(now.isReady) \(now.reasons) \(now.warnings)")
                    throw ChildProcess.Failure("health is not as it should be")
                }
                // Polled: the broker's part in it gives no event.
                try await Task.sleep(for: .milliseconds(20))
            }
            return .now - began
        }

        /// Whether the worker answers who calls it.
        func answers() async throws {
            var configuration = try BrokerConfiguration(transportURL: broker.url())
            configuration.connectionName = "test"
            var options = TopologyOptions()
            options.isDurable = true
            let client = RPCClient(
                configuration: configuration, topology: RPCTopology(options: options), form: .enveloped,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            try await withThrowingTaskGroup(of: Void.self) { group in
                defer { group.cancelAll() }
                group.addTask { try await client.run() }
                let request = OutgoingRequest(
                    method: "get_host_uptime", version: "2.0", context: RequestContext(fields: JSONObject()))
                let answer = try await client.call(
                    request, to: .server(topic: topic, server: "one"), timeout: .seconds(10), isMandatory: true)
                #expect(answer.string != nil)
            }
        }
    }

    @Test("A black hole is told within two heartbeats, and when it is over the worker is ready within five seconds")
    func blackHole() async throws {
        let bench = try await Bench(heartbeat: 2)
        try await bench.run {
            try await bench.health("ready") { $0.isReady && $0.loopback?.result == .passed }
            bench.proxy.set(.blackHole)
            let told = try await bench.health("not ready") { !$0.isReady }
            // Two heartbeats, and the second in which the thread looks.
            #expect(told <= .seconds(2 * 2 + 1), "\(told)")
            // For as long as several attempts take that nobody answers.
            try await bench.health("attempts fail", within: .seconds(40)) { health in
                if case .down(let error) = health.consuming { error.code != .heartbeatLost } else { false }
            }
            bench.proxy.set(.forward)
            let healed = try await bench.health("ready again") { $0.isReady }
            #expect(healed <= .seconds(5), "\(healed)")
            try await bench.answers()
        }
    }

    @Test("With its own intervals the worker finds a half-open connection within sixty seconds")
    func halfOpen() async throws {
        let bench = try await Bench(heartbeat: 60, loopback: nil)
        try await bench.run {
            try await bench.health("ready") { $0.isReady && $0.loopback?.result == .passed }
            bench.proxy.set(.deaf)
            let told = try await bench.health("not ready", within: .seconds(60)) { !$0.isReady }
            let health = bench.worker.health.health
            #expect(told <= .seconds(60), "\(told)")
            #expect(
                health.reasons.contains { $0.contains("confirmed by the broker and not delivered") }
                    || health.consuming != .up, "\(health.reasons)")
            let again = try await bench.health("ready again") { $0.isReady }
            #expect(again <= .seconds(5), "\(again)")
            try await bench.answers()
        }
    }

    @Test("A memory alarm is told; the worker stays ready, for it takes casts in, and the end of the alarm is told")
    func memoryAlarm() async throws {
        let bench = try await Bench()
        let broker = bench.broker
        try await bench.run {
            try await bench.health("ready") { $0.isReady }
            try await broker.setMemoryAlarm(true)
            try await bench.health("told") { health in
                health.isReady && health.warnings.contains { $0.contains("low on memory") }
            }
            try await broker.setMemoryAlarm(false)
            try await bench.health("over") { $0.warnings.isEmpty && $0.isReady }
            try await bench.answers()
        }
    }

    @Test("A hypervisor that is away is told; casts are taken in all the same")
    func hypervisorAway() async throws {
        let bench = try await Bench(driver: "libvirt.LibvirtDriver")
        try await bench.run {
            try await bench.health("told") { health in
                health.isReady && health.warnings.contains { $0.contains("/nonexistent/socket") }
            }
        }
    }

    @Test("A queue of other properties is named with what to do, and when it is gone the worker serves")
    func otherProperties() async throws {
        let bench = try await Bench(longestWait: 4)
        let broker = bench.broker
        try await broker.control(
            "eval",
            "rabbit_amqqueue:declare(rabbit_misc:r(<<\"/\">>, queue, <<\"\(bench.queue)\">>), true, false, "
                + "[{<<\"x-max-length\">>, long, 5}], none, <<\"test\">>).")
        try await bench.run {
            try await bench.health("told") { health in
                health.reasons.contains {
                    $0.contains("x-max-length") && $0.contains("'\(bench.queue)'")
                        && $0.contains("amqp_durable_queues") && $0.contains("delete it")
                }
            }
            // Slowly: nothing but a change of settings helps.
            let attempts = bench.proxy.accepted
            try await broker.deleteQueue(bench.queue)
            try await bench.health("ready") { $0.isReady }
            #expect(bench.proxy.accepted - attempts <= 4)
            try await bench.answers()
        }
    }

    @Test("A password that was changed is told without it, tried slowly, and served with when it is right again")
    func changedPassword() async throws {
        let broker = try await Self.starting.value
        let user = "nova-\(UUID().uuidString.prefix(8))"
        try await broker.addUser(user, password: "canaryword")
        let bench = try await Bench(login: "\(user):canaryword", longestWait: 4)
        try await bench.run {
            try await bench.health("ready") { $0.isReady }
            try await broker.control("change_password", user, "another")
            try await broker.closeConnections()
            try await bench.health("told") { health in
                health.reasons.contains { $0.contains("ACCESS_REFUSED") && $0.contains("transport_url") }
            }
            #expect(!"\(bench.worker.health)".contains("canaryword"))
            try await broker.control("change_password", user, "canaryword")
            try await bench.health("ready again") { $0.isReady }
            try await bench.answers()
        }
    }

    @Test("A queue that is deleted under the consumer is consumed again within five seconds, and proved by a probe")
    func deletedQueue() async throws {
        let bench = try await Bench()
        try await bench.run {
            try await bench.health("ready") { $0.isReady }
            for queue in [bench.queue, bench.topic] {
                try await bench.broker.deleteQueue(queue)
                let deleted = ContinuousClock.now
                try await bench.health("a probe came back", within: .seconds(5)) { health in
                    health.isReady && health.loopback.map { $0.result == .passed && $0.at > deleted } == true
                }
                try await bench.answers()
            }
        }
    }

    @Test("A broker that restarts again and again is served within five seconds each time it is back")
    func restarts() async throws {
        let bench = try await Bench()
        try await bench.run {
            try await bench.health("ready") { $0.isReady }
            for round in 1...4 {
                if round == 2 { await bench.broker.kill() } else { await bench.broker.stop() }
                try await bench.health("not ready") { !$0.isReady }
                try await bench.broker.start()
                let back = try await bench.health("ready again") { $0.isReady }
                #expect(back <= .seconds(5), "\(back)")
                try await bench.answers()
            }
        }
    }
}
