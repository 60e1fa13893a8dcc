// SPDX-License-Identifier: Apache-2.0

internal import GRDB

/// A few threads, each with a read-only connection of its own, that serve reads while the writer writes.
final class ReaderPool: Sendable {
    private struct State {
        var jobs: [@Sendable (DatabaseQueue?) -> Void] = []
        var isClosing = false
        var running = 0
        var closing: [CheckedContinuation<Void, Never>] = []
        /// The connection of a pool that its owner drives.
        var driven: DatabaseQueue?
        var isReading = false
    }

    private let monitor: Monitor<State>
    private let onWork: (@Sendable () -> Void)?
    private let damage: DamageLog?

    /// Starts one thread for each connection, or none where the owner drives the first of them.
    init(
        _ connections: [DatabaseQueue], damage: DamageLog? = nil, threads: StoreThreads = .owned,
        onWork: (@Sendable () -> Void)? = nil
    ) throws(StoreError) {
        self.damage = damage
        self.onWork = onWork
        if threads == .driven {
            monitor = Monitor(State(driven: connections.first))
            return
        }
        monitor = Monitor(State(running: connections.count))
        for (number, connection) in connections.enumerated() {
            let monitor = monitor
            guard WorkerThread.start(name: "store-read-\(number)", { Self.serve(connection, monitor) }) else {
                abandon()
                throw StoreError(
                    .notAccessible, "no thread can be started for the database; check the limits of the user")
            }
        }
    }

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (borrowing StoreSnapshot) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let damage = damage
            let job: @Sendable (DatabaseQueue?) -> Void = { connection in
                guard let connection else {
                    continuation.resume(throwing: StoreError(.closed, "the store is closed"))
                    return
                }
                let outcome: Result<Value, any Error> = Result {
                    try connection.read { try body(StoreSnapshot(database: $0, damage: damage)) }
                }
                switch outcome {
                case .failure(let error as DatabaseError): continuation.resume(throwing: StoreError.of(error))
                default: continuation.resume(with: outcome)
                }
            }
            let isAccepted = monitor.withLock { state in
                guard !state.isClosing else { return false }
                state.jobs.append(job)
                return true
            }
            guard isAccepted else { return job(nil) }
            monitor.signal()
            onWork?()
        }
    }

    /// Reads that wait.
    var queued: Int { monitor.withLock { $0.jobs.count } }

    /// Carries out the read that waits longest on the calling thread; false where none waits.
    func readNext() -> Bool {
        let next: (@Sendable (DatabaseQueue?) -> Void, DatabaseQueue?)? = monitor.withLock { state in
            // An owner that drives may be called from within its own read.
            guard !state.isReading, !state.jobs.isEmpty else { return nil }
            state.isReading = true
            return (state.jobs.removeFirst(), state.driven)
        }
        guard let (job, connection) = next else { return false }
        job(connection)
        monitor.withLock { $0.isReading = false }
        return true
    }

    /// Fails all reads that wait and closes the connection, for a pool that its owner drives.
    func abandonQueued() {
        let (jobs, connection) = monitor.withLock { state in
            defer { (state.isClosing, state.jobs, state.driven) = (true, [], nil) }
            return (state.jobs, state.driven)
        }
        try? connection?.close()
        for job in jobs { job(nil) }
    }

    /// Refuses further reads, and returns when those that were queued are done and the connections closed.
    func close() async {
        if monitor.withLock({ $0.driven != nil }) {
            while readNext() {}
            return abandonQueued()
        }
        await withCheckedContinuation { continuation in
            let isOver = monitor.withLock { state in
                state.isClosing = true
                guard state.running > 0 else { return true }
                state.closing.append(continuation)
                return false
            }
            if isOver { continuation.resume() } else { monitor.signal() }
        }
    }

    /// Tells the threads to end without anybody waiting for them.
    func abandon() {
        monitor.withLock { $0.isClosing = true }
        monitor.signal()
    }

    private static func serve(_ connection: DatabaseQueue, _ monitor: Monitor<State>) {
        while let job = monitor.wait({ state -> Monitor<State>.Verdict<(@Sendable (DatabaseQueue?) -> Void)?> in
            if !state.jobs.isEmpty { return .ready(state.jobs.removeFirst()) }
            return state.isClosing ? .ready(nil) : .sleep
        }) {
            job(connection)
        }
        try? connection.close()
        let waiting = monitor.withLock { state in
            state.running -= 1
            guard state.running == 0 else { return [CheckedContinuation<Void, Never>]() }
            let waiting = state.closing
            state.closing = []
            return waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
