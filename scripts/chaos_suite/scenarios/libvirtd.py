# SPDX-License-Identifier: Apache-2.0
"""Faults of libvirtd: stopped in mid-air, restarted, killed, while guests are built, rebooted and deleted."""
import signal
import time

from .. import rest
from ..lives import send_pair

GUESTS = 4
BACK = 15  # seconds in which what waited for libvirt goes on when it is back
DELETE_RETRY = "3"  # seconds of pauses between attempts, each of which libvirt lets wait for half a minute if it is stuck


def open_with_guests(scene):
    scene.open("libvirt", compute_worker={"delete_retry_time": DELETE_RETRY})
    scene.worker.start()
    scene.worker.await_consuming()
    guests = [scene.new_instance() for _ in range(GUESTS)]
    built = [scene.api.send("run_instance", guest) for guest in guests]
    left = scene.ledger.await_ends(built, 60, scene.worker.must_live)
    assert not left, f"without any fault these were not built: {left}"
    return guests


def keep_busy(scene, guests):
    """Something of each kind in flight: a build, a reboot, a pause and the like, a delete."""
    fresh = scene.new_instance()
    casts = [scene.api.send("run_instance", fresh), scene.api.send("reboot_instance", guests[1])]
    for guest in guests[2:]:
        casts += send_pair(scene, guest)
    casts.append(scene.api.send("terminate_instance", guests[0]))
    guests[:] = guests[1:] + [fresh]
    return casts


def control_plane(scene):
    """Whatever became of the hypervisor: a cast is taken into the journal at once."""
    cast = scene.api.send("stop_instance", scene.new_instance())
    began = time.monotonic()
    while not scene.journal.count("journal", f"request_id = '{cast.request}'"):
        if time.monotonic() > began + 5:
            scene.violation("slow", "a cast was not journaled within 5 s while libvirt was away")
            return
        time.sleep(0.005)
    scene.measure("journaled s", time.monotonic() - began)
    scene.unknown.append(cast)


def finish(scene, guests, harmed):
    began = time.time()
    left = scene.ledger.await_ends(harmed, 120, scene.worker.must_live)
    if not left:
        scene.measure("all ended s", max(0, max(scene.ledger.ends(cast)[0].at for cast in harmed) - began))
    stuck = scene.stuck(harmed)
    rest.agree(scene, set(guests) - stuck)
    for guest in guests:
        scene.api.send("terminate_instance", guest)

    def may_fail(cast, event):
        # A call that was overdue fails, and its cause says so; the delete at the end succeeds all the same.
        if cast.instance in scene.stuck([cast]):
            return True
        return cast in scene.unknown or cast in harmed and cast.method != "terminate_instance"

    scene.finish(seconds=120, may_fail=may_fail)
    failed = [c for c in harmed if scene.ledger.ends(c) and scene.ledger.ends(c)[0].priority == "ERROR"]
    scene.measure("failed with a cause", len(failed), total=True)
    asked = {cast.request for cast in scene.api.casts}
    # What failed between the end of a guest and its new start, and could not be taken back, left it off.
    cut_off = {cast.instance for cast in failed if cast.operation.starts}
    for event in scene.ledger.told():
        if event.request in asked or event.instance in cut_off:
            continue
        if event.name.startswith("power_") or event.type == "sync_power_state":
            scene.violation("read as stopped", f"{event.instance}: {event.name}, and nobody stopped it")


def harm(scene, latest, faults):
    """Each fault in turn, at some moment while something of each kind is in flight."""
    scene.unknown = []
    guests, harmed = open_with_guests(scene), []
    for fault in faults:
        harmed += keep_busy(scene, guests)
        time.sleep(scene.duration(0, latest))
        fault()
        scene.ledger.await_ends(harmed, 60, scene.worker.must_live)
    finish(scene, guests, harmed)


def freeze(scene):
    """libvirtd stands still."""
    def stand(seconds):
        scene.hypervisor.signal(signal.SIGSTOP)
        try:
            time.sleep(seconds / 2)
            control_plane(scene)
            time.sleep(seconds / 2)
        finally:
            scene.hypervisor.signal(signal.SIGCONT)

    harm(scene, 1, [lambda: stand(4), lambda: stand(scene.options.silence)])


def restart(scene):
    """libvirtd is restarted in order, again and again."""
    def once():
        scene.hypervisor.restart()
        control_plane(scene)
        scene.measure("restarts", 1, total=True)

    harm(scene, 1.5, [once] * 3)


def kill(scene):
    """libvirtd dies in the middle of what it does, and stays away for a while."""
    def once():
        scene.hypervisor.crash()
        try:
            time.sleep(scene.duration(0.5, 5))
            control_plane(scene)
        finally:
            scene.hypervisor.resume()
        scene.measure("restarts", 1, total=True)

    harm(scene, 1, [once] * 2)
