# SPDX-License-Identifier: Apache-2.0
"""What is known of each operation beforehand: its events, its task, what it leaves, and whether it starts the guest."""


class Operation:
    """events: in their order, the last of which ends it; none where only the journal (and an update) tells of the end.
    task: the task_state that the API has written. leaves: the vm_state after it, None where it stays.
    follows: what the worker casts to itself for it, under the same request.
    starts: whether the guest's process is started in it; again: whether also after a restart of the worker.
    lack: whether that the driver lacks it is told once a life of the worker, and after that in the journal alone."""

    def __init__(self, *events, task=None, leaves=None, starts=False, again=False, follows=(), version="2.0",
                 lack=False):
        self.events, self.task, self.leaves = list(events), task, leaves
        self.starts, self.again, self.follows, self.version, self.lack = starts, again, follows, version, lack

    @property
    def end(self):
        return self.events[-1] if self.events else None

    @property
    def is_quiet(self):
        return not self.events


def pair(name):
    return f"{name}.start", f"{name}.end"


RESIZE = ("exists", *pair("resize.prep"), *pair("resize"), *pair("finish_resize"))

OPERATIONS = {
    "run_instance": Operation(*pair("create"), leaves="active", starts=True),
    "reboot_instance": Operation(*pair("reboot"), task="rebooting", leaves="active", starts=True),
    "terminate_instance": Operation("delete.start", *pair("shutdown"), "delete.end", task="deleting", leaves="deleted"),
    "stop_instance": Operation(*pair("power_off"), task="stopping", leaves="stopped"),
    "start_instance": Operation(*pair("power_on"), task="starting", leaves="active", starts=True),
    "power_off_instance": Operation(*pair("power_off"), task="powering-off", leaves="soft-delete"),
    "power_on_instance": Operation(*pair("power_on"), task="powering-on", leaves="active", starts=True),
    "pause_instance": Operation(leaves="paused"),
    "unpause_instance": Operation(leaves="active"),
    "suspend_instance": Operation("suspend", leaves="suspended"),
    "resume_instance": Operation("resume", leaves="active", starts=True),
    "rescue_instance": Operation(leaves="rescued", starts=True),
    "unrescue_instance": Operation(leaves="active", starts=True),
    "rebuild_instance": Operation("exists", *pair("rebuild"), task="rebuilding", leaves="active", starts=True,
                                  version="2.1"),
    "snapshot_instance": Operation(*pair("snapshot")),
    "set_admin_password": Operation(),
    "reserve_block_device_name": Operation(),
    "attach_volume": Operation(),
    "detach_volume": Operation(),
    # How far its disks came is not to be seen after a restart: they are brought back, and the guest with them, first.
    "prep_resize": Operation(*RESIZE, task="resize_prep", leaves="resized", starts=True, again=True,
                             follows=("resize_instance", "finish_resize")),
    "confirm_resize": Operation(*pair("resize.confirm"), leaves="active"),
    "revert_resize": Operation(*pair("resize.revert"), task="resize_reverting", leaves="active", starts=True,
                               follows=("finish_revert_resize",)),
    "check_can_live_migrate_destination": Operation(),
    "live_migration": Operation(task="migrating", leaves="active"),
    "refresh_provider_fw_rules": Operation(lack=True),
    "set_host_enabled": Operation(),
}

QUESTIONS = ("get_console_output", "get_diagnostics", "get_vnc_console", "get_host_uptime")

# What a state is at the hypervisor: virsh's word, and whether the memory is on the disk.
SEEN_AS = {"active": ("running", False), "resized": ("running", False), "rescued": ("running", False),
           "paused": ("paused", False), "stopped": ("shut off", False), "soft-delete": ("shut off", False),
           "suspended": ("shut off", True)}
