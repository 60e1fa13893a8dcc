// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Testing

/// The words and numbers are nova's (`nova.compute.power_state`, `vm_states`, `task_states`), written out here so that a
/// change to ours does not pass unnoticed.
@Suite("States are those that nova's other services read and write")
struct InstanceStateTests {
    @Test("power states have nova's numbers")
    func power() {
        #expect(PowerState.noState.rawValue == 0)
        #expect(PowerState.running.rawValue == 1)
        #expect(PowerState.paused.rawValue == 3)
        #expect(PowerState.shutdown.rawValue == 4)
        #expect(PowerState.crashed.rawValue == 6)
        #expect(PowerState.suspended.rawValue == 7)
        #expect(PowerState.building.rawValue == 9)
        #expect(PowerState.allCases.map(\.rawValue).sorted() == [0, 1, 3, 4, 6, 7, 9])
    }

    @Test("vm states are nova's words, all of them and no other")
    func vm() {
        let words = [
            "active", "building", "paused", "suspended", "stopped", "rescued", "resized", "soft-delete", "deleted",
            "error",
        ]
        #expect(VMState.allCases.map(\.rawValue).sorted() == words.sorted())
        #expect(VMState.softDeleted.rawValue == "soft-delete")
        #expect(VMState.active.rawValue == "active" && VMState.building.rawValue == "building")
        #expect(VMState.stopped.rawValue == "stopped" && VMState.error.rawValue == "error")
        #expect(VMState.deleted.rawValue == "deleted")
    }

    @Test("task states are nova's words, all of them and no other; hyphens where nova has hyphens")
    func task() {
        let words = [
            "scheduling", "block_device_mapping", "networking", "spawning", "image_snapshot", "image_backup",
            "updating_password", "resize_prep", "resize_migrating", "resize_migrated", "resize_finish",
            "resize_reverting", "resize_confirming", "rebooting", "rebooting_hard", "pausing", "unpausing",
            "suspending", "resuming", "stopping", "starting", "powering-off", "powering-on", "rescuing", "unrescuing",
            "rebuilding", "rebuild_block_device_mapping", "rebuild_spawning", "migrating", "deleting",
        ]
        #expect(TaskState.allCases.map(\.rawValue).sorted() == words.sorted())
        for (state, word) in [
            (TaskState.blockDeviceMapping, "block_device_mapping"), (.imageSnapshot, "image_snapshot"),
            (.updatingPassword, "updating_password"), (.resizePrep, "resize_prep"),
            (.resizeReverting, "resize_reverting"), (.rebootingHard, "rebooting_hard"),
            (.poweringOff, "powering-off"), (.poweringOn, "powering-on"), (.rebuildSpawning, "rebuild_spawning"),
        ] { #expect(state.rawValue == word) }
    }

    @Test("an instance is written with these words, and read from them")
    func fields() throws {
        let body = try #require(try Golden.bodies("f02-run_instance").first)
        var instance = try Instance(fields: try #require(try JSONParser.parse(body)["args"]?["instance"]?.object))
        instance.vmState = .softDeleted
        instance.taskState = .poweringOff
        instance.powerState = .suspended
        #expect(instance.fields["vm_state"] == "soft-delete")
        #expect(instance.fields["task_state"] == "powering-off")
        #expect(instance.fields["power_state"] == 7)
        var fields = instance.fields
        fields["vm_state"] = "rescued"
        fields["task_state"] = "resize_confirming"
        fields["power_state"] = 6
        let read = try Instance(fields: fields)
        #expect(read.vmState == .rescued && read.taskState == .resizeConfirming && read.powerState == .crashed)
    }
}
