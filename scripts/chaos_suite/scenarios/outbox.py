# SPDX-License-Identifier: Apache-2.0
"""The broker is away while much is done: the events wait on the disk, not in memory, and all arrive in order."""
import time

from stage import until


def play(scene):
    scene.open("fake", notifications={"notify_on_state_change": "vm_and_task_state"},
               compute_worker={"intake_high_water": "100000", "intake_low_water": "50000"})
    scene.worker.start(lanes_closed="true")
    scene.worker.await_consuming()
    scene.measure("MiB at the start", scene.worker.memory())
    builds = scene.options.builds * 3
    guests = [scene.new_instance() for _ in range(builds)]
    for guest in guests:
        scene.api.send("run_instance", guest, "flat")
        scene.api.send("reboot_instance", guest)
    until("all casts in the journal", 60,
          lambda: scene.journal.count("journal", "outcome IS NULL") == len(scene.api.casts))
    scene.worker.kill()
    scene.broker.stop()
    try:
        scene.worker.start(lanes_closed="false")
        until("the work without a broker", 120 + builds / 20,
              lambda: scene.journal.count("journal", "outcome IS NULL") == 0)
        time.sleep(1)
        before = scene.worker.memory()
        scene.measure("waiting events", scene.journal.count("outbox"))
        time.sleep(min(scene.options.silence, 15))
        scene.measure("MiB without a broker", scene.worker.memory())
        scene.measure("MiB more while waiting", scene.worker.memory() - before)
    finally:
        scene.broker.start()
    began, most = time.monotonic(), 0
    while scene.journal.count("outbox") and time.monotonic() < began + 120 + builds / 20:
        most = max(most, scene.worker.memory())
        time.sleep(0.1)
    scene.measure("drained s", time.monotonic() - began)
    scene.measure("MiB while draining", most)
    if most - before > 30:
        scene.violation("memory", f"{before:.0f} MiB with the broker away, {most:.0f} MiB while its events went out")
    scene.finish(seconds=60, patient=guests)
