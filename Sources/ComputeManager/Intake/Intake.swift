// SPDX-License-Identifier: Apache-2.0

public import ComputeModel
public import Logging
internal import Synchronization
public import WorkerStore

/// Lets requests in: sorts them, journals what must not be lost, and acknowledges only what the disk holds.
///
/// A batch is one commit; what arrives while it is written is the next batch, so the batches grow with the load.
public final class Intake: Sendable {
    let source: any MessageSource
    let sink: any MessageSink
    let encoder: any MessageEncoder
    let router: any RequestRouter
    let work: any AcceptedWork
    let store: WorkerStore
    let configuration: IntakeConfiguration
    let clock: any Clock<Duration>
    let wallClock: any WallClock
    let logger: Logger
    let metrics = IntakeMetrics()
    let room: InstanceRoom
    let held: Mutex<HeldRequests>
    let heldNumber = Atomic(0)
    /// Whoever holds back or lets go does so alone, from the look at what is held to the hand-over.
    let holdingTurn = Slots(1)
    private let onState: @Sendable (IntakeState) -> Void
    private let current = Mutex(IntakeState.starting)
    private let readings = Atomic(0)
    private let underWay = Mutex((count: 0, whenNone: AsyncStream<Void>.Continuation?.none))
    let deadLetterSlots: Slots
    private let ending = InterruptionToken()

    /// How long a stop waits for answers and for messages that are put aside.
    private static let answerPatience = Duration.seconds(2)

    /// - Parameters:
    ///   - clock: what pauses are measured by.
    ///   - wallClock: what the time of arrival is read from.
    ///   - room: whether guests' disks have room; what needs some is held while there is none.
    ///   - onState: told of every change of ``state``, from the intake's own task.
    public init(
        source: any MessageSource, sink: any MessageSink, encoder: any MessageEncoder, router: any RequestRouter,
        work: any AcceptedWork, store: WorkerStore, configuration: IntakeConfiguration = IntakeConfiguration(),
        clock: any Clock<Duration> = ContinuousClock(), wallClock: any WallClock = SystemWallClock(),
        room: InstanceRoom = InstanceRoom(), logger: Logger,
        onState: @escaping @Sendable (IntakeState) -> Void = { _ in }
    ) {
        self.source = source
        self.sink = sink
        self.encoder = encoder
        self.router = router
        self.work = work
        self.store = store
        self.configuration = configuration
        self.clock = clock
        self.wallClock = wallClock
        self.room = room
        self.logger = logger
        self.onState = onState
        held = Mutex(HeldRequests(configuration.heldBounds))
        deadLetterSlots = Slots(configuration.deadLetterLimit)
    }

    /// Whether requests are let in, and why not.
    public var state: IntakeState { current.withLock { $0 } }

