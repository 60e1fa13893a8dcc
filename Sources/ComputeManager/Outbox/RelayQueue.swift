// SPDX-License-Identifier: Apache-2.0

internal import WorkerStore

/// Which message of the outbox leaves next: a value without tasks or time, driven by ``RelayFlow``.
///
/// Messages of one key leave one after the other, keys take turns. A key whose message was refused rests and is in
/// nobody's way: its bodies are given up, and read again when it goes on.
struct RelayQueue {
    /// A message that is to leave; without its content where that was given up.
    struct Item {
        let id: OutboxID
        let row: OutboxRow?
    }

    /// What is taken from the front and put to the end; the front is consumed without moving the rest.
    private struct Line<Element> {
        private(set) var elements: [Element] = []
        private var start = 0

        var count: Int { elements.count - start }
        var front: Element? { start < elements.count ? elements[start] : nil }
        var rest: ArraySlice<Element> { elements[start...] }

        mutating func append(_ element: Element) { elements.append(element) }

        mutating func dropFront() {
            start += 1
            if start > 32, start * 2 > elements.count {
                elements.removeFirst(start)
                start = 0
            }
        }
    }

    private struct Key {
        /// Messages whose content was given up, before all others: there may be very many while no broker is there.
        var bare = Line<OutboxID>()
        var rows = Line<OutboxRow>()
        var isResting = false
        var refusals = 0

        var front: Item? { bare.front.map { Item(id: $0, row: nil) } ?? rows.front.map { Item(id: $0.id, row: $0) } }
        var count: Int { bare.count + rows.count }

        mutating func dropFront() {
            if bare.front != nil { bare.dropFront() } else { rows.dropFront() }
        }
    }

    private var keys: [String: Key] = [:]
    /// Keys that have a message to leave and none under way, in the order in which they became so.
    private var ready: [String] = []
    private var readyStart = 0
    /// Bytes of the bodies that are held.
    private(set) var bufferedBytes = 0
    /// Messages that are held, resting ones included.
    private(set) var count = 0

    /// Whether a message could leave now.
    var hasReady: Bool { readyStart < ready.count }

    /// Takes in the next message of the outbox.
    mutating func append(_ row: OutboxRow) {
        let name = row.message.orderingKey
        count += 1
        // In place: a copied array would be copied whole for each message.
        let becomesReady = modify(name) { key, bytes in
            if key.isResting {
                key.bare.append(row.id)
                return false
            }
            bytes += row.message.body.count
            key.rows.append(row)
            return key.count == 1
        }
        if becomesReady { ready.append(name) }
    }

    /// The key whose turn it is, with its first message; that key is then busy.
    mutating func next() -> (key: String, item: Item)? {
        while hasReady {
            let name = ready[readyStart]
            readyStart += 1
            if readyStart > 64, readyStart * 2 > ready.count {
                ready.removeFirst(readyStart)
                readyStart = 0
            }
            if let item = keys[name]?.front { return (name, item) }
        }
        return nil
    }

    /// The first message of a busy key is done with; the key lines up again if it has more.
    mutating func finish(_ name: String) {
        count -= 1
        let hasMore = modify(name) { key, bytes in
            bytes -= key.front?.row?.message.body.count ?? 0
            key.dropFront()
            key.refusals = 0
            return key.front != nil
        }
        if hasMore { ready.append(name) } else { keys[name] = nil }
    }

    /// The first message of a busy key did not leave: the key rests. How often that happened to this message.
    mutating func rest(_ name: String) -> Int {
        modify(name) { key, bytes in
            key.isResting = true
            key.refusals += 1
            for row in key.rows.rest {
                bytes -= row.message.body.count
                key.bare.append(row.id)
            }
            key.rows = Line()
            return key.refusals
        }
    }

    /// A resting key lines up again.
    mutating func wake(_ name: String) {
        let isReady = modify(name) { key, _ in
            key.isResting = false
            return key.front != nil
        }
        if isReady { ready.append(name) } else { keys[name] = nil }
    }

    private mutating func modify<Value>(_ name: String, _ body: (inout Key, inout Int) -> Value) -> Value {
        body(&keys[name, default: Key()], &bufferedBytes)
    }
}
