# SPDX-License-Identifier: Apache-2.0
"""What must be so of a guest whenever nothing is asked of it: hypervisor, journal and events say the same."""
import time

from .operations import SEEN_AS

POWER = {"active": (1,), "resized": (1,), "rescued": (1,), "paused": (3,), "stopped": (4,), "soft-delete": (4,),
         "suspended": (4, 7)}
POWER_SEEN = {"running": 1, "paused": 3}


def look(scene, life, cast):
    """Compares what each of them says with what was asked for; `cast` is the last one, and it ended well."""
    if life.state == "deleted":
        return
    found = {}
    for line in scene.hypervisor.virsh("dominfo", life.instance, accept=(0, 1)).splitlines():
        name, _, value = line.partition(":")
        found[name.strip()] = value.strip()
    state, is_saved = SEEN_AS[life.state]
    seen = (found.get("State", "no such domain"), found.get("Managed save") == "yes")
    scene.measure("looks", 1, total=True)
    if seen != (state, is_saved):
        differs(scene, life, cast, f"libvirt has {seen}, expected {(state, is_saved)}")
    memory = int(found.get("Max memory", "0").split()[0]) // 1024
    if memory != life.flavor["memory_mb"]:
        differs(scene, life, cast, f"libvirt has {memory} MiB, expected {life.flavor['memory_mb']}")
    row = scene.journal.row(life.instance)
    if row is None:
        differs(scene, life, cast, "the journal has no such instance")
        return
    if row["vm_state"] != life.state or row["task_state"]:
        differs(scene, life, cast, f"the journal has {row['vm_state']}, {row['task_state']}, expected {life.state}")
    if row["memory_mb"] != life.flavor["memory_mb"]:
        differs(scene, life, cast, f"the journal has {row['memory_mb']} MiB of {life.flavor['memory_mb']}")
    if row["power_state"] not in POWER[life.state]:
        differs(scene, life, cast, f"the journal has power state {row['power_state']} of what is {life.state}")
    told = [event.state for event in scene.ledger.about(cast.request) if event.state]
    if told and told[-1] != life.state:
        differs(scene, life, cast, f"the last event says {told[-1]}, expected {life.state}")
    disks(scene, life, cast)


def agree(scene, instances, seconds=30):
    """After whatever became of their casts, the journal and libvirt say the same of these guests."""
    def differing():
        found = {}
        for instance in instances:
            row, state = scene.journal.row(instance), scene.hypervisor.state(instance)
            if row is None and state == "no such domain":
                continue
            expected = SEEN_AS.get(row and row["vm_state"], (state,))[0]
            if row is None or state != expected or POWER_SEEN.get(state) not in (None, row["power_state"]):
                told = row and (row["vm_state"], row["task_state"], row["power_state"])
                found[instance] = f"the journal has {told}, libvirt {state}"
        return found

    deadline = time.monotonic() + seconds
    while (found := differing()) and time.monotonic() < deadline:
        time.sleep(0.5)  # what libvirt tells has this long to be heard
    for instance, text in found.items():
        scene.violation("differs", f"{instance}: {text}")
    scene.measure("guests compared", len(instances), total=True)


def disks(scene, life, cast):
    if life.volume is None:
        return
    lines = scene.hypervisor.virsh("domblklist", life.instance, accept=(0, 1)).splitlines()
    is_there = any(life.volume in line for line in lines)
    if is_there != life.is_attached:
        differs(scene, life, cast, f"the volume is {'' if is_there else 'not '}plugged in at libvirt")
    if scene.is_held(life.volume) != life.is_attached:
        differs(scene, life, cast, f"the volume is {'' if scene.is_held(life.volume) else 'not '}recorded as attached")


def differs(scene, life, cast, text):
    scene.violation("differs", f"{life.instance} after {cast}: {text}")
