# SPDX-License-Identifier: Apache-2.0
"""Faults of single guests: one that answers no more, and what virsh does behind the worker's back."""
import os
import signal
import time

from .libvirtd import open_with_guests

from ..witnesses import guests as processes

OTHERS = 5  # seconds that a reboot of a healthy guest may take beside a sick one


def frozen(scene):
    """One guest's QEMU stands still: its casts end at their deadline, and the others are served as ever."""
    guests = open_with_guests(scene)
    sick = guests[0]
    pid = next(pid for pid, guest in processes().items() if guest == sick)
    os.kill(pid, signal.SIGSTOP)
    try:
        stuck = scene.api.send("reboot_instance", sick)
        began = time.time()
        for _ in range(3):
            casts = [scene.api.send("reboot_instance", guest) for guest in guests[1:]]
            left = scene.ledger.await_ends(casts, 30, scene.worker.must_live)
            for cast in casts:
                took = (time.time() if cast in left else scene.ledger.ends(cast)[0].at) - cast.sent_at
                scene.measure("others s", took)
                if took > OTHERS:
                    scene.violation("slow", f"{cast} took {took:.1f} s beside a sick guest")
        fresh = scene.new_instance()
        build = scene.api.send("run_instance", fresh)
        scene.ledger.await_ends([build], 30, scene.worker.must_live)
        guests.append(fresh)
        time.sleep(max(0, began + scene.options.silence / 2 - time.time()))
    finally:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass
    scene.ledger.await_ends([stuck], 120, scene.worker.must_live)
    scene.measure("sick one ended s", scene.ledger.ends(stuck)[0].at - began if scene.ledger.ends(stuck) else 999)
    for guest in guests:
        scene.api.send("terminate_instance", guest)
    scene.finish(seconds=120, may_fail=lambda cast, event: cast is stuck)


def meddling(scene):
    """Guests are destroyed and undefined, and a foreign one appears: it is told, and nothing foreign is touched."""
    guests = open_with_guests(scene)
    destroyed, undefined, raced, while_dead = guests
    foreign = plant_foreign(scene)
    notice(scene, destroyed, "power_off.end", lambda: scene.hypervisor.virsh("destroy", destroyed))
    notice(scene, undefined, "sync_power_state", lambda: remove(scene, undefined))
    reboot = scene.api.send("reboot_instance", raced)
    time.sleep(scene.duration(0, 1))
    scene.hypervisor.virsh("destroy", raced, accept=(0, 1))
    scene.ledger.await_ends([reboot], 60, scene.worker.must_live)
    scene.worker.kill()
    scene.measure("kills", 1, total=True)
    scene.hypervisor.virsh("destroy", while_dead)
    notice(scene, while_dead, "power_off.end", scene.worker.start)
    if "that no instance owns" not in scene.worker.log_text():
        scene.violation("untold", "the log does not tell of a guest that nobody owns")
    # What was destroyed can be started again, and everything can be deleted.
    again = scene.api.send("reboot_instance", destroyed)
    scene.ledger.await_ends([again], 60, scene.worker.must_live)
    if scene.hypervisor.state(destroyed) != "running":
        scene.violation("not started", f"{destroyed} is {scene.hypervisor.state(destroyed)} after a hard reboot")
    for guest in guests:
        scene.api.send("terminate_instance", guest)
    scene.ledger.await_ends(scene.api.casts, 90, scene.worker.must_live)
    if scene.hypervisor.state(foreign) != "running":
        scene.violation("touched", f"a domain that is not the worker's is {scene.hypervisor.state(foreign)}")
    scene.hypervisor.virsh("destroy", foreign)
    scene.finish(may_fail=lambda cast, event: cast is reboot, unseen=(reboot,))


def remove(scene, guest):
    scene.hypervisor.virsh("destroy", guest)
    scene.hypervisor.virsh("undefine", guest)


def notice(scene, guest, name, meddle):
    """Does something to a guest, and waits until the worker has told of it."""
    began = time.time()
    meddle()
    event = scene.ledger.await_event(guest, name, began, 20)
    if event is None:
        scene.violation("untold", f"no {name} of {guest} within 20 s")
    else:
        scene.measure("told s", event.at - began)


def plant_foreign(scene):
    """A domain that nobody asked the worker for. Returns its name."""
    path = os.path.join(scene.directory, "foreign.xml")
    with open(path, "w", encoding="utf-8") as f:
        f.write("<domain type='qemu'><name>foreign</name><memory unit='MiB'>16</memory>"
                "<os><type arch='x86_64'>hvm</type></os></domain>")
    scene.hypervisor.virsh("create", path)
    return "foreign"
