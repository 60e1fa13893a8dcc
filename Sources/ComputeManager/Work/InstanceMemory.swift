// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Synchronization

/// What is known of the instances that were last noted, of so many.
final class InstanceMemory<Value: Sendable>: Sendable {
    private struct State {
        var values: [InstanceID: Value] = [:]
        /// In the order in which they were first noted.
        var order = Queue<InstanceID>()
        var count = 0
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    /// Nil where nothing was noted, or it is forgotten.
    subscript(id: InstanceID) -> Value? { state.withLock { $0.values[id] } }

    func note(_ id: InstanceID, _ value: Value) {
        guard limit > 0 else { return }
        state.withLock { state in
            if state.values.updateValue(value, forKey: id) != nil { return }
            state.order.append(id)
            state.count += 1
            while state.count > limit, let oldest = state.order.popFirst() {
                state.values[oldest] = nil
                state.count -= 1
            }
        }
    }
}
