// SPDX-License-Identifier: Apache-2.0

public import AMQP
internal import Logging

/// What a claim of a host does over the connections of its worker.
public protocol HostChannel: Sendable {
    /// What the connection does that consumes, and that holds the host.
    var states: AsyncStream<ConnectionState> { get }

    /// What workers say to themselves and to each other. For one taker; ends with the server.
    var aside: AsyncStream<Delivery> { get }

    /// Publishes once, and waits for the confirm and for a connection where there is none.
    ///
    /// - Parameter patience: how long at most; nil for as long as it takes.
    func publish(_ message: OutboundMessage, within patience: Duration?) async throws(PublishError)

    /// A connection of its own that consumes from a queue which goes with it.
    func inbox(_ queue: String) -> any HostInbox
}

/// Where an answer arrives.
public protocol HostInbox: Sendable {
    /// Consumes until the task is cancelled.
    func run() async throws(BrokerError)
    var states: AsyncStream<ConnectionState> { get }
    /// What has arrived; nil when nothing follows, and when the task is cancelled.
    func nextBatch() async -> [Delivery]?
}

extension Consumer: HostInbox {}

/// A claim's way over the worker's own connections.
struct BrokerHostChannel: HostChannel {
    let server: RPCServer
    let publisher: WirePublisher
    /// Of the broker, for the connection by which the holder's answer comes.
    let configuration: BrokerConfiguration
    let logger: Logger

    var states: AsyncStream<ConnectionState> { server.states }
    var aside: AsyncStream<Delivery> { server.aside }

    func publish(_ message: OutboundMessage, within patience: Duration?) async throws(PublishError) {
        try await publisher.publish(control: message, deadline: patience.map { .now + $0 })
    }

    func inbox(_ queue: String) -> any HostInbox {
        var configuration = configuration
        configuration.connectionName += ":ask"
        return Consumer(configuration: configuration, logger: logger) {
            [Subscription(queue: Queue(name: queue, exclusive: true, autoDelete: true))]
        }
    }
}
