// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Brings a softly deleted instance back. Nova: `power_on_instance`.
enum PowerOnInstance: PowerOperation {
    static let name = OperationName(rawValue: "power_on_instance")
    static let summary = "starts a softly deleted instance again"
    static let change = PowerChange(
        event: "power_on", call: .powerOn, finalState: .active, task: .poweringOn, expected: [.poweringOn, .starting],
        doneWhen: .running)
}
