// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Synchronization

/// The ids of the instances that have a row, so that a look for one that has none costs nothing: every build begins
/// with such a look.
///
/// May name some that have none (a write that was taken back); never misses one that has.
final class InstanceIndex: Sendable {
    private let ids = Mutex<Set<InstanceID>>([])

    func mayHold(_ id: InstanceID) -> Bool { ids.withLock { $0.contains(id) } }

    func insert(_ id: InstanceID) { ids.withLock { _ = $0.insert(id) } }

    func remove(_ gone: Set<InstanceID>) {
        if !gone.isEmpty { ids.withLock { $0.subtract(gone) } }
    }
}
