// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Logging
internal import Synchronization
internal import WorkerStore

/// Gives every journaled request its turn: lanes are filled in journal order, one child task per busy lane works.
final class Dispatcher: AcceptedWork {
    fileprivate enum Phase {
        /// What was left by an earlier run is still being read; what comes meanwhile waits behind it.
        case loading(early: [LaneTable.Item])
        case open
        case draining
    }

    struct State {
        var table: LaneTable
        fileprivate var phase = Phase.loading(early: [])
        /// Requests that were cancelled before they came into their lanes: the last ones.
        var cancelledEarly: [(id: JournalID, key: LaneTable.Key)] = []
        /// The last request that was read from the journal at start; what is handed over up to it is in a lane already.
        fileprivate var lastLoaded: JournalID?

        init(table: LaneTable) { self.table = table }

        private mutating func cancelLate(_ item: LaneTable.Item) {
            guard let index = cancelledEarly.firstIndex(where: { $0.id == item.entry?.id }) else { return }
            let (id, key) = cancelledEarly.remove(at: index)
            _ = table.cancel(id, in: key)
        }

        /// Takes work in, or keeps it until what was left is in its lanes; the tokens of what it interrupts.
        mutating func add(_ items: [LaneTable.Item]) -> [InterruptionToken] {
            if case .loading(let early) = phase {
                phase = .loading(early: early + items)
                return []
            }
            return items.compactMap { item in
                if let lastLoaded, let id = item.entry?.id, id <= lastLoaded { return nil }
                let interrupted = table.add(item)
                cancelLate(item)
                return interrupted
            }
        }
    }

    /// Visits that run side by side: few, and none of them takes a request's slot.
    private static let visitSlots = 8

    let services: ManagerServices
    let engine: OperationEngine
    private let heartbeats: Heartbeats
    private let reads: ReadOnlyCalls
    private let metrics = OperationMetrics()
    let state: Mutex<State>
    private let wakeUps: AsyncStream<Void>
    private let wakeUp: AsyncStream<Void>.Continuation

