// SPDX-License-Identifier: Apache-2.0

/// The members and elements that a parser has read and whose object or array is not closed yet.
///
/// One stack for the whole document: an object that is closed moves its members off the top into an array of just their
/// number, where arrays that grow member by member would be moved many times.
///
/// Not `Sendable`, and released by ``deallocate()``: it lives as long as one parser.
struct MoveStack<Element> {
    private var base: UnsafeMutablePointer<Element>
    private var capacity: Int
    private(set) var count = 0

    init(capacity: Int) {
        self.capacity = capacity
        base = .allocate(capacity: capacity)
    }

    @inline(__always)
    mutating func push(_ element: consuming Element) {
        if count == capacity { grow() }
        (base + count).initialize(to: element)
        count &+= 1
    }

    /// Moves everything from `start` on into an array.
    mutating func take(from start: Int) -> [Element] {
        let length = count &- start
        let source = base + start
        count = start
        return [Element](unsafeUninitializedCapacity: length) { buffer, initialized in
            if length > 0, let target = buffer.baseAddress { target.moveInitialize(from: source, count: length) }
            initialized = length
        }
    }

    /// Forgets everything from `start` on.
    mutating func drop(from start: Int) {
        (base + start).deinitialize(count: count &- start)
        count = start
    }

    /// Whether one of those from `start` on is wanted.
    @inline(__always)
    func contains(from start: Int, where isWanted: (borrowing Element) -> Bool) -> Bool {
        var index = start
        while index < count {
            if isWanted(base[index]) { return true }
            index &+= 1
        }
        return false
    }

    func elements(from start: Int) -> UnsafeBufferPointer<Element> {
        UnsafeBufferPointer(start: base + start, count: count &- start)
    }

    /// Drops everything and gives the memory back.
    mutating func deallocate() {
        base.deinitialize(count: count)
        base.deallocate()
        count = 0
    }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity * 2)
        larger.moveInitialize(from: base, count: count)
        base.deallocate()
        base = larger
        capacity *= 2
    }
}
