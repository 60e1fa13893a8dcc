// SPDX-License-Identifier: Apache-2.0

/// A JSON document as it stands on the wire: members keep their order, numbers keep their spelling.
///
/// A message that is decoded and encoded again therefore differs only where somebody changed it.
public enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)
}

extension JSONValue {
    /// The member values of an object, or nil for any other kind.
    public var object: JSONObject? { if case .object(let value) = self { value } else { nil } }

    /// The elements of an array, or nil for any other kind.
    public var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }

    /// The text of a string, or nil for any other kind.
    public var string: String? { if case .string(let value) = self { value } else { nil } }

    /// The truth value, or nil for any other kind.
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

    /// The whole number, or nil for any other kind, a fraction, or a value outside 64 bits.
    public var int: Int? { if case .number(let value) = self { value.int } else { nil } }

    /// The number as a double, or nil for any other kind.
    public var double: Double? { if case .number(let value) = self { value.double } else { nil } }

    /// Whether this is JSON's `null`.
    public var isNull: Bool { if case .null = self { true } else { false } }

    /// The word for this kind of value in an error text: "a string", "null".
    public var kindName: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    /// The member of an object, or nil where this is no object or has no such member.
    public subscript(key: String) -> JSONValue? { object?[key] }

    /// `string`, or null for nil.
    public init(_ string: String?) { self = string.map { .string($0) } ?? .null }

    /// `number`, or null for nil.
    public init(_ number: Int?) { self = number.map { .number(JSONNumber($0)) } ?? .null }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int) { self = .number(JSONNumber(value)) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    public init(nilLiteral: ()) { self = .null }
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        var object = JSONObject(minimumCapacity: elements.count)
        for (key, value) in elements { object[key] = value }
        self = .object(object)
    }
}
