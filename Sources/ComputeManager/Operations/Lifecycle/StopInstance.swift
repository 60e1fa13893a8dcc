// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Stops an instance and keeps it. Nova: `stop_instance`.
enum StopInstance: PowerOperation {
    static let name = OperationName(rawValue: "stop_instance")
    static let summary = "stops an instance and keeps it"
    static let change = PowerChange(
        event: "power_off", call: .powerOff, finalState: .stopped, task: .stopping,
        expected: [.poweringOff, .stopping],
        doneWhen: .shutdown)
    static let errorEvents = ["power_off_instance", "stop_instance"]
}
