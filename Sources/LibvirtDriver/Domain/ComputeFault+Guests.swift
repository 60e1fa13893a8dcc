// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

extension ComputeFault {
    /// The guest is in a state in which the wish makes no sense.
    static func wrongState(_ state: PowerState, for wish: String, instance: InstanceID) -> ComputeFault {
        ComputeFault(
            .instanceInvalidState, "The guest is \(state); in that state it can't \(wish).", instance: instance,
            arguments: [
                "instance_uuid": .string(instance.description), "attr": "power_state", "state": .string("\(state)"),
                "method": .string(wish),
            ])
    }
}
