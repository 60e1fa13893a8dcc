// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// One thread that runs short actions when their time has come, on the monotonic clock.
///
/// Deadlines of blocking calls can't be kept by the threads that block, nor by the cooperative pool, whose threads may
/// all be busy when one passes.
final class DeadlineWatch: @unchecked Sendable {
    // Because `pending` and `lastID` are touched only between `lock.lock()` and `lock.unlock()`.
    static let shared = DeadlineWatch()

    /// Names an action that is due in the future.
    struct Token: Sendable { fileprivate let id: UInt64 }

    private let lock = ConditionLock()
    private var pending: [(due: ContinuousClock.Instant, id: UInt64, action: @Sendable () -> Void)] = []
    private var lastID: UInt64 = 0

    private init() {
        NamedThread.start("deadlines") { [self] in watch() }
    }

    /// Runs `action` on the watch's thread after `delay`, unless it is cancelled before. It must not block.
    func schedule(after delay: Duration, _ action: @escaping @Sendable () -> Void) -> Token {
        let due = ContinuousClock.now + delay
        lock.lock()
        lastID += 1
        let id = lastID
        let place = pending.firstIndex { $0.due > due } ?? pending.endIndex
        pending.insert((due, id, action), at: place)
        if place == 0 { lock.signal() }
        lock.unlock()
        return Token(id: id)
    }

    /// Takes an action back; one that has begun runs to its end.
    func cancel(_ token: Token) {
        lock.lock()
        // Let go of only when the lock is free: what an action holds may come here again as it ends.
        let action = pending.firstIndex { $0.id == token.id }.map { pending.remove(at: $0).action }
        lock.unlock()
        withExtendedLifetime(action) {}
    }

    private func watch() -> Never {
        while true { nextDue()() }
    }

    /// Sleeps until an action is due, and takes it out.
    private func nextDue() -> @Sendable () -> Void {
        lock.lock()
        defer { lock.unlock() }
        while true {
            // The time alone is copied: an action held here would be let go of with the lock held.
            guard let due = pending.first?.due else {
                lock.wait()
                continue
            }
            let remaining = due - ContinuousClock.now
            guard remaining <= .zero else {
                lock.wait(atMost: remaining)
                continue
            }
            return pending.removeFirst().action
        }
    }
}
