// SPDX-License-Identifier: Apache-2.0

import AMQP
import ComputeModel
import OsloMessaging
import Testing

@Suite("Exchanges and queues are declared as nova declares them")
struct TopologyTests {
    /// A recorded or a planned declaration, with the fresh part of a fanout queue's name cut off.
    private struct Step: Hashable {
        var method: String
        var name: String
        var kind = ""
        var durable = false
        var autoDelete = false
        var exclusive = false
        var exchange = ""
        var routingKey = ""
        var expires: Int?
    }

    private func recorded(_ file: String) throws -> [Step] {
        try Golden.frames(file).compactMap { frame in
            guard let method = frame["method"]?.string else { return nil }
            switch method {
            case "exchange.declare":
                return Step(
                    method: method, name: try #require(frame["exchange"]?.string), kind: frame["type"]?.string ?? "",
                    durable: frame["durable"] == true, autoDelete: frame["auto_delete"] == true)
            case "queue.declare":
                return Step(
                    method: method, name: cut(try #require(frame["queue"]?.string)), durable: frame["durable"] == true,
                    autoDelete: frame["auto_delete"] == true, exclusive: frame["exclusive"] == true,
                    expires: frame["arguments"]?["x-expires"]?.int)
            case "queue.bind":
                return Step(
                    method: method, name: cut(try #require(frame["queue"]?.string)),
                    exchange: frame["exchange"]?.string ?? "", routingKey: frame["routing_key"]?.string ?? "")
            default: return nil
            }
        }
    }

    private func cut(_ queue: String) -> String {
        queue.hasPrefix("compute_fanout_") ? "compute_fanout_*" : queue.hasPrefix("reply_") ? "reply_*" : queue
    }

    private func steps(_ subscriptions: [Subscription]) -> [Step] {
        subscriptions.flatMap { subscription in
            subscription.exchanges.map { step($0) } + [step(subscription.queue)]
                + subscription.bindings.map { binding in
                    Step(
                        method: "queue.bind", name: cut(subscription.queue.name), exchange: binding.exchange,
                        routingKey: binding.routingKey)
                }
        }
    }

    private func step(_ exchange: Exchange) -> Step {
        Step(
            method: "exchange.declare", name: exchange.name, kind: exchange.kind.rawValue, durable: exchange.durable,
            autoDelete: exchange.autoDelete)
    }

    private func step(_ queue: Queue) -> Step {
        var expires: Int?
        if case .int(let value)? = queue.arguments["x-expires"] { expires = Int(value) }
        return Step(
            method: "queue.declare", name: cut(queue.name), durable: queue.durable, autoDelete: queue.autoDelete,
            exclusive: queue.exclusive, expires: expires)
    }

    @Test("a server of Folsom's form declares what nova-compute declared, in its order")
    func folsom() throws {
        let planned = RPCTopology().serverSubscriptions(topic: "compute", server: "compute1")
        #expect(try steps(planned) == recorded("f01-topology-nova-compute-startup"))
        #expect(planned.allSatisfy { $0.queue.arguments.isEmpty && $0.arguments.isEmpty && !$0.exclusive })
    }

    @Test("a server of today's form declares what oslo.messaging's server declared, in its order")
    func today() throws {
        var options = TopologyOptions()
        options.fanoutForm = .expiring
        let planned = RPCTopology(options: options).serverSubscriptions(topic: "compute", server: "modern1")
        #expect(try steps(planned) == recorded("m01-topology-rpc-server"))
    }

    @Test("a client's reply queue is oslo.messaging's")
    func replyQueue() throws {
        let recorded = try recorded("m02-topology-rpc-client").filter {
            $0.name == "reply_*" && $0.method == "queue.declare"
        }
        let planned = RPCTopology().replySubscription(queue: "reply_\(RandomIdentifiers().next().hex)")
        #expect([step(planned.queue)] == Array(recorded.prefix(1)))
        #expect(planned.bindings.isEmpty && planned.exchanges.isEmpty)
    }

    @Test("a fanout queue has a fresh name each time")
    func freshNames() {
        let names = (0..<10).map { _ in
            RPCTopology().serverSubscriptions(topic: "compute", server: "a")[2].queue.name
        }
        #expect(Set(names).count == 10)
    }

    @Test("durable, auto-delete, quorum and mirrored reach the queues that nova gives them to")
    func options() {
        var options = TopologyOptions()
        options.isDurable = true
        options.isAutoDelete = true
        options.isMirrored = true
        options.cancelsOnFailover = true
        var planned = RPCTopology(options: options).serverSubscriptions(topic: "compute", server: "a")
        #expect(planned.map(\.queue.durable) == [true, true, false])
        #expect(planned.map { $0.exchanges[0].durable } == [true, true, false])
        #expect(planned.map(\.queue.autoDelete) == [true, true, true])
        #expect(planned[0].queue.arguments == ["x-ha-policy": "all"])
        #expect(planned.allSatisfy { $0.arguments == ["x-cancel-on-ha-failover": true] })

        options = TopologyOptions()
        options.isQuorum = true
        options.isTransientQuorum = true
        options.fanoutForm = .expiring
        options.transientQueueExpiry = 60
        options.quorumLimits.deliveryLimit = 5
        planned = RPCTopology(options: options).serverSubscriptions(topic: "compute", server: "a")
        #expect(planned.map(\.queue.durable) == [true, true, true])
        #expect(planned[1].queue.arguments == ["x-queue-type": "quorum", "x-delivery-limit": 5])
        #expect(planned[2].queue.arguments == ["x-queue-type": "quorum", "x-delivery-limit": 5, "x-expires": 60_000])
        #expect(planned[2].exchanges[0].durable)
    }

    @Test("a publisher declares what nova declares before publishing there")
    func declarations() throws {
        let topology = RPCTopology()
        func names(_ exchange: String, _ routingKey: String) -> [String] {
            topology.declarations(exchange: exchange, routingKey: routingKey).map { declaration in
                switch declaration {
                case .exchange(let exchange): "\(exchange.kind) \(exchange.name) \(exchange.autoDelete)"
                case .queue(let queue): "queue \(queue.name) \(queue.durable)"
                case .binding(let binding): "\(binding.exchange) -\(binding.routingKey)-> \(binding.queue)"
                }
            }
        }
        #expect(names("nova", "compute.host") == ["topic nova false"])
        #expect(
            names("nova", "notifications.info") == [
                "topic nova false", "queue notifications.info false", "nova -notifications.info-> notifications.info",
            ])
        #expect(names("compute_fanout", "") == ["fanout compute_fanout true"])
        let id = "dc696ddd207a4124aceb43b534cff51a"
        #expect(names(id, id) == ["direct \(id) true"])
        #expect(names("", "reply_\(id)").isEmpty)
        #expect(names("", "compute.host.dead") == ["queue compute.host.dead true"])
        #expect(RPCTopology.deadLetterQueue("compute", server: "host") == "compute.host.dead")
        #expect(topology.address(of: .fanout(topic: "compute")) == ("compute_fanout", ""))
    }

    @Test("a dead letter has a beginning, a size and a reason")
    func deadLetter() {
        let fault = MalformedMessage(.tooLarge, "the body is over the cap")
        let message = DeadLetter.encode(
            Array(repeating: 7, count: 5000), size: 64 << 20, fault: fault, queue: "compute.host.dead")
        #expect(message.body.count == DeadLetter.headSize)
        #expect(
            message.headers == [
                "x-reason": "too-large", "x-detail": "the body is over the cap", "x-size": "67108864",
            ])
        #expect(message.isMandatory && message.exchange == "" && message.routingKey == "compute.host.dead")
    }
}
