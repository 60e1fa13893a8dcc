// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// What the writer knows without asking the database: the next ids, how full it is, and which messages it has seen.
///
/// The ids of messages are random, so an index over them would have a page rewritten for nearly every message of a
/// commit; with pages as large as ours that is more than the bodies themselves. The store has one writer, and a look at
/// the finished and unfinished rows at start tells it all that such an index would. Changes are undone when the
/// savepoint or the commit that they belong to fails.
struct WriterMemory {
    struct Counters {
        var nextJournalID: Int64 = 1
        var nextOutboxID: Int64 = 1
        var unfinished = 0
        var finished = 0
        var outbox = 0
        var lastAddressedID: Int64 = 0
        var quarantined = 0
        var nextClaimID: Int64 = 1
    }

    /// A state to which memory can go back.
    struct Mark {
        fileprivate let counters: Counters
        fileprivate let changes: Int
        fileprivate let quarantined: Int
        fileprivate let released: Int
        fileprivate let forgotten: Int
    }

    /// How far the events of an instance are counted.
    struct Sequence: Hashable {
        var last: Int64
        /// What the tables say of it so far.
        var written: Int64
    }

    private enum Change {
        case sequence(InstanceID, before: Sequence?)
        case identified(UniqueBits, before: Int64?)
        case unnamed(UniqueBits, before: ContentCopies?)
        case claim(StoredClaim.Key, before: ClaimBook.Line?)
    }

    var counters = Counters()
    /// What instances have claimed; changed by ``setClaim(_:of:)``.
    var claims = ClaimBook()
    /// Instances whose rows this commit removes.
    private(set) var removedInstances: Set<InstanceID> = []
    /// What this commit sets aside, and the instances of which it forgets such rows.
    private(set) var quarantined: [QuarantinedRow] = []
    private(set) var released: [InstanceID] = []
    private(set) var forgotten: [Int64] = []
    private var identified: [UniqueBits: Int64] = [:]
    private var unnamed: [UniqueBits: ContentCopies] = [:]
    private var sequences: [InstanceID: Sequence] = [:]
    /// Instances whose count is not written yet, in the order in which it moved; may name one twice.
    private(set) var unwrittenSequences: [InstanceID] = []
    private var changes: [Change] = []

    /// The row of the message of that id.
    func row(identified key: UniqueBits) -> Int64? { identified[key] }

    /// Takes a redelivered message without an id for one that is journaled, by its content; the latest row of those,
    /// nil where it is none.
    mutating func takeRepeat(unnamed key: UniqueBits, on connection: UInt64) -> Int64? {
        guard let before = unnamed[key] else { return nil }
        var copies = before
        guard copies.takeRepeat(on: connection) else { return nil }
        changes.append(.unnamed(key, before: before))
        unnamed[key] = copies
        return copies.row
    }

    mutating func set(identified key: UniqueBits, to row: Int64) {
        changes.append(.identified(key, before: identified.updateValue(row, forKey: key)))
    }

    mutating func add(unnamed key: UniqueBits, row: Int64, on connection: UInt64) {
        let before = unnamed[key]
        var copies = before
        copies?.add(row: row, on: connection)
        changes.append(.unnamed(key, before: before))
        unnamed[key] = copies ?? ContentCopies(row: row, on: connection)
    }

    /// Forgets the key if it still stands for `row`.
    mutating func remove(identified key: UniqueBits, of row: Int64) {
        guard identified[key] == row else { return }
        identified[key] = nil
        changes.append(.identified(key, before: row))
    }

    /// Forgets one of the messages of that content.
    mutating func remove(unnamed key: UniqueBits) {
        guard let before = unnamed[key] else { return }
        var copies = before
        copies.forget()
        changes.append(.unnamed(key, before: before))
        unnamed[key] = copies.isEmpty ? nil : copies
    }

    mutating func noteSaved(_ id: InstanceID) { removedInstances.remove(id) }

    mutating func noteRemoved(_ id: InstanceID) { removedInstances.insert(id) }

    /// The number of the next event of an instance, or of the last one where that is told once more.
    mutating func number(of id: InstanceID, repeatsEvent: Bool) -> Int64 {
        var sequence = sequences[id] ?? Sequence(last: 0, written: 0)
        guard !repeatsEvent || sequence.last == 0 else { return sequence.last }
        sequence.last += 1
        setSequence(sequence, of: id)
        unwrittenSequences.append(id)
        return sequence.last
    }

    /// How far the events of an instance are counted; nil where none was told.
    func sequence(of id: InstanceID) -> Sequence? { sequences[id] }

    /// Notes that the tables say now how far the events of an instance are counted, or that they don't any more.
    mutating func noteSequence(of id: InstanceID, isWritten: Bool) {
        guard var sequence = sequences[id] else { return }
        let written = isWritten ? sequence.last : 0
        guard sequence.written != written else { return }
        sequence.written = written
        setSequence(sequence, of: id)
        if !isWritten { unwrittenSequences.append(id) }
    }

    mutating func forgetSequence(of id: InstanceID) { setSequence(nil, of: id) }

    private mutating func setSequence(_ sequence: Sequence?, of id: InstanceID) {
        changes.append(.sequence(id, before: sequences[id]))
        sequences[id] = sequence
    }

    mutating func setClaim(_ line: ClaimBook.Line?, of key: StoredClaim.Key) {
        changes.append(.claim(key, before: claims.set(line, of: key)))
    }

    mutating func noteQuarantined(_ row: QuarantinedRow) {
        counters.quarantined += 1
        quarantined.append(row)
    }

    mutating func noteForgotten(_ ids: [Int64]) { forgotten += ids }

    mutating func noteReleased(_ id: InstanceID) { released.append(id) }

    var mark: Mark {
        Mark(
            counters: counters, changes: changes.count, quarantined: quarantined.count, released: released.count,
            forgotten: forgotten.count)
    }

    mutating func undo(to mark: Mark) {
        let ids = (counters.nextJournalID, counters.nextOutboxID, counters.nextClaimID)
        counters = mark.counters
        // Which of them were removed before the mark is not known; an index that names too many does no harm.
        removedInstances = []
        quarantined.removeSubrange(mark.quarantined...)
        released.removeSubrange(mark.released...)
        forgotten.removeSubrange(mark.forgotten...)
        // An id that was handed out once is not handed out again: a reader may stand behind it.
        (counters.nextJournalID, counters.nextOutboxID, counters.nextClaimID) = ids
        while changes.count > mark.changes {
            switch changes.removeLast() {
            case .sequence(let id, let before): sequences[id] = before
            case .identified(let key, let before): identified[key] = before
            case .unnamed(let key, let before): unnamed[key] = before
            case .claim(let key, let before): claims.set(before, of: key)
            }
        }
    }

    /// Makes everything so far lasting.
    mutating func committed() {
        changes.removeAll(keepingCapacity: true)
        removedInstances.removeAll(keepingCapacity: true)
        unwrittenSequences.removeAll(keepingCapacity: true)
        quarantined.removeAll()
        released.removeAll()
        forgotten.removeAll()
    }

    /// Takes in a row of the database at start.
    mutating func load(row: Int64, identified key: UniqueBits) { identified[key] = row }

    mutating func load(row: Int64, unnamed key: UniqueBits) {
        if unnamed[key]?.load(row: row) == nil { unnamed[key] = ContentCopies(loading: row) }
    }

    mutating func load(sequence last: Int64, of id: InstanceID) {
        guard last > sequences[id]?.last ?? 0 else { return }
        sequences[id] = Sequence(last: last, written: last)
    }
}
