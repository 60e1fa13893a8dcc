// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Logging
internal import Synchronization
internal import WorkerStore

/// One of the relay's two ways out: what somebody waits for, or the events.
final class RelayFlow: Sendable {
    private struct State {
        var queue = RelayQueue()
        var workers = 0
        /// Workers that gave their place back because their message takes its time.
        var patient = 0
        /// Keys that begin to rest, for the loop to start their pauses.
        var resting: [(key: String, pause: Duration)] = []
        var isClosed = false
        var failure: StoreError?
    }

    /// Messages that are read from the outbox at once.
    private static let readAtOnce = 256
    /// How long a reply or a cast holds a place; one whose caller's queue is missing is tried for much longer.
    private static let replyPatience = Duration.seconds(2)
    /// Those that are tried without a place.
    private static let patientLimit = 1024

    private let part: OutboxPart
    private let window: Int
    private let relay: OutboxRelay
    private let state = Mutex(State())
    private let bell = RelayBell()

    init(part: OutboxPart, window: Int, relay: OutboxRelay) {
        self.part = part
        self.window = window
        self.relay = relay
    }

    private var configuration: RelayConfiguration { relay.configuration }

    /// Sends what is in the outbox and what comes into it, until the task is cancelled or the sink closed.
    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { outer in
            outer.addTask { await self.listen() }
            outer.addTask { try await self.distribute() }
            // Whichever ends first ends the other: listening ends with the store.
            try await outer.next()
            outer.cancelAll()
        }
    }

    /// Rings for every commit that puts something into the outbox.
    private func listen() async {
        var seen = OutboxID(0)
        while true {
            let last = seen
            guard await relay.store.wait(until: { self.last($0) > last }) else { return }
            seen = self.last(relay.store.levels)
            bell.ring()
        }
    }

    private func last(_ levels: StoreLevels) -> OutboxID {
        part == .addressed ? levels.lastAddressedID : levels.lastOutboxID
    }

    private func distribute() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            var position: OutboxID?
            var mayHaveMore = true
            while !Task.isCancelled {
                let (room, isClosed, failure) = state.withLock { state in
                    (state.queue.bufferedBytes < configuration.bufferedBytes, state.isClosed, state.failure)
                }
                if let failure { throw failure }
                if isClosed { break }
                if room, mayHaveMore || last(relay.store.levels) > (position ?? OutboxID(0)) {
                    // Asked before the reading: what is committed meanwhile is looked for again.
                    let end = last(relay.store.levels)
                    let rows = try await read(after: position)
                    if rows.count < Self.readAtOnce { position = max(rows.last?.id ?? end, end, position ?? end) }
                    if let id = rows.last?.id { position = max(position ?? id, id) }
                    mayHaveMore = rows.count == Self.readAtOnce
                    state.withLock { state in for row in rows { state.queue.append(row) } }
                    startWorkers(&group)
                    continue
                }
                startPauses(&group)
                startWorkers(&group)
                guard await bell.wait() else { break }
            }
            group.cancelAll()
        }
    }

    private func read(after position: OutboxID?) async throws -> [OutboxRow] {
        let part = part
        return try await relay.outlasting {
            try await self.relay.store.read { try $0.outbox(part, after: position, limit: Self.readAtOnce) }
        }
    }

    /// Starts as many workers as there are keys with something to send, up to the window.
    private func startWorkers(_ group: inout ThrowingDiscardingTaskGroup<any Error>) {
        while let (key, item) = takeForNewWorker() {
            group.addTask { await self.work(key, item) }
        }
    }

    private func takeForNewWorker() -> (String, RelayQueue.Item)? {
        state.withLock { state in
            guard state.workers < window, let next = state.queue.next() else { return nil }
            state.workers += 1
            return (next.key, next.item)
        }
    }

    /// Lets each resting key line up again after its pause.
    private func startPauses(_ group: inout ThrowingDiscardingTaskGroup<any Error>) {
        let resting = state.withLock { state in
            let resting = state.resting
            state.resting = []
            return resting
        }
        for (key, pause) in resting {
            group.addTask {
                do { try await self.relay.clock.sleep(for: pause) } catch { return }
                self.state.withLock { $0.queue.wake(key) }
                self.bell.ring()
            }
        }
    }

    /// Sends one message after the other, always of the key whose turn it is, until there is none.
    private func work(_ firstKey: String, _ firstItem: RelayQueue.Item) async {
        var next: (key: String, item: RelayQueue.Item)? = (firstKey, firstItem)
        while let (key, item) = next {
            let (outcome, hasPlace) = part == .addressed ? await sendPatiently(item) : (await relay.send(item), true)
            let (following, rings) = state.withLock { state in
                // The loop sleeps while the buffer is full; it is told when there is room again.
                let wasFull = state.queue.bufferedBytes >= configuration.bufferedBytes
                var rings = false
                switch outcome {
                case .done: state.queue.finish(key)
                case .rest:
                    let refusals = state.queue.rest(key)
                    state.resting.append((key, pause(after: refusals)))
                    rings = true
                case .closed:
                    state.isClosed = true
                    rings = true
                case .failed(let error):
                    state.failure = error
                    rings = true
                }
                if wasFull, state.queue.bufferedBytes < configuration.bufferedBytes { rings = true }
                let mayGoOn = !state.isClosed && state.failure == nil && (hasPlace || state.workers < window)
                let following = mayGoOn ? state.queue.next() : nil
                if !hasPlace { state.patient -= 1 }
                state.workers += (following == nil ? 0 : 1) - (hasPlace ? 1 : 0)
                // Without a place of its own, the key that lined up again may have to wait for another's.
                return (following, rings || !hasPlace)
            }
            if rings { bell.ring() }
            next = following
        }
    }

    /// Sends a message that may take long; whether the worker still has its place then.
    private func sendPatiently(_ item: RelayQueue.Item) async -> (OutboxRelay.Outcome, Bool) {
        await withTaskGroup(of: OutboxRelay.Outcome?.self) { group in
            group.addTask { await self.relay.send(item) }
            group.addTask {
                await self.relay.clock.paused(for: Self.replyPatience)
                return nil
            }
            var hasPlace = true
            while let outcome = await group.next() {
                if let outcome {
                    group.cancelAll()
                    return (outcome, hasPlace)
                }
                hasPlace = !givePlaceBack()
            }
            return (.closed, hasPlace)
        }
    }

    private func givePlaceBack() -> Bool {
        let isGiven = state.withLock { state in
            guard state.patient < Self.patientLimit else { return false }
            state.patient += 1
            state.workers -= 1
            return true
        }
        if isGiven { bell.ring() }
        return isGiven
    }

    private func pause(after refusals: Int) -> Duration {
        var pause = configuration.shortestPause
        for _ in 1..<max(1, min(refusals, 20)) { pause = min(pause * 2, configuration.longestPause) }
        return pause
    }
}
