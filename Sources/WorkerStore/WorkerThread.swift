// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// What a new thread needs to know.
private final class ThreadStart: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}

/// The thread's first function. At file scope, because a closure literal may carry an isolation check.
private func runThread(_ raw: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let raw else { return nil }
    let start = Unmanaged<ThreadStart>.fromOpaque(raw).takeRetainedValue()
    WorkerThread.nameThisThread(start.name)
    start.body()
    return nil
}

/// A thread of our own with a name, for calls that block.
enum WorkerThread {
    /// Starts a thread that runs `body` once; false if the system has no more threads.
    static func start(name: String, _ body: @escaping @Sendable () -> Void) -> Bool {
        var thread = pthread_t()
        // +1 taken here, released by the thread, or below if there is none.
        let start = Unmanaged.passRetained(ThreadStart(name: name, body: body))
        guard pthread_create(&thread, nil, runThread, start.toOpaque()) == 0 else {
            start.release()
            return false
        }
        pthread_detach(thread)
        return true
    }

    /// Gives the calling thread a name of at most 15 bytes; through /proc, as the calls for it are no part of Glibc's
    /// module. A thread without a name works as well.
    fileprivate static func nameThisThread(_ name: String) {
        let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        defer { close(file) }
        _ = Array(name.utf8.prefix(15)).withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
    }
}

/// A lock with a condition that a thread can sleep on until another one says that something has changed.
///
/// @unchecked Sendable because `state` is only touched while the mutex is held.
final class Monitor<State>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var state: State

    init(_ state: sending State) {
        self.state = state
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
        condition = .allocate(capacity: 1)
        condition.initialize(to: pthread_cond_t())
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        condition.deallocate()
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Runs `body` under the lock.
    func withLock<Value>(_ body: (inout State) throws -> Value) rethrows -> Value {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }

    /// Wakes the threads that sleep in ``wait(_:)``.
    func signal() { pthread_cond_broadcast(condition) }

    /// What a thread that asked for work is told.
    enum Verdict<Value> {
        /// Here it is.
        case ready(Value)
        /// Sleep until there is a signal.
        case sleep
        /// Sleep until there is a signal, or this long.
        case sleepFor(Duration)
    }

    /// Asks `body` under the lock until it is ready, sleeping in between. Blocks the thread.
    func wait<Value>(_ body: (inout State) -> Verdict<Value>) -> Value {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            switch body(&state) {
            case .ready(let value): return value
            case .sleep: pthread_cond_wait(condition, mutex)
            case .sleepFor(let duration):
                var deadline = timespec()
                clock_gettime(CLOCK_MONOTONIC, &deadline)
                let (seconds, attoseconds) = duration.components
                let nanoseconds = Int(deadline.tv_nsec) + Int(attoseconds / 1_000_000_000)
                deadline.tv_sec += Int(seconds) + nanoseconds / 1_000_000_000
                deadline.tv_nsec = nanoseconds % 1_000_000_000
                pthread_cond_timedwait(condition, mutex, &deadline)
            }
        }
    }
}
