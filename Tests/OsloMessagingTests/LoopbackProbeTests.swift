// SPDX-License-Identifier: Apache-2.0

import AMQP
import ComputeModel
import OsloMessaging
import TestSupport
import Testing

@Suite("A message to the own host shows whether the way through the broker works", .timeLimit(.minutes(2)))
struct LoopbackProbeTests {
    /// A server behind a proxy of its own, a publisher behind another, and a probe that is quick.
    private struct Bench: Sendable {
        let place: Place
        let consuming: FaultyProxy
        let publishing: FaultyProxy
        let server: RPCServer
        let publisher: WirePublisher
        let probe: LoopbackProbe
        let claim: HostClaim
        let reports: AsyncStream<LoopbackReport>

        var queue: String { "\(place.topic).one" }

        init(prefetch: UInt16 = 256) async throws {
            let place = try await Place { $0.isAutoDelete = false }
            let port = try await SharedBroker.server.port
            let (consuming, publishing) = (try FaultyProxy(before: port), try FaultyProxy(before: port))
            func through(_ proxy: FaultyProxy) -> BrokerConfiguration {
                var configuration = place.configuration
                configuration.endpoints[0].port = proxy.port
                configuration.heartbeat = .seconds(2)
                return configuration
            }
            let server = RPCServer(
                configuration: through(consuming), topology: place.topology, topic: place.topic, server: "one",
                prefetch: prefetch, holdsHost: true, logger: quiet)
            let publisher = WirePublisher(
                configuration: through(publishing), topology: place.topology, logger: quiet)
            var options = LoopbackProbe.Options()
            options.interval = .milliseconds(200)
            options.timeout = .seconds(1)
            let (reports, continuation) = AsyncStream<LoopbackReport>.makeStream()
            let probe = LoopbackProbe(
                server: server, publisher: publisher, options: options, logger: quiet,
                onReport: { continuation.yield($0) })
            claim = HostClaim(
                topic: place.topic, host: "one", server: server, publisher: publisher,
                configuration: place.configuration,
                identity: HostHolder(
                    id: RandomIdentifiers().next(), machine: "m", processID: 1, since: Timestamp(microseconds: 0),
                    statePath: "/"),
                probe: probe, logger: quiet)
            (self.place, self.consuming, self.publishing) = (place, consuming, publishing)
            (self.server, self.publisher, self.probe, self.reports) = (server, publisher, probe, reports)
        }

        /// Runs all of it beside the body.
        func run(_ body: @Sendable @escaping () async throws -> Void) async throws {
            try await with(server, publisher) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    group.addTask { await probe.run() }
                    group.addTask { try await claim.run() }
                    try await server.states.ready()
                    try await body()
                }
            }
            for name in [place.topic, queue] { try await SharedBroker.delete(queue: name) }
        }

        /// The next report that fits, counted from now.
        func next(_ fits: (LoopbackReport) -> Bool) async throws -> LoopbackReport {
            for await report in reports where fits(report) { return report }
            throw ChildProcess.Failure("the probe ended")
        }
    }

    @Test("Probes come back, are counted as no work, and leave nothing in the queue")
    func passes() async throws {
        let bench = try await Bench()
        try await bench.run {
            for _ in 0..<5 {
                let report = try await bench.next { _ in true }
                #expect(report.result == .passed && report.failures == 0)
                #expect(report.roundTrip != nil)
            }
            #expect(bench.server.statistics.deliveries == 0)
            #expect(bench.server.statistics.outstanding == 0)
            let queues = try await SharedBroker.server.queues()
            #expect(try #require(queues[bench.queue]) == (0, 0))
        }
    }

    @Test("Where publishes pass and deliveries don't, two probes show it and the connection is made anew")
    func halfOpen() async throws {
        let bench = try await Bench()
        try await bench.run {
            _ = try await bench.next { $0.result == .passed }
            let states = bench.server.states
            let began = ContinuousClock.now
            bench.consuming.set(.deaf)
            let report = try await bench.next { $0.failures == 2 }
            #expect(report.result == .notDelivered)
            // An interval and two time-outs, and some for a busy machine.
            #expect(ContinuousClock.now - began < .seconds(8))
            for await case .lost(let error, retryIn: _) in states {
                #expect(error.code == .givenUp)
                break
            }
            let again = try await bench.next { $0.result == .passed }
            #expect(again.failures == 0)
            #expect(bench.server.statistics.connections == 2)
            #expect(bench.publisher.statistics.connections == 1)
        }
    }

    @Test("Where nothing is confirmed, the connection that publishes is made anew and the other is left alone")
    func unconfirmed() async throws {
        let bench = try await Bench()
        try await bench.run {
            _ = try await bench.next { $0.result == .passed }
            bench.publishing.set(.unconfirmed)
            let condemned = try await bench.next { $0.failures == 2 }
            #expect(condemned.result == .notConfirmed)
            _ = try await bench.next { $0.result == .passed }
            #expect(bench.publisher.statistics.connections == 2)
            #expect(bench.server.statistics.connections == 1)
        }
    }

    @Test("A binding that somebody took away is found and made again")
    func unbound() async throws {
        let bench = try await Bench()
        try await bench.run {
            _ = try await bench.next { $0.result == .passed }
            let exchange = bench.place.topology.options.controlExchange
            try await SharedBroker.server.control(
                "eval",
                "rabbit_binding:remove({binding, rabbit_misc:r(<<\"/\">>, exchange, <<\"\(exchange)\">>), "
                    + "<<\"\(bench.queue)\">>, rabbit_misc:r(<<\"/\">>, queue, <<\"\(bench.queue)\">>), []}, "
                    + "<<\"test\">>).")
            let condemned = try await bench.next { $0.failures == 2 }
            #expect(condemned.result == .unroutable)
            _ = try await bench.next { $0.result == .passed }
            #expect(bench.server.statistics.connections == 2)
        }
    }

    @Test("A server that takes nothing in, or is full, is not condemned; what it was sent does not pile up")
    func held() async throws {
        let bench = try await Bench(prefetch: 2)
        let sender = bench.place.client(.enveloped)
        try await bench.run {
            _ = try await bench.next { $0.result == .passed }
            bench.server.pause()
            _ = try await bench.next { $0.result == .inconclusive("nothing is taken in just now") }
            _ = try await bench.next { $0.result == .inconclusive("nothing is taken in just now") }
            bench.server.resume()
            _ = try await bench.next { $0.result == .passed }
            try await with(sender) {
                for _ in 0..<3 {
                    try await sender.cast(
                        OutgoingRequest(method: "m", version: "2.0", context: .test),
                        to: .server(topic: bench.place.topic, server: "one"), isMandatory: true)
                }
            }
            // Two are handed out and not settled: the broker may send no more, and a probe waits with the third.
            let report = try await bench.next { if case .inconclusive = $0.result { true } else { false } }
            #expect(report.failures == 0)
            _ = try await bench.next { $0.result == .inconclusive("as many as allowed are unsettled") }
            _ = try await bench.next { $0.result == .inconclusive("as many as allowed are unsettled") }
            let waiting = try #require(try await SharedBroker.server.queues()[bench.queue])
            #expect(waiting.unacknowledged == 2 && waiting.ready <= 1 + 3, "probes pile up")
            let first = try await bench.server.take(2)
            bench.server.acknowledge(first.map(\.tag))
            let third = try await bench.server.take(1)
            bench.server.acknowledge(third.map(\.tag))
            _ = try await bench.next { $0.result == .passed }
            #expect(bench.server.statistics.connections == 1)
            #expect(bench.server.statistics.deliveries == 3)
        }
    }
}
