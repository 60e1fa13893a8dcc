# SPDX-License-Identifier: Apache-2.0
"""Disks that fill up and are freed: the worker's state, and the instances' directory."""
import os
import time

from stage import run, until

from .traffic import Traffic, served_within

BACK = 5  # seconds in which the worker serves again when there is room
MANY = 20  # casts that wait at the broker only if nobody takes them


def mounted(scene, name, size):
    """A small disk of its own; its mount is gone with the suite's namespace."""
    path = os.path.join(scene.directory + "-" + name)
    os.makedirs(path)
    run("mount", "-t", "tmpfs", "-o", f"size={size}", "chaos", path)
    scene.closing.append(lambda: (run("umount", "-l", path, accept=range(256)), os.rmdir(path)))
    return path


def fill(directory):
    """Takes what is left, to the last byte. Returns the file that has it."""
    path = os.path.join(directory, "ballast")
    with open(path, "wb", buffering=0) as f:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while f.write(b"x" * size):
                    pass
            except OSError:
                continue
    return path


def state_full(scene):
    """The state directory is full: nothing more is acknowledged, the worker says why, and recovers by itself."""
    state = mounted(scene, "state", "128m")
    scene.open("fake", state=os.path.join(state, "state"))
    scene.worker.start()
    scene.worker.await_consuming()
    traffic = Traffic(scene, 0.05)
    for _ in range(3):
        time.sleep(scene.duration(1, 3))
        began = time.time()
        ballast = fill(state)
        time.sleep(scene.duration(4, 8))
        scene.worker.must_live()
        waiting = scene.unacknowledged()
        os.unlink(ballast)
        # A log that has room in itself may go on; what can't be written down must wait at the broker, and be told.
        if waiting > MANY:
            scene.measure("waiting at the broker", waiting)
            scene.measure("fills", 1, total=True)
            scene.expect_unready(began, 5)
        served_within(scene, BACK, time.time())
        if scene.random.random() < 0.5:
            scene.worker.kill()
            scene.worker.start()
            scene.measure("kills", 1, total=True)
            # Guests in memory are gone with their process, so this is the end of these.
    if not scene.measures.get("fills"):
        scene.violation("no fault", "the disk was filled three times, and the worker never felt it")
    traffic.stopping.set()
    traffic.thread.join(60)
    if traffic.trouble:
        raise traffic.trouble
    scene.ledger.await_ends(list(scene.api.casts), 120, scene.worker.must_live)
    killed = scene.measures.get("kills", 0)
    for guest in traffic.guests:
        scene.api.send("terminate_instance", guest)
    scene.finish(may_fail=lambda cast, event: killed > 0 and cast.method not in ("run_instance", "terminate_instance"))


def instances_full(scene):
    """The instances' directory is full: builds fail, or wait at the broker once the worker knows; what runs goes on."""
    # Mounted before libvirtd was started, which else would not see it.
    instances = scene.stage.small_disk
    scene.open("libvirt", instances=os.path.join(instances, scene.host))
    scene.worker.start()
    scene.worker.await_consuming()
    first = scene.api.send("run_instance", scene.new_instance())
    scene.ledger.await_ends([first], 60, scene.worker.must_live)
    identity = scene.hypervisor.identity(first.instance)
    began = time.time()
    ballast = fill(instances)
    scene.closing.append(lambda: os.path.exists(ballast) and os.unlink(ballast))
    early = [scene.api.send("run_instance", scene.new_instance()) for _ in range(3)]
    until("a worker that knows of the full disk", 30,
          lambda: any(not is_ready and at >= began for at, is_ready in scene.worker.health()), pause=0.2)
    scene.expect_unready(began, 15)
    held = [scene.api.send("run_instance", scene.new_instance()) for _ in range(4)]
    until("builds that wait at the broker", 30, lambda: scene.unacknowledged() >= len(held), pause=0.2)
    reboot = scene.api.send("reboot_instance", first.instance)
    dropped = held.pop()
    delete = scene.api.send("terminate_instance", dropped.instance)
    if scene.ledger.await_ends([reboot, delete], 60, scene.worker.must_live):
        scene.violation("not served", "a reboot or a delete waits for room that it does not need")
    if scene.hypervisor.state(first.instance) != "running" or scene.hypervisor.identity(first.instance) == identity:
        scene.violation("touched", f"{first.instance} was not rebooted on a full disk")
    for cast in early:
        if any(event.priority != "ERROR" for event in scene.ledger.ends(cast)):
            scene.violation("not failed", f"{cast} was built on a full disk")
    for cast in held:
        if scene.ledger.ends(cast):
            scene.violation("taken in", f"{cast} was taken in though the disk was known to be full")
    os.unlink(ballast)
    freed = time.time()
    scene.ledger.await_ends(held + early, 60, scene.worker.must_live)
    scene.measure("served again s", max(event.at for cast in held for event in scene.ledger.ends(cast)) - freed)
    after = scene.api.send("run_instance", scene.new_instance())
    scene.ledger.await_ends([after], 60, scene.worker.must_live)
    for cast in (first, after, *early, *held):
        scene.api.send("terminate_instance", cast.instance)
    scene.finish(may_fail=lambda cast, event: cast in early or cast is dropped)
