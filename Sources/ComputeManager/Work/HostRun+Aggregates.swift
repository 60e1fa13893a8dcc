// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Logging

/// The arguments of an operation that is told a security group.
struct SecurityGroupArguments: Sendable {
    let groupID: Int
}

extension HostRun {
    /// Takes a change of a pool back that the pool did not take well, as nova does; what was refused, or not heard of,
    /// was none. That it fails is logged, the change's own failure is what is told.
    func undo(_ change: AggregateChange, _ kind: AggregateChange.Kind, after failure: ComputeFault) async throws {
        guard failure.kind == .aggregateFailure else { return }
        do {
            try await driver.undoAggregateChange(change, kind)
        } catch let fault as ComputeFault {
            services.logger.error(
                "a change of a host pool can't be taken back",
                metadata: [
                    "aggregate.id": .stringConvertible(change.aggregateID), LogKey.error: .string(fault.message),
                ])
        }
    }
}
