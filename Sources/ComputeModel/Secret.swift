// SPDX-License-Identifier: Apache-2.0

/// A value that must not reach a log, an event, an error text or a process list.
///
/// It prints as `***` wherever something prints it; ``reveal()`` is the one way to the value, and easy to search for.
public struct Secret<Value: Sendable>: Sendable {
    private let value: Value

    public init(_ value: Value) { self.value = value }

    /// The value itself, for the one place that hands it to the hypervisor or to the peer it belongs to.
    public func reveal() -> Value { value }

    /// A secret of what `transform` makes of the value.
    public func map<Other: Sendable>(_ transform: (Value) throws -> Other) rethrows -> Secret<Other> {
        Secret<Other>(try transform(value))
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "***" }
    public var debugDescription: String { "***" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Secret: Equatable where Value: Equatable {}
