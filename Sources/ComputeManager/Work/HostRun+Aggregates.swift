// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Logging

/// The arguments of an operation that is told a security group.
struct SecurityGroupArguments: Sendable {
    let groupID: Int
}

extension HostRun {
    /// Takes a change of a pool back; that it fails is logged, the change's own failure is what is told.
    func undo(_ change: AggregateChange) async throws {
        do {
            try await driver.undoAggregateChange(change)
        } catch let fault as ComputeFault {
            services.logger.error(
                "a change of a host pool can't be taken back",
                metadata: [
                    "aggregate.id": .stringConvertible(change.aggregateID), LogKey.error: .string(fault.message),
                ])
        }
    }
}
