// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Lets tasks wait until the store is as full, or as empty, as they need it.
final class LevelWatch: Sendable {
    private struct Waiter {
        let isMet: @Sendable (StoreLevels) -> Bool
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var levels: StoreLevels
        var waiters: [Int: Waiter] = [:]
        var nextWaiter = 0
        var isClosed = false
    }

    private let state: Mutex<State>

    init(_ levels: StoreLevels) { state = Mutex(State(levels: levels)) }

    var levels: StoreLevels { state.withLock { $0.levels } }

    /// Tells everybody whose condition is met now.
    func publish(_ levels: StoreLevels) {
        let met = state.withLock { state in
            state.levels = levels
            guard !state.waiters.isEmpty else { return [Waiter]() }
            let met = state.waiters.filter { $0.value.isMet(levels) }.sorted { $0.key < $1.key }
            for (number, _) in met { state.waiters[number] = nil }
            return met.map(\.value)
        }
        for waiter in met { waiter.continuation.resume(returning: true) }
    }

    /// Sends everybody away: nothing changes any more.
    func close() {
        let waiters = state.withLock { state in
            state.isClosed = true
            let waiters = state.waiters.sorted { $0.key < $1.key }
            state.waiters = [:]
            return waiters.map(\.value)
        }
        for waiter in waiters { waiter.continuation.resume(returning: false) }
    }

    /// Waits until `isMet`; false where the store was closed or the task cancelled before.
    func wait(until isMet: @escaping @Sendable (StoreLevels) -> Bool) async -> Bool {
        let number = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = state.withLock { state in
                    if isMet(state.levels) { return true }
                    if state.isClosed || Task.isCancelled { return false }
                    state.waiters[number] = Waiter(isMet: isMet, continuation: continuation)
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            // Cancelled before the waiter was put there: then the check above, made under the same lock, sees it.
            let waiter = state.withLock { $0.waiters.removeValue(forKey: number) }
            waiter?.continuation.resume(returning: false)
        }
    }
}