    /// Lets requests in until the source is closed or the task cancelled; what is being written then is finished.
    ///
    /// - Throws: ``StoreError`` when the store fails for good.
    public func run() async throws {
        defer { enter(.stopped) }
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await self.followRoom() }
            try await consume(&group)
            await giveBackHeld()
            // What is under way has a moment to end. A read-only call has no row that another start would take up: its
            // caller asks again; what was to be put aside was not acknowledged and comes again.
            if !Task.isCancelled { await outlastAnswers() }
            group.cancelAll()
        }
    }

    /// Says that the source will close: no pause is waited out any more, and what is not journaled stays the broker's.
    public func shutDown() { ending.interrupt(.cancelled) }

    private func consume(_ group: inout ThrowingDiscardingTaskGroup<any Error>) async throws {
        try await waitForRoom()
        enter(.consuming)
        while !Task.isCancelled, let batch = await source.nextBatch() {
            do throws(NotJournaled) {
                let sifts = self.sifts
                // Cancelled first, and then all of it is the broker's.
                if sifts, await !holdingTurn.take() { return }
                defer { if sifts { holdingTurn.give() } }
                try await take(batch, sifts: sifts, &group)
            } catch {
                guard error.cause.isRetriable else { throw error.cause }
                try await outlast(error)
            }
            try await waitForRoom()
        }
    }

    /// A batch that the store did not take.
    private struct NotJournaled: Error {
        let cause: StoreError
        /// What of the batch is neither acknowledged nor under way.
        let tokens: [AcknowledgementToken]
    }

    private func take(
        _ batch: [IncomingMessage], sifts: Bool, _ group: inout ThrowingDiscardingTaskGroup<any Error>
    ) async throws(NotJournaled) {
        metrics.countReceived(batch.count)
        var sorting = IntakeSorting(batch, router: router, receivedAt: wallClock.now())
        if sifts { sift(&sorting) }
        var answers = sorting.answers
        for call in sorting.readings {
            if let answer = begin(call, &group) { answers.append(answer) }
        }
        if !sorting.journal.isEmpty || !answers.isEmpty {
            do {
                try await journal(sorting.journal, sorting.journalTokens, answers)
            } catch {
                throw NotJournaled(
                    cause: (error as? StoreError) ?? StoreError(.database, "the journal failed"),
                    tokens: sorting.journalTokens + answers.map(\.token) + sorting.refused.map(\.message.token))
            }
        }
        for refused in sorting.refused {
            // Those that wait are the broker's until they are put aside: the prefetch bounds them, and good ones pass.
            let letter = DeadLetterUnderWay(refused, encoder)
            begin(&group) {
                guard await self.deadLetterSlots.take() else { return self.giveBack(letter) }
                await self.putAside(letter)
                self.deadLetterSlots.give()
            }
        }
    }

    /// Writes requests and answers to the journal, acknowledges them and hands the requests on.
    func journal(
        _ entries: [NewJournalEntry], _ tokens: [AcknowledgementToken], _ answers: [IntakeSorting.Answer] = []
    ) async throws {
        let replies = answers.flatMap { answer in
            encoder.failure(answer.fault, to: answer.reply).map { OutboxMessage(reply: $0, to: answer.reply) }
        }
        let kept = configuration.finishedRows
        let acceptances = try await store.write { transaction in
            var acceptances: [Acceptance] = []
            acceptances.reserveCapacity(entries.count)
            for entry in entries { acceptances.append(try transaction.accept(entry)) }
            for reply in replies { try transaction.enqueue(reply) }
            if transaction.finishedCount > kept + 1000 {
                try transaction.prune(finishedBefore: Timestamp(microseconds: .min), keepingAtMost: kept)
            }
            return acceptances
        }
        // Only now does the disk hold them.
        source.acknowledge(tokens + answers.map(\.token))
        var accepted: [JournalEntry] = []
        accepted.reserveCapacity(entries.count)
        for (entry, acceptance) in zip(entries, acceptances) {
            if case .accepted(let id) = acceptance { accepted.append(entry.entry(id)) }
        }
        metrics.countJournaled(accepted.count)
        metrics.countDuplicates(entries.count - accepted.count)
        for answer in answers { metrics.countFailureReply(answer.fault.kind) }
        if !accepted.isEmpty { work.enqueue(accepted) }
    }

    /// Hands a read-only call on, or says what to answer where too many wait already.
    private func begin(
        _ call: IncomingMessage, _ group: inout ThrowingDiscardingTaskGroup<any Error>
    ) -> IntakeSorting.Answer? {
        guard readings.load(ordering: .relaxed) < configuration.readOnlyLimit else {
            guard case .success(let summary) = call.scan, let reply = summary.reply else {
                source.acknowledge([call.token])
                return nil
            }
            let fault = ComputeFault(
                .unavailable, "Too many calls wait for an answer of this host; ask again later.",
                instance: summary.instance)
            return IntakeSorting.Answer(token: call.token, fault: fault, reply: reply)
        }
        readings.add(1, ordering: .relaxed)
        metrics.countReadOnly()
        source.acknowledge([call.token])
        begin(&group) {
            await self.work.serve(call)
            self.readings.subtract(1, ordering: .relaxed)
        }
        return nil
    }

    /// Begins what a stop waits a moment for.
    private func begin(
        _ group: inout ThrowingDiscardingTaskGroup<any Error>, _ body: @escaping @Sendable () async -> Void
    ) {
        underWay.withLock { $0.count += 1 }
        group.addTask {
            await body()
            let waiter = self.underWay.withLock { state in
                state.count -= 1
                return state.count == 0 ? state.whenNone : nil
            }
            waiter?.finish()
        }
    }

    /// Waits until nothing is under way, but no longer than ``answerPatience``.
    private func outlastAnswers() async {
        let (none, whenNone) = AsyncStream<Void>.makeStream()
        let isBusy = underWay.withLock { state in
            state.whenNone = whenNone
            return state.count > 0
        }
        guard isBusy else { return }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in none {} }
            group.addTask { await self.clock.paused(for: Self.answerPatience) }
            await group.next()
            group.cancelAll()
        }
    }

    // MARK: Pauses

    /// Stops consuming at the high mark until the low mark is reached.
    private func waitForRoom() async throws {
        let unfinished = store.levels.unfinished
        guard unfinished >= configuration.highWater else { return }
        source.pause()
        metrics.countPauseWhenFull()
        enter(.full(unfinished: unfinished))
        let low = configuration.lowWater
        guard try await waitOut({ await self.store.wait(until: { $0.unfinished <= low }) }) else { return }
        enter(.consuming)
        source.resume()
    }

    /// Gives back what is not journaled, and waits until the store can be written again.
    private func outlast(_ failure: NotJournaled) async throws {
        // Paused first, or the broker would send them again at once. Another host may take what came by a shared queue.
        source.pause()
        for token in failure.tokens { source.reject(token, requeue: true) }
        metrics.countStoreFailure()
        metrics.countPauseOfStore()
        enter(.storeFails(failure.cause))
        var pause = configuration.shortestPause
        while true {
            let length = pause
            do {
                guard try await waitOut({ try await self.clock.sleep(for: length); return true }) else { return }
            } catch {
                return
            }
            do {
                try await store.probe()
                break
            } catch let error as StoreError where error.isRetriable {
                metrics.countStoreFailure()
                enter(.storeFails(error))
                pause = min(pause * 2, configuration.longestPause)
            }
        }
        enter(.consuming)
        source.resume()
    }

    /// Waits, but no longer than until ``shutDown()``; false then.
    private func waitOut(_ wait: @escaping @Sendable () async throws -> Bool) async throws -> Bool {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await wait() }
            group.addTask {
                await self.ending.wait()
                return false
            }
            return try await group.next() ?? false
        }
    }

    private func enter(_ state: IntakeState) {
        let changed = current.withLock { current in
            guard current != state else { return false }
            current = state
            return true
        }
        guard changed else { return }
        switch state {
        case .full, .storeFails: logger.warning("intake paused", metadata: ["intake.state": .string("\(state)")])
        // Open for what the broker will deliver; whether it does is another's to say.
        case .consuming: logger.info("intake open")
        default: logger.info("intake changed", metadata: ["intake.state": .string("\(state)")])
        }
        onState(state)
    }
}
