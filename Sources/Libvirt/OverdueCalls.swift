// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Which guests hold up a call that was given up and has not returned yet: their monitor does not answer.
///
/// A guest leaves by itself with the return of its last such call, which is the probe that costs nothing.
public final class OverdueCalls: Sendable {
    private struct State {
        /// Calls that were given up, by the guest's uuid; one that returned first counts below zero for a moment.
        var counts: [String: Int] = [:]
        var waiting: [String: [Int: CheckedContinuation<Bool, Never>]] = [:]
        var tickets = 0
    }

    private let state = Mutex(State())

    public init() {}

    /// The uuids of the guests.
    public var guests: Set<String> { state.withLock { Set($0.counts.filter { $0.value > 0 }.keys) } }

    public func holdUp(_ uuid: String) -> Bool { state.withLock { $0.counts[uuid, default: 0] > 0 } }

    /// Waits until no call of the guest is overdue; false when that takes longer than `limit`, or the task is
    /// cancelled.
    public func returned(_ uuid: String, within limit: Duration) async -> Bool {
        guard holdUp(uuid) else { return true }
        let ticket = state.withLock { state in
            state.tickets += 1
            return state.tickets
        }
        let timer = DeadlineWatch.shared.schedule(after: limit) { [self] in giveUp(ticket, uuid) }
        defer { DeadlineWatch.shared.cancel(timer) }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let answer = state.withLock { state -> Bool? in
                    guard state.counts[uuid, default: 0] > 0 else { return true }
                    if Task.isCancelled { return false }
                    state.waiting[uuid, default: [:]][ticket] = waiter
                    return nil
                }
                if let answer { waiter.resume(returning: answer) }
            }
        } onCancel: {
            giveUp(ticket, uuid)
        }
    }

    func note(_ lateness: CallLane.Lateness, _ uuid: String) {
        let waiters = state.withLock { state -> [CheckedContinuation<Bool, Never>] in
            let count = state.counts[uuid, default: 0] + (lateness == .givenUp ? 1 : -1)
            state.counts[uuid] = count == 0 ? nil : count
            return count > 0 ? [] : Array((state.waiting.removeValue(forKey: uuid) ?? [:]).values)
        }
        for waiter in waiters { waiter.resume(returning: true) }
    }

    private func giveUp(_ ticket: Int, _ uuid: String) {
        let waiter = state.withLock { $0.waiting[uuid]?.removeValue(forKey: ticket) }
        waiter?.resume(returning: false)
    }
}
