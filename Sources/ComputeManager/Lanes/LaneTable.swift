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
        /// What changes the host.
        case host
        /// Another request that names no instance has a lane to itself.
        case entry(JournalID)

        init(_ entry: JournalEntry) {
            if let id = entry.instance {
                self = .instance(id)
            } else if OperationTable.operation(OperationName(rawValue: entry.operation)) is any HostOperation.Type {
                self = .host
            } else {
                self = .entry(entry.id)
            }
        }
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
        /// Whether the operator gave it up; the journal says so too.
        fileprivate(set) var isCancelled: Bool

        init(entry: JournalEntry, slot: SlotKind, supersedesEarlier: Bool, isResumed: Bool) {
            key = Key(entry)
            work = .request(entry)
            self.slot = slot
            // One that is to be given up takes nobody's place, nor does one that nobody asked for.
            self.supersedesEarlier =
                supersedesEarlier && !(entry.isCancelled && entry.step == nil) && OwnCondition(entry) == nil
            self.isResumed = isResumed
            isCancelled = entry.isCancelled
        }

        init(visiting id: InstanceID, _ body: @escaping @Sendable () async -> Void) {
            key = .instance(id)
            work = .visit(body)
            slot = .visit
            supersedesEarlier = false
            isResumed = false
            isCancelled = false
        }

        /// The request; nil for a visit.
        var entry: JournalEntry? {
            if case .request(let entry) = work { entry } else { nil }
        }

        /// Whether a later request may end it before it begins; what was begun undoes itself in its turn.
        fileprivate var canBeSuperseded: Bool { !supersedesEarlier && entry.map { $0.step == nil } ?? false }
    }

    /// Work whose turn has come.
    struct Start: Sendable {
        let item: Item
        let token: InterruptionToken
        /// Whether a request that waits behind it takes its place, so that it is not to begin.
        let isSuperseded: Bool
        fileprivate let slot: SlotKind
    }

    private struct Running {
        let item: Item
        let token: InterruptionToken
        let begunAt: Timestamp
        var hasSlot = true
        /// Told when it has a slot again, which it gave back to wait for something.
        var whenGranted: (@Sendable () -> Void)?
        /// Not finished and not worked on any more: the next start's.
        var isLeft = false
    }

    private struct Lane {
        var waiting = Queue<Item>()
        var running: Running?
        /// How many of those that wait take the place of what is before them.
        var terminations = 0

        /// Whether the first that waits is to be ended instead of begun.
        var isFirstSuperseded: Bool { terminations > 0 && waiting.first?.canBeSuperseded == true }

        /// The slot that the first takes; ending a superseded one takes none that a build could want.
        var slotOfFirst: SlotKind? { isFirstSuperseded ? .change : waiting.first?.slot }
    }

    private var lanes: [Key: Lane] = [:]
    /// Lanes whose first request waits for a slot of the kind. A lane may stand here in vain; ``next()`` looks again.
    private var ready: [SlotKind: Queue<Key>] = [:]
    /// Lanes whose running request wants a slot back.
    private var returning: [SlotKind: Queue<Key>] = [:]
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
            lane.terminations += 1
            if let running = lane.running, running.item.entry != nil, !running.item.supersedesEarlier {
                interrupted = running.token
            }
        }
        lane.waiting.append(item)
        waitingCount += 1
        lanes[key] = lane
        if lane.running == nil { enlist(key) }
        return interrupted
    }

    /// The next request that has its turn and a slot; nil where all wait.
    mutating func next(at now: Timestamp) -> Start? {
        grantReturning()
        for slot in [SlotKind.change, .build, .visit] {
            while free[slot, default: 0] > 0, let key = ready[slot]?.popFirst() {
                guard var lane = lanes[key], lane.running == nil, let first = lane.waiting.first,
                    lane.slotOfFirst == slot
                else { continue }
                free[slot, default: 0] -= 1
                let start = begin(first, in: &lane, slot, at: now)
                lanes[key] = lane
                return start
            }
        }
        return nil
    }

    private mutating func begin(_ item: Item, in lane: inout Lane, _ slot: SlotKind, at now: Timestamp) -> Start {
        let isSuperseded = lane.isFirstSuperseded
        _ = lane.waiting.popFirst()
        if item.supersedesEarlier { lane.terminations -= 1 }
        waitingCount -= 1
        runningCount += 1
        buffered -= item.entry?.body?.count ?? 0
        let token = InterruptionToken()
        if item.isCancelled { token.interrupt(.cancelled) }
        // One that was under way before a restart finds its successor waiting already.
        if !item.supersedesEarlier, lane.terminations > 0 { token.interrupt(.superseded) }
        lane.running = Running(item: item, token: token, begunAt: now)
        return Start(item: item, token: token, isSuperseded: isSuperseded, slot: slot)
    }

    /// Frees the slot of a turn that goes on without it; nothing happens where it is free already.
    mutating func freeSlot(_ start: Start) {
        let key = start.item.key
        guard let running = lanes[key]?.running, running.token === start.token, running.hasSlot else { return }
        lanes[key]?.running?.hasSlot = false
        free[start.slot, default: 0] += 1
    }

    /// Asks for the slot of a turn that gave it back; where it has to wait, a later ``next(at:)`` calls `granted`.
    ///
    /// - Returns: whether it has it now.
    mutating func wantSlot(_ start: Start, granted: @escaping @Sendable () -> Void) -> Bool {
        let key = start.item.key
        guard let running = lanes[key]?.running, running.token === start.token, !running.hasSlot else { return true }
        lanes[key]?.running?.whenGranted = granted
        returning[start.slot, default: Queue()].append(key)
        grantReturning()
        return lanes[key]?.running?.hasSlot == true
    }

    /// Lets go whoever waits for a slot again, without one: nobody gets one any more.
    mutating func refuseReturning() {
        for kind in SlotKind.allCases {
            while let key = returning[kind]?.popFirst() {
                lanes[key]?.running?.whenGranted?()
                lanes[key]?.running?.whenGranted = nil
            }
        }
    }

    func hasSlot(_ start: Start) -> Bool {
        guard let running = lanes[start.item.key]?.running, running.token === start.token else { return false }
        return running.hasSlot
    }

    private mutating func grantReturning() {
        for kind in SlotKind.allCases {
            while free[kind, default: 0] > 0, let key = returning[kind]?.popFirst() {
                // Who gave up waiting meanwhile stands here in vain.
                guard let granted = lanes[key]?.running?.whenGranted else { continue }
                free[kind, default: 0] -= 1
                lanes[key]?.running?.hasSlot = true
                lanes[key]?.running?.whenGranted = nil
                granted()
            }
        }
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
        lanes[start.item.key]?.running?.isLeft = true
        lanes[start.item.key]?.running?.whenGranted = nil
        runningCount -= 1
    }

    private mutating func enlist(_ key: Key) {
        guard let slot = lanes[key]?.slotOfFirst else { return }
        ready[slot, default: Queue()].append(key)
    }

    // MARK: Cancelling

    /// What a cancel finds.
    enum Withdrawal: Sendable {
        /// It was first in an idle lane; it has its turn now, in which it is to end.
        case turn(Start)
        /// It waited behind others, and is out of its lane.
        case removed(JournalEntry)
        /// It was begun, and has to undo itself.
        case begun
        /// It was begun and can't be taken back.
        case irrevocable
        /// No lane has it.
        case absent
    }

    /// Takes a request out of its lane, unless it was begun.
    mutating func withdraw(_ id: JournalID, from key: Key, at now: Timestamp) -> Withdrawal {
        guard var lane = lanes[key] else { return .absent }
        if let running = lane.running, running.item.entry?.id == id {
            return running.item.supersedesEarlier ? .irrevocable : .begun
        }
        guard let item = lane.waiting.first(where: { $0.entry?.id == id }), let entry = item.entry else {
            return .absent
        }
        if entry.step != nil { return item.supersedesEarlier ? .irrevocable : .begun }
        // What undoes itself for it would be undone for nothing.
        if item.supersedesEarlier, lane.running?.token.reason == .superseded { return .irrevocable }
        if lane.running == nil, lane.waiting.first?.entry?.id == id {
            let start = begin(item, in: &lane, item.slot, at: now)
            lane.running?.hasSlot = false
            lanes[key] = lane
            return .turn(start)
        }
        lane.waiting.remove { $0.entry?.id == id }
        if item.supersedesEarlier { lane.terminations -= 1 }
        waitingCount -= 1
        buffered -= entry.body?.count ?? 0
        lanes[key] = lane
        // What was to make way for it may begin after all, and with another slot.
        if lane.running == nil { enlist(key) }
        return .removed(entry)
    }

    /// Says to a request that was begun that it is to undo itself; whether a lane has it.
    mutating func cancel(_ id: JournalID, in key: Key) -> Bool {
        if let running = lanes[key]?.running, running.item.entry?.id == id {
            running.token.interrupt(.cancelled)
            return true
        }
        var isThere = false
        lanes[key]?.waiting.modifyAll { item in
            guard item.entry?.id == id else { return }
            item.isCancelled = true
            isThere = true
        }
        return isThere
    }

    /// How to interrupt the request that is worked on in a lane, if it is of that operation.
    func token(of operation: OperationName, runningIn key: Key) -> InterruptionToken? {
        guard let running = lanes[key]?.running, running.item.entry?.operation == operation.rawValue else { return nil }
        return running.token
    }

    /// What is being worked on, by its place in the journal.
    var running: [RunningOperation] {
        lanes.values.compactMap { lane in
            guard let running = lane.running, !running.isLeft, let entry = running.item.entry else { return nil }
            return RunningOperation(
                id: entry.id, method: entry.method, instance: entry.instance, requestID: entry.requestID,
                begunAt: running.begunAt, isResumed: running.item.isResumed, isEnding: running.token.isInterrupted,
                progress: running.token.progress.percent)
        }.sorted { $0.id < $1.id }
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
