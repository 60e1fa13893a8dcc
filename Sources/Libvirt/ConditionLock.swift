// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A mutex and its condition, for threads of our own that sleep until there is work.
final class ConditionLock: @unchecked Sendable {
    // Because both pthread objects are made for use from many threads, and never move: they live on the heap.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        // Deadlines must not move with the wall clock.
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func lock() { pthread_mutex_lock(mutex) }

    func unlock() { pthread_mutex_unlock(mutex) }

    /// Sleeps until a signal; the lock is free meanwhile. May wake without one.
    func wait() { pthread_cond_wait(condition, mutex) }

    /// Sleeps until a signal or until the time is over.
    func wait(atMost duration: Duration) {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let (seconds, attoseconds) = duration.components
        let nanoseconds = time.tv_nsec + Int(attoseconds / 1_000_000_000)
        time.tv_sec += Int(seconds) + nanoseconds / 1_000_000_000
        time.tv_nsec = nanoseconds % 1_000_000_000
        pthread_cond_timedwait(condition, mutex, &time)
    }

    /// Wakes one sleeper.
    func signal() { pthread_cond_signal(condition) }

    /// Wakes all sleepers.
    func broadcast() { pthread_cond_broadcast(condition) }
}
