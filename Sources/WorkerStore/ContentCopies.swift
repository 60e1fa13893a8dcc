// SPDX-License-Identifier: Apache-2.0

/// How often a message of one content, without an id of its own, was journaled, and how many of those may come again.
///
/// A message comes again only over a connection that is later than the one on which it was journaled, and once on each:
/// its acknowledgement was lost with the earlier one. So many redelivered messages of that content are repeats on a
/// connection, and no more: one beyond is another cast of the same words, which was under way when the connection went.
struct ContentCopies {
    /// The latest of them in the journal.
    private(set) var row: Int64
    /// Copies that were journaled on earlier connections, an earlier run's included.
    private var earlier: Int
    private var connection: UInt64
    /// Copies that were journaled on this connection.
    private var current: Int
    /// Those of the earlier ones that came again on this connection.
    private var repeats = 0

    /// One that was journaled on a connection.
    init(row: Int64, on connection: UInt64) {
        self.row = row
        self.connection = connection
        earlier = 0
        current = 1
    }

    /// One that an earlier run journaled.
    init(loading row: Int64) {
        self.row = row
        connection = 0
        earlier = 1
        current = 0
    }

    var isEmpty: Bool { earlier + current == 0 }

    mutating func load(row: Int64) {
        self.row = row
        earlier += 1
    }

    mutating func add(row: Int64, on connection: UInt64) {
        move(to: connection)
        self.row = row
        current += 1
    }

    /// Takes a redelivered message for one of the copies; false where all of them have come again already.
    mutating func takeRepeat(on connection: UInt64) -> Bool {
        move(to: connection)
        guard repeats < earlier else { return false }
        repeats += 1
        return true
    }

    /// Forgets one copy, the oldest.
    mutating func forget() {
        if earlier > 0 { earlier -= 1 } else { current -= 1 }
    }

    private mutating func move(to connection: UInt64) {
        guard connection != self.connection else { return }
        earlier += current
        current = 0
        repeats = 0
        self.connection = connection
    }
}
