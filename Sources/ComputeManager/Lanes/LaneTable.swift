// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

/// Which request is next: a lane per instance, first in, first out, and bounded slots over all lanes.
///
/// A value without tasks or clocks, so that its rules can be tested by themselves.
struct LaneTable: Sendable {
    /// What shares a lane.
    enum Key: Hashable, Sendable {
        case instance(InstanceID)
        /// A request that names no instance has a lane to itself.
        case entry(JournalID)
    }

    /// What has its turn in a lane.
    enum Work: Sendable {
        case request(JournalEntry)
        /// Something of the worker's own that must not meet a request of the same instance; not journaled.
        case visit(@Sendable () async -> Void)
    }

    /// Work that waits.
    struct Item: Sendable {
        let key: Key
        fileprivate(set) var work: Work
        let slot: SlotKind
        /// Whether it takes the place of what is before it in its lane.
        let supersedesEarlier: Bool
        /// Whether an earlier run of the worker took it in.
        let isResumed: Bool
        fileprivate(set) var isSuperseded = false

        init(entry: JournalEntry, slot: SlotKind, supersedesEarlier: Bool, isResumed: Bool) {
            key = entry.instance.map { Key.instance($0) } ?? .entry(entry.id)
            work = .request(entry)
            self.slot = slot
            self.supersedesEarlier = supersedesEarlier
            self.isResumed = isResumed
        }

        init(visiting id: InstanceID, _ body: @escaping @Sendable () async -> Void) {
            key = .instance(id)
            work = .visit(body)
            slot = .visit
            supersedesEarlier = false
            isResumed = false
        }

        /// The request; nil for a visit.
        var entry: JournalEntry? {
            if case .request(let entry) = work { entry } else { nil }
        }

        /// Whether a later request may end it before it begins; what was begun undoes itself in its turn.
        fileprivate var canBeSuperseded: Bool { !supersedesEarlier && entry.map { $0.step == nil } ?? false }

        /// The slot that it takes; ending a superseded one takes none that a build could want.
        fileprivate var slotNow: SlotKind { isSuperseded ? .change : slot }
    }

    /// Work whose turn has come.
    struct Start: Sendable {
        let item: Item
        let token: InterruptionToken
        fileprivate let slot: SlotKind
    }

    private struct Lane {
        var waiting = Queue<Item>()
        var running: (item: Item, token: InterruptionToken, hasSlot: Bool)?
    }

    private var lanes: [Key: Lane] = [:]
    /// Lanes whose first request waits for a slot of the kind. A lane may stand here in vain; ``next()`` looks again.
    private var ready: [SlotKind: Queue<Key>] = [:]
    private var free: [SlotKind: Int]
    private let bufferLimit: Int
    private var buffered = 0
    private(set) var waitingCount = 0
    private(set) var runningCount = 0

    /// - Parameter bufferLimit: bytes of bodies that waiting requests may hold; beyond, a body stays in the journal.
    init(slots: [SlotKind: Int], bufferLimit: Int) {
        free = slots
        self.bufferLimit = bufferLimit
    }

    /// Takes a request in, behind all of its lane; returns the token of the running one whose place it takes.
    mutating func add(_ item: Item) -> InterruptionToken? {
        var item = item
        let key = item.key
        buffer(&item)
        var lane = lanes[key] ?? Lane()
        var interrupted: InterruptionToken?
        if item.supersedesEarlier {
            lane.waiting.modifyAll { $0.isSuperseded = $0.isSuperseded || $0.canBeSuperseded }
            if let running = lane.running, !running.item.supersedesEarlier { interrupted = running.token }
        }
        lane.waiting.append(item)
        waitingCount += 1
        lanes[key] = lane
        if lane.running == nil { enlist(key) }
        return interrupted
    }

    /// The next request that has its turn and a slot; nil where all wait.
    mutating func next() -> Start? {
        for slot in [SlotKind.change, .build, .visit] {
            while free[slot, default: 0] > 0, let key = ready[slot]?.popFirst() {
                guard var lane = lanes[key], lane.running == nil, let first = lane.waiting.first, first.slotNow == slot
                else { continue }
                _ = lane.waiting.popFirst()
                waitingCount -= 1
                runningCount += 1
                buffered -= first.entry?.body?.count ?? 0
                free[slot, default: 0] -= 1
                let token = InterruptionToken()
                // One that was under way before a restart finds its successor waiting already.
                if !first.supersedesEarlier, lane.waiting.contains(where: \.supersedesEarlier) { token.interrupt() }
                lane.running = (first, token, true)
                lanes[key] = lane
                return Start(item: first, token: token, slot: slot)
            }
        }
        return nil
    }

    /// Frees the slot of a turn that goes on without it; nothing happens where it is free already.
    mutating func freeSlot(_ start: Start) {
        guard let running = lanes[start.item.key]?.running, running.token === start.token, running.hasSlot else { return }
        lanes[start.item.key]?.running?.hasSlot = false
        free[start.slot, default: 0] += 1
    }

    /// Ends a turn; the lane's next request may have its own.
    mutating func finished(_ start: Start) {
        freeSlot(start)
        runningCount -= 1
        guard var lane = lanes[start.item.key] else { return }
        lane.running = nil
        lanes[start.item.key] = lane.waiting.isEmpty ? nil : lane
        if !lane.waiting.isEmpty { enlist(start.item.key) }
    }

    /// Ends a turn whose request is not finished: the lane stays shut, the slot is free again.
    mutating func abandoned(_ start: Start) {
        freeSlot(start)
        runningCount -= 1
    }

    private mutating func enlist(_ key: Key) {
        guard let first = lanes[key]?.waiting.first else { return }
        ready[first.slotNow, default: Queue()].append(key)
    }

    private mutating func buffer(_ item: inout Item) {
        guard case .request(var entry) = item.work, let size = entry.body?.count else { return }
        if buffered + size > bufferLimit {
            entry.body = nil
            item.work = .request(entry)
        } else {
            buffered += size
        }
    }
}
