// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Where requests come from; the broker, seen from the manager.
public protocol MessageSource: Sendable {
    /// Everything that has arrived since the last call, in arrival order; waits for at least one; nil once closed.
    func nextBatch() async -> [IncomingMessage]?

    /// Tells the broker that these are ours now. Call it after the commit that holds them, never before.
    func acknowledge(_ tokens: [AcknowledgementToken])

    /// Gives one back: to the queue, or away.
    func reject(_ token: AcknowledgementToken, requeue: Bool)

    /// Stops deliveries and returns to the queue what was not handed out; ``resume()`` begins again. What was handed
    /// out stays with its taker, who alone knows what of it is journaled.
    func pause()

    func resume()
}

/// What the broker wants back to know which message is meant; worthless after a reconnect, where it is ignored.
public struct AcknowledgementToken: Sendable, Hashable {
    /// Which connection, or channel, brought it: another number for each, from 1.
    public let generation: UInt64
    public let number: UInt64

    public init(generation: UInt64, number: UInt64) {
        self.generation = generation
        self.number = number
    }
}

/// A message as it arrived.
public struct IncomingMessage: Sendable {
    public let token: AcknowledgementToken
    /// Grows whenever the broker may deliver again what it delivered before; never falls within a run.
    public let epoch: UInt64
    public let body: [UInt8]
    /// The size that the sender announced; larger than `body` when the body was over the cap and cut.
    public let size: Int
    /// Whether the broker delivered it before; it may have been journaled then.
    public let isRedelivered: Bool
    /// What the scanner found.
    public let scan: Result<MessageSummary, MalformedMessage>

    /// - Parameter epoch: nil where only another connection brings a message again.
    public init(
        token: AcknowledgementToken, epoch: UInt64? = nil, body: [UInt8], size: Int, isRedelivered: Bool,
        scan: Result<MessageSummary, MalformedMessage>
    ) {
        self.token = token
        self.epoch = epoch ?? token.generation
        self.body = body
        self.size = size
        self.isRedelivered = isRedelivered
        self.scan = scan
    }
}

/// Turns a journaled body into a typed request; the wire room's work.
public protocol RequestDecoder: Sendable {
    func decode(_ body: [UInt8]) throws(MalformedMessage) -> RPCRequest
}
