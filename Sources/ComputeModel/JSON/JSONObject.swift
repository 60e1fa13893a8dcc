// SPDX-License-Identifier: Apache-2.0

/// The members of a JSON object in the sender's order, each key once.
///
/// Look-up walks the members: wire objects have tens of them, where a walk beats hashing.
public struct JSONObject: Sendable {
    /// One key and its value.
    public struct Member: Sendable, Hashable {
        public let key: String
        public var value: JSONValue

        public init(key: String, value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    /// The members in order.
    public private(set) var members: [Member]

    /// An object without members.
    public init(minimumCapacity: Int = 0) {
        members = []
        members.reserveCapacity(minimumCapacity)
    }

    /// An object of members whose keys the caller knows to be distinct.
    init(distinctMembers: [Member]) { members = distinctMembers }

    /// The value of `key`. Setting appends a new key at the end and keeps the place of an existing one; nil removes it.
    public subscript(key: String) -> JSONValue? {
        get {
            for member in members where member.key.hasSameBytes(as: key) { return member.value }
            return nil
        }
        set {
            let index = members.firstIndex { $0.key.hasSameBytes(as: key) }
            switch (index, newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append(Member(key: key, value: value))
            case (nil, nil): break
            }
        }
    }

    /// The number of members.
    public var count: Int { members.count }

    /// Whether there is no member.
    public var isEmpty: Bool { members.isEmpty }

    /// The keys in order.
    public var keys: [String] { members.map(\.key) }

    /// Appends a member without looking for an earlier one of the same key; only for keys that are known to be new.
    public mutating func append(newKey key: String, _ value: JSONValue) {
        members.append(Member(key: key, value: value))
    }
}

extension JSONObject: Hashable {
    /// Two objects are equal when they have the same members, in whatever order.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        guard left.count == right.count else { return false }
        if left.members == right.members { return true }
        return left.members.allSatisfy { right[$0.key] == $0.value }
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(count)
        var combined = 0
        for member in members { combined ^= member.hashValue }
        hasher.combine(combined)
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init(minimumCapacity: elements.count)
        for (key, value) in elements { self[key] = value }
    }
}

extension String {
    /// Whether both are spelled alike. `==` is wider: it takes a composed character for its decomposed form, and two
    /// such keys are distinct ones on the wire.
    @inline(__always)
    func hasSameBytes(as other: String) -> Bool { utf8.count == other.utf8.count && isSpelled(other) }

    private func isSpelled(_ other: String) -> Bool {
        guard self == other else { return false }
        var (mine, theirs) = (self, other)
        return mine.withUTF8 { mine in theirs.withUTF8 { theirs in mine.elementsEqual(theirs) } }
    }
}
