// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// Who is to serve a request.
public enum RPCTarget: Sendable, Hashable {
    /// Any one server of a topic.
    case any(topic: String)
    /// One server.
    case server(topic: String, server: String)
    /// Every server of a topic; casts only.
    case fanout(topic: String)
}

extension RPCTarget {
    /// The queue that its servers share; for all of them the exchange that they are bound to.
    public var queueName: String {
        switch self {
        case .any(let topic): topic
        case .server(let topic, let server): RPCTopology.serverTopic(topic, server: server)
        case .fanout(let topic): RPCTopology.fanoutExchange(topic)
        }
    }
}

extension RPCTopology {
    /// Exchange and routing key that lead to a target.
    public func address(of target: RPCTarget) -> (exchange: String, routingKey: String) {
        switch target {
        case .any(let topic): (options.controlExchange, topic)
        case .server(let topic, let server): (options.controlExchange, Self.serverTopic(topic, server: server))
        case .fanout(let topic): (Self.fanoutExchange(topic), "")
        }
    }
}
