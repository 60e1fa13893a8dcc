// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Keeps what tasks have to do until the scheduler of the simulation takes it, one piece at a time, on one thread.
///
/// Child tasks, streams, clocks and cancellation stay on it; a piece that comes from another thread escaped the
/// simulation, and is counted as the failure that it is.
final class SeededExecutor: TaskExecutor {
    private struct State {
        var ready: [UnownedJob] = []
        var foreign = 0
    }

    private let state = Mutex(State())
    private let thread: UInt

    /// - Important: all work is done on the thread that makes the executor.
    init() { thread = Self.currentThread }

    private static var currentThread: UInt { UInt(bitPattern: Int(truncatingIfNeeded: pthread_self())) }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isForeign = Self.currentThread != thread
        state.withLock { state in
            if isForeign { state.foreign += 1 }
            state.ready.append(job)
        }
    }

    /// Pieces that could be run now.
    var count: Int { state.withLock { $0.ready.count } }

    /// Pieces that came from another thread.
    var foreignCount: Int { state.withLock { $0.foreign } }

    /// Runs one piece of those that are ready; which one is the caller's choice.
    func run(at index: Int) {
        let job = state.withLock { $0.ready.remove(at: index) }
        job.runSynchronously(on: asUnownedTaskExecutor())
    }
}
