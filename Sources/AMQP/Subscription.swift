// SPDX-License-Identifier: Apache-2.0

/// A queue to consume from, with what is declared before: exchanges, the queue, its bindings, in this order.
public struct Subscription: Sendable, Hashable {
    public var exchanges: [Exchange]
    public var queue: Queue
    public var bindings: [Binding]
    /// Unacknowledged messages that the broker may have outstanding here; nil takes the consumer's value.
    ///
    /// The bound holds per subscription: quorum queues know no bound over a whole channel.
    public var prefetch: UInt16?
    /// Refused by the broker when another consumer is there.
    public var exclusive: Bool
    public var arguments: FieldTable
    /// Declared before all others, so that nothing is declared or consumed where another connection holds the queue
    /// (exclusive). What arrives here goes to ``Consumer/aside``.
    public var isLock: Bool

    public init(
        exchanges: [Exchange] = [], queue: Queue, bindings: [Binding] = [], prefetch: UInt16? = nil,
        exclusive: Bool = false, arguments: FieldTable = [:], isLock: Bool = false
    ) {
        self.exchanges = exchanges
        self.queue = queue
        self.bindings = bindings
        self.prefetch = prefetch
        self.exclusive = exclusive
        self.arguments = arguments
        self.isLock = isLock
    }
}
