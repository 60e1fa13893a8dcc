// SPDX-License-Identifier: Apache-2.0

/// A value in a header table or in the arguments of a declaration.
public enum FieldValue: Sendable, Hashable {
    case bool(Bool)
    case int(Int64)
    case unsigned(UInt64)
    case double(Double)
    case string(String)
    case bytes([UInt8])
    /// Seconds since 1970.
    case timestamp(UInt64)
    case array([FieldValue])
    case table([String: FieldValue])
    case null
}

extension FieldValue: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByStringLiteral {
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int64) { self = .int(value) }
    public init(stringLiteral value: String) { self = .string(value) }
}

/// An AMQP field table.
public typealias FieldTable = [String: FieldValue]
