// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Synchronization

/// The guests with a call that is overdue and has not returned: a question to one of them fails at once, because it
/// would wait behind that call. What changes them waits in their lane, which is shut until then.
final class Quarantine: Sendable {
    private let counts = Mutex<[InstanceID: Int]>([:])

    var guests: Set<InstanceID> { counts.withLock { Set($0.keys) } }

    func holds(_ id: InstanceID) -> Bool { counts.withLock { $0[id] != nil } }

    func enter(_ id: InstanceID) { counts.withLock { $0[id, default: 0] += 1 } }

    func leave(_ id: InstanceID) {
        counts.withLock { counts in
            let count = counts[id, default: 0] - 1
            counts[id] = count > 0 ? count : nil
        }
    }
}
