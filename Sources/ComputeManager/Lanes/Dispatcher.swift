// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Logging
internal import Synchronization
internal import WorkerStore

/// Gives every journaled request its turn: lanes are filled in journal order, one child task per busy lane works.
final class Dispatcher: AcceptedWork {
    private enum Phase {
        /// What was left by an earlier run is still being read; what comes meanwhile waits behind it.
        case loading(early: [JournalEntry])
        case open
        case draining
    }

    private struct State {
        var table: LaneTable
        var phase = Phase.loading(early: [])
        /// The last request that was read from the journal at start; what is handed over up to it is in a lane already.
        var lastLoaded: JournalID?

        mutating func add(_ entries: [JournalEntry]) -> [InterruptionToken] {
            entries.compactMap { entry in
                if let lastLoaded, entry.id <= lastLoaded { return nil }
                return table.add(Dispatcher.item(entry, isResumed: false))
            }
        }
    }

    private let services: ManagerServices
    private let engine: OperationEngine
    private let heartbeats: Heartbeats
    private let reads: ReadOnlyCalls
    private let metrics = OperationMetrics()
    private let state: Mutex<State>
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
                    slots: [.build: configuration.buildSlots, .change: configuration.operationSlots],
                    bufferLimit: configuration.bufferedBodyBytes)))
        (wakeUps, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// How many requests wait for their turn, and how many are being worked on.
    var load: (waiting: Int, running: Int) {
        state.withLock { ($0.table.waitingCount, $0.table.runningCount) }
    }

    func enqueue(_ entries: [JournalEntry]) {
        if services.configuration.lanesClosed { return }
        let tokens = state.withLock { state -> [InterruptionToken] in
            switch state.phase {
            case .loading(let early):
                state.phase = .loading(early: early + entries)
                return []
            case .open, .draining:
                return state.add(entries)
            }
        }
        for entry in entries { heartbeats.begin(entry.reply) }
        for token in tokens { token.interrupt() }
        wakeUp.yield()
    }

    func serve(_ message: IncomingMessage, operation: OperationName) async {
        await reads.serve(message)
    }

    /// Takes no more turns; ``run()`` returns when what runs has ended. What waits stays in the journal.
    func drain() {
        state.withLock { $0.phase = .draining }
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
        state.withLock { state in
            guard case .open = state.phase else { return nil }
            return state.table.next()
        }
    }

    private var isDrained: Bool {
        state.withLock { state in
            guard case .draining = state.phase else { return false }
            return state.table.runningCount == 0
        }
    }

    private func work(_ start: LaneTable.Start) async {
        let item = start.item
        let turn = Turn(token: start.token) { [self] in
            state.withLock { $0.table.freeSlot(start) }
            wakeUp.yield()
        }
        let ending =
            item.isSuperseded
            ? await engine.supersede(item.entry)
            : await engine.execute(item.entry, isResumed: item.isResumed, turn)
        heartbeats.end(item.entry.reply)
        switch ending {
        case .finished(let outcome):
            metrics.count(item.entry.operation, outcome)
            state.withLock { $0.table.finished(start) }
        case .left:
            // The lane stays shut: what comes after this one must not overtake it. The next start goes on here.
            state.withLock { $0.table.abandoned(start) }
        }
        wakeUp.yield()
    }

    /// Fills the lanes with what an earlier run left, in journal order, before any work is begun.
    private func load() async throws {
        if services.configuration.lanesClosed { return }
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
            // Nothing runs yet, so that nothing is to be interrupted.
            _ = state.add(early)
            state.phase = .open
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
