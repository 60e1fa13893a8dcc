// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Synchronization

/// The operations of which it was told, since the start, that the driver lacks them.
final class ToldLacks: Sendable {
    private let told = Mutex<Set<OperationName>>([])

    /// Whether a failure is told: a lack that was told before is not, where the operation says so.
    func isNews<Operation: JournaledOperation>(_ fault: ComputeFault, of operation: Operation.Type) -> Bool {
        guard Operation.tellsLackOnce, fault.kind == .unsupportedOperation else { return true }
        return told.withLock { !$0.contains(Operation.name) }
    }

    /// Notes that a failure was told.
    func note<Operation: JournaledOperation>(_ fault: ComputeFault, of operation: Operation.Type) {
        guard Operation.tellsLackOnce, fault.kind == .unsupportedOperation else { return }
        told.withLock { _ = $0.insert(Operation.name) }
    }
}
