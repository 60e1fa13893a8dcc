// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Has a guest set its network up anew. Nova: `reset_network`.
enum ResetNetwork: RefreshOperation {
    static let name = OperationName(rawValue: "reset_network")
    static let summary = "has a guest set its network up anew"
    static let needs: [DriverOperation] = [.resetNetwork]

    static func refresh(_ guest: GuestRequest, in run: OperationRun<ResetNetwork>) async throws {
        try await run.driver.resetNetwork(guest.instance, interruptedBy: run.token)
    }

    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) { change.revertTask(fault) }
}
