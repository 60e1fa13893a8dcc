// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Starts an instance that was stopped. Nova: `start_instance`.
enum StartInstance: PowerOperation {
    static let name = OperationName(rawValue: "start_instance")
    static let summary = "starts a stopped instance"
    static let change = PowerChange(
        event: "power_on", call: .powerOn, finalState: .active, task: .starting, expected: [.poweringOn, .starting],
        doneWhen: .running)
    static let errorEvents = ["power_on_instance", "start_instance"]
}
