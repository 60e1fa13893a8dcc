// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Deletes an instance softly: it is off and kept for a time. Nova: `power_off_instance`.
enum PowerOffInstance: PowerOperation {
    static let name = OperationName(rawValue: "power_off_instance")
    static let summary = "deletes an instance softly: off, but kept"
    static let change = PowerChange(
        event: "power_off", call: .powerOff, finalState: .softDeleted, task: .poweringOff,
        expected: [.poweringOff, .stopping], doneWhen: .shutdown)
}
