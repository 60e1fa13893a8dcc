// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// A bounded number of places; who comes when all are taken waits, first in, first out.
final class Slots: Sendable {
    private struct State {
        var free: Int
        var waiting = Queue<Int>()
        var sleepers: [Int: CheckedContinuation<Bool, Never>] = [:]
        var tickets = 0
    }

    private let state: Mutex<State>

    init(_ count: Int) { state = Mutex(State(free: count)) }

    /// Takes a place; false, without one, when its task is cancelled first.
    func take() async -> Bool {
        let ticket = state.withLock { state in
            state.tickets += 1
            return state.tickets
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { sleeper in
                let answer = state.withLock { state -> Bool? in
                    if Task.isCancelled { return false }
                    if state.free > 0 {
                        state.free -= 1
                        return true
                    }
                    state.waiting.append(ticket)
                    state.sleepers[ticket] = sleeper
                    return nil
                }
                if let answer { sleeper.resume(returning: answer) }
            }
        } onCancel: {
            state.withLock { $0.sleepers.removeValue(forKey: ticket) }?.resume(returning: false)
        }
    }

    /// Gives a place back.
    func give() {
        let sleeper = state.withLock { state -> CheckedContinuation<Bool, Never>? in
            while let ticket = state.waiting.popFirst() {
                if let sleeper = state.sleepers.removeValue(forKey: ticket) { return sleeper }
            }
            state.free += 1
            return nil
        }
        sleeper?.resume(returning: true)
    }
}
