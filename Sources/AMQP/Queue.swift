// SPDX-License-Identifier: Apache-2.0

/// A queue as it is to be declared.
public struct Queue: Sendable, Hashable {
    /// Empty: the broker makes a name for each connection (see `ConnectionState.ready`).
    public var name: String
    /// A queue that exists with the other value is accepted as it is (with a notice in the log).
    public var durable: Bool
    /// Belongs to the connection that declared it and goes with it.
    public var exclusive: Bool
    public var autoDelete: Bool
    /// Only asks that the queue exists; the other properties are not compared.
    public var passive: Bool
    public var arguments: FieldTable

    public init(
        name: String, durable: Bool = false, exclusive: Bool = false, autoDelete: Bool = false,
        passive: Bool = false, arguments: FieldTable = [:]
    ) {
        self.name = name
        self.durable = durable
        self.exclusive = exclusive
        self.autoDelete = autoDelete
        self.passive = passive
        self.arguments = arguments
    }
}
