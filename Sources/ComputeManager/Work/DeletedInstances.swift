// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Synchronization
internal import WorkerStore

/// Which instances were deleted here, and since when: a build that was asked for before that and comes after it is not
/// to begin. Bounded like the record of done work, from which it is filled at start.
final class DeletedInstances: Sendable {
    private struct State {
        var moments: [InstanceID: Timestamp] = [:]
        /// In the order in which they were first deleted.
        var order = Queue<InstanceID>()
        var count = 0
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    /// When the delete of the instance was asked for; nil where there was none, or it is forgotten.
    func moment(_ id: InstanceID) -> Timestamp? { state.withLock { $0.moments[id] } }

    func note(_ id: InstanceID, askedFor moment: Timestamp) {
        guard limit > 0 else { return }
        state.withLock { state in
            if state.moments.updateValue(moment, forKey: id) != nil { return }
            state.order.append(id)
            state.count += 1
            while state.count > limit, let oldest = state.order.popFirst() {
                state.moments[oldest] = nil
                state.count -= 1
            }
        }
    }
}
