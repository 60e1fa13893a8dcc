# SPDX-License-Identifier: Apache-2.0
"""SIGTERM in the middle of twenty mixed operations, and a new start: it ends within its time, and all is done."""
import time

from ..lives import send_pair

GUESTS = 7
LIMIT = 20  # graceful_shutdown_timeout of the scene


def play(scene):
    scene.open("libvirt")
    scene.worker.start()
    scene.worker.await_consuming()
    guests = [scene.new_instance() for _ in range(GUESTS)]
    first = [scene.api.send("run_instance", guest) for guest in guests]
    scene.ledger.await_ends(first, 90, scene.worker.must_live)
    for _ in range(3):
        # Nothing here is waited for: builds, reboots, pauses and the like, and deletes at once.
        fresh = [scene.new_instance() for _ in range(GUESTS)]
        for guest in fresh:
            scene.api.send("run_instance", guest)
        for guest in guests[: GUESTS - 1]:
            if scene.random.random() < 0.5:
                scene.api.send("reboot_instance", guest, reboot_type=scene.random.choice(("SOFT", "HARD")))
            else:
                send_pair(scene, guest)
        for guest in guests:
            scene.api.send("terminate_instance", guest)
        guests = fresh
        time.sleep(scene.duration(0, 2))
        size = scene.worker.log_size()
        status, seconds = scene.worker.stop(LIMIT + 10)
        scene.measure("stops", 1, total=True)
        scene.measure("stop s", seconds)
        if status != 0:
            scene.violation("stop", f"ended with {status} after {seconds:.1f} s: {scene.worker.log_text(size)[-600:]}")
        if seconds > LIMIT + 2:
            scene.violation("stop", f"took {seconds:.1f} s, and has {LIMIT} s")
        scene.worker.start()
        scene.measure("serving again s", scene.worker.await_consuming())
    for guest in guests:
        scene.api.send("terminate_instance", guest)

    def may_fail(cast, event):
        return cast.method != "terminate_instance"  # overtaken by its own terminate

    scene.finish(seconds=120, may_fail=may_fail)