    init(services: ManagerServices, heartbeats: Heartbeats) {
        self.services = services
        self.heartbeats = heartbeats
        engine = OperationEngine(services: services)
        reads = ReadOnlyCalls(services: services, heartbeats: heartbeats)
        let configuration = services.configuration
        state = Mutex(
            State(
                table: LaneTable(
                    slots: [
                        .build: configuration.buildSlots, .change: configuration.operationSlots,
                        .visit: Self.visitSlots,
                    ],
                    bufferLimit: configuration.bufferedBodyBytes)))
        (wakeUps, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// How many requests wait for their turn, and how many are being worked on.
    var load: (waiting: Int, running: Int) {
        state.withLock { ($0.table.waitingCount, $0.table.runningCount) }
    }

    /// What is being worked on, in the order of the journal.
    var running: [RunningOperation] { state.withLock { $0.table.running } }

    func enqueue(_ entries: [JournalEntry]) {
        if services.configuration.lanesClosed { return }
        let items = entries.map { Self.item($0, isResumed: false) }
        let tokens = state.withLock { $0.add(items) }
        for entry in entries { heartbeats.begin(entry.reply) }
        for token in tokens { token.interrupt(.superseded) }
        wakeUp.yield()
    }

    /// Gives work of the worker's own a turn in an instance's lane, behind what is there, so that it meets no operation
    /// of that instance. Not journaled, and dropped where the worker stops first: nobody may wait for it.
    func visit(_ id: InstanceID, _ body: @escaping @Sendable () async -> Void) {
        if services.configuration.lanesClosed { return }
        _ = state.withLock { $0.add([LaneTable.Item(visiting: id, body)]) }
        wakeUp.yield()
    }

    func serve(_ message: IncomingMessage) async { await reads.serve(message) }

    /// Takes no more turns; ``run()`` returns when what runs has ended. Requests that wait stay in the journal.
    func drain() {
        state.withLock { state in
            state.phase = .draining
            state.table.refuseReturning()
        }
        wakeUp.yield()
    }

    /// Works until ``drain()`` or until its task is cancelled.
    func run() async throws {
        try await load()
        await withDiscardingTaskGroup { group in
            for await _ in wakeUps {
                while let start = next() {
                    group.addTask { await self.work(start) }
                }
                if isDrained { break }
            }
        }
    }

    private func next() -> LaneTable.Start? {
        let now = services.events.clock.now()
        return state.withLock { state in
            guard case .open = state.phase else { return nil }
            return state.table.next(at: now)
        }
    }

    private var isDrained: Bool {
        state.withLock { state in
            guard case .draining = state.phase else { return false }
            return state.table.runningCount == 0
        }
    }

    private func work(_ start: LaneTable.Start) async {
        switch start.item.work {
        case .request(let entry): await work(start, entry)
        case .visit(let body):
            await body()
            state.withLock { $0.table.finished(start) }
            wakeUp.yield()
        }
    }

    private func work(_ start: LaneTable.Start, _ entry: JournalEntry) async {
        let turn = turn(of: start)
        let ending =
            if start.isSuperseded {
                await engine.end(entry, .superseded, turn)
            } else if start.item.isCancelled, entry.step == nil {
                await engine.cancel(entry, turn)
            } else {
                await engine.execute(entry, isResumed: start.item.isResumed, turn)
            }
        finish(start, entry, ending)
    }

    func turn(of start: LaneTable.Start) -> Turn {
        Turn(
            token: start.token,
            freeSlot: { [self] in
                state.withLock { $0.table.freeSlot(start) }
                wakeUp.yield()
            }, takeSlot: { [self] in await takeSlot(start) },
            isStopping: { [self] in state.withLock { if case .draining = $0.phase { true } else { false } } },
            hindered: { [services] text in
                guard let id = start.item.entry?.id else { return }
                do {
                    try await services.store.write { try $0.noteError(id, text) }
                } catch {
                    // Only a note: where it can't be written, the work waits all the same.
                    services.logger.debug(
                        "why work waits can't be written down",
                        metadata: [LogKey.entry: .string(id.description), LogKey.error: .string("\(error)")])
                }
            })
    }

    private func takeSlot(_ start: LaneTable.Start) async -> Bool {
        let (grants, grant) = AsyncStream<Void>.makeStream()
        let isSettled = state.withLock { state in
            if case .draining = state.phase { return true }
            return state.table.wantSlot(start) { grant.finish() }
        }
        if !isSettled { for await _ in grants {} }
        return state.withLock { $0.table.hasSlot(start) }
    }

    /// Ends a turn.
    func finish(_ start: LaneTable.Start, _ entry: JournalEntry, _ ending: OperationEngine.Ending) {
        note(entry, ending)
        state.withLock { state in
            switch ending {
            case .finished: state.table.finished(start)
            // The lane stays shut: what comes after this one must not overtake it. The next start goes on here.
            case .left: state.table.abandoned(start)
            }
        }
        wakeUp.yield()
    }

    func note(_ entry: JournalEntry, _ ending: OperationEngine.Ending) {
        heartbeats.end(entry.reply)
        if case .finished(let outcome) = ending { metrics.count(entry.operation, outcome) }
    }

    /// Fills the lanes with what an earlier run left, in journal order, before any work is begun.
    private func load() async throws {
        if services.configuration.lanesClosed { return }
        try await ClaimRepair(services: services).run()
        let delete = TerminateInstance.name.rawValue
        for done in try await services.read({ try $0.succeeded(delete) }) {
            if let host = Departure.host(in: done.note) {
                services.departed.note(done.instance, host)
            } else if done.operation == delete {
                // Only when it came is kept, by this host's clock; the asker's may be ahead of it.
                services.noteDeleted(done.instance, askedFor: done.receivedAt.advanced(bySeconds: 300))
            }
        }
        var last: JournalID?
        var count = 0
        while true {
            let after = last
            let page = try await services.read { try $0.unfinished(after: after, limit: 256) }
            guard let end = page.last?.id else { break }
            last = end
            count += page.count
            state.withLock { state in
                for entry in page { _ = state.table.add(Self.item(entry, isResumed: true)) }
            }
            for entry in page { heartbeats.begin(entry.reply) }
        }
        if count > 0 {
            services.logger.notice(
                "unfinished requests are taken up again", metadata: ["count": .stringConvertible(count)])
        }
        state.withLock { state in
            guard case .loading(let early) = state.phase else { return }
            state.lastLoaded = last
            state.phase = .open
            // Nothing runs yet, so that nothing is to be interrupted.
            _ = state.add(early)
            state.cancelledEarly.removeAll { state.table.cancel($0.id, in: $0.key) }
        }
        wakeUp.yield()
    }

    /// A request whose operation is not known here is treated as a change, and refused in its turn.
    fileprivate static func item(_ entry: JournalEntry, isResumed: Bool) -> LaneTable.Item {
        let operation = OperationTable.operation(OperationName(rawValue: entry.operation))
        let supersedes = (operation as? any InstanceOperation.Type)?.supersedesEarlier ?? false
        return LaneTable.Item(
            entry: entry, slot: operation?.slot ?? .change, supersedesEarlier: supersedes, isResumed: isResumed)
    }
}
