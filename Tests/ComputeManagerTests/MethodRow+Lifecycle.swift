// SPDX-License-Identifier: Apache-2.0

import ComputeModel

extension MethodRow {
    static let stop = MethodRow(
        "stop_instance",
        tells: ["power_off.start active/stopping", "update active/stopping > stopped/-", "power_off.end stopped/-"],
        leaves: "stopped/-/4")

    static let powerOff = MethodRow(
        "power_off_instance",
        tells: [
            "power_off.start active/powering-off", "update active/powering-off > soft-delete/-",
            "power_off.end soft-delete/-",
        ], leaves: "soft-delete/-/4")

    static let lifecycle: [MethodRow] = [
        MethodRow(
            "run_instance",
            tells: [
                "update building/scheduling > building/-", "create.start building/-", "update building/-",
                "update building/- > building/networking",
                "update building/networking > building/block_device_mapping",
                "update building/block_device_mapping > building/spawning", "update building/spawning > active/-",
                "create.end active/-",
            ]),
        MethodRow(
            "reboot_instance", ["reboot_type": "SOFT"],
            tells: [
                "reboot.start active/rebooting", "update active/rebooting", "update active/rebooting > active/-",
                "reboot.end active/-",
            ]),
        MethodRow(
            "terminate_instance",
            tells: [
                "delete.start active/deleting", "shutdown.start active/deleting", "shutdown.end active/deleting",
                "update active/deleting > deleted/-", "delete.end deleted/-",
            ], leaves: nil),
        MethodRow(
            "start_instance", after: [stop],
            tells: ["power_on.start stopped/starting", "update stopped/starting > active/-", "power_on.end active/-"]),
        stop,
        MethodRow(
            "power_on_instance", after: [powerOff],
            tells: [
                "power_on.start soft-delete/powering-on", "update soft-delete/powering-on > active/-",
                "power_on.end active/-",
            ]),
        powerOff,
    ]
}
