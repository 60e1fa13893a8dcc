// SPDX-License-Identifier: Apache-2.0

/// Gathers what waits to be written and commits it in groups: whatever arrives during one commit is the next.
///
/// No timer holds a write back. Driven by one thread; a simulator drives ``commitPending()`` by itself instead.
final class CommitPump: Sendable {
    private struct State {
        var jobs: [any WriteJob] = []
        var strikes: [OutboxID] = []
        /// When the strikes go even if nothing else does.
        var strikesDue: ContinuousClock.Instant?
        var isClosing = false
        var closing: [CheckedContinuation<Void, Never>] = []
        var hasEnded = false
        var isCommitting = false
        var hasFailed = false
    }

    /// Strikes that are worth a commit of their own.
    private static let strikesAtOnce = 1024

    private let monitor = Monitor(State())
    private let writer: Writer
    private let strikeDelay: Duration
    private let levels: LevelWatch
    private let threads: StoreThreads
    private let onWork: (@Sendable () -> Void)?

    init(
        writer: Writer, strikeDelay: Duration, levels: LevelWatch, threads: StoreThreads = .owned,
        onWork: (@Sendable () -> Void)? = nil
    ) {
        self.writer = writer
        self.strikeDelay = strikeDelay
        self.levels = levels
        self.threads = threads
        self.onWork = onWork
    }

    /// Queues a job for the next commit.
    func submit(_ job: any WriteJob) {
        let isAccepted = monitor.withLock { state in
            guard !state.isClosing else { return false }
            state.jobs.append(job)
            return true
        }
        guard isAccepted else { return job.settle(StoreError(.closed, "the store is closed")) }
        monitor.signal()
        onWork?()
    }

    /// What waits for the next commit.
    var queued: (jobs: Int, strikes: Int) {
        let damaged = writer.damage.hasOpen ? 1 : 0
        return monitor.withLock { ($0.jobs.count + damaged, $0.strikes.count) }
    }

    /// Tells that a damaged row waits to be set aside.
    func wake() {
        monitor.signal()
        onWork?()
    }

    /// Queues the removal of delivered messages; it goes with the next commit, or after a short while.
    func strike(_ ids: [OutboxID]) {
        let wakes = monitor.withLock { state in
            let wasEmpty = state.strikes.isEmpty
            state.strikes.append(contentsOf: ids)
            if threads == .owned, state.strikesDue == nil { state.strikesDue = ContinuousClock.now + strikeDelay }
            return wasEmpty || state.strikes.count >= Self.strikesAtOnce
        }
        if wakes { monitor.signal() }
        if !ids.isEmpty { onWork?() }
    }

    /// The thread's work: commits until the pump is closed and everything queued is on the disk.
    func run() {
        while true {
            let mayGoOn = monitor.wait { state -> Monitor<State>.Verdict<Bool> in
                if !state.jobs.isEmpty { return .ready(true) }
                // What can't be set aside waits for the next commit that works.
                if !state.hasFailed, writer.damage.hasOpen { return .ready(true) }
                if state.isClosing { return .ready(false) }
                guard let due = state.strikesDue else { return .sleep }
                let left = due - ContinuousClock.now
                if left <= .zero || state.strikes.count >= Self.strikesAtOnce { return .ready(true) }
                return .sleepFor(left)
            }
            commitPending()
            // A strike that could not be written now is a message that is sent once more: no reason to stay.
            if !mayGoOn { break }
        }
        finish()
    }

    /// Commits everything that is queued; true if it was kept (or there was nothing).
    @discardableResult
    func commitPending() -> Bool {
        let taken: (jobs: [any WriteJob], strikes: [OutboxID])? = monitor.withLock { state in
            // An owner that drives may be called from within its own commit.
            guard !state.isCommitting else { return nil }
            state.isCommitting = true
            let taken = (state.jobs, state.strikes)
            state.jobs = []
            state.strikes = []
            state.strikesDue = nil
            return taken
        }
        guard let (jobs, strikes) = taken else { return true }
        let damaged = writer.damage.taken()
        var failure: StoreError?
        do throws(StoreError) {
            try writer.commit(jobs, striking: strikes, settingAside: damaged)
            levels.publish(writer.levels)
        } catch {
            failure = error
            keep(strikes)
            writer.damage.keep(damaged)
            if error.code == .diskFull { writer.relieve() }
        }
        monitor.withLock { ($0.isCommitting, $0.hasFailed) = (false, failure != nil) }
        for job in jobs { job.settle(failure) }
        return failure == nil
    }

    /// Puts strikes back that could not be written, for a later commit: those messages are delivered all the same.
    private func keep(_ strikes: [OutboxID]) {
        guard !strikes.isEmpty else { return }
        monitor.withLock { state in
            state.strikes = strikes + state.strikes
            if threads == .owned { state.strikesDue = ContinuousClock.now + max(strikeDelay, .seconds(1)) }
        }
    }

    /// Closes on the calling thread, for a pump that is driven.
    private func closeHere() {
        guard monitor.withLock({ state in
            defer { state.isClosing = true }
            return !state.isClosing
        }) else { return }
        commitPending()
        finish()
    }

    /// Fails all that is queued and closes the connection as it stands, for a pump that is driven.
    func abandonQueued() {
        let jobs: [any WriteJob]? = monitor.withLock { state in
            guard !state.isClosing else { return nil }
            state.isClosing = true
            state.hasEnded = true
            defer { (state.jobs, state.strikes) = ([], []) }
            return state.jobs
        }
        guard let jobs else { return }
        try? writer.close()
        levels.close()
        for job in jobs { job.settle(StoreError(.closed, "the store is closed")) }
    }

    /// Refuses further jobs, and returns when what was queued is on the disk and the connection is closed.
    func close() async {
        if threads == .driven { return closeHere() }
        await withCheckedContinuation { continuation in
            let isOver = monitor.withLock { state in
                state.isClosing = true
                guard !state.hasEnded else { return true }
                state.closing.append(continuation)
                return false
            }
            if isOver { continuation.resume() } else { monitor.signal() }
        }
    }

    /// Tells the thread to end without anybody waiting for it.
    func abandon() {
        monitor.withLock { $0.isClosing = true }
        monitor.signal()
    }

    private func finish() {
        // The last connection to close copies the log back; one that can't leaves it for the next start.
        try? writer.checkpoint()
        try? writer.close()
        levels.close()
        let waiting = monitor.withLock { state in
            state.hasEnded = true
            let waiting = state.closing
            state.closing = []
            return waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
