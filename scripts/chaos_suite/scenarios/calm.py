# SPDX-License-Identifier: Apache-2.0
"""No fault at all: what the self-test plants its violations in."""
import time

from ..lives import Population, Wish
from ..replies import QUEUE

METHODS = (("run_instance", "reboot_instance", "pause_instance", "unpause_instance"), ("run_instance",))


def play(scene):
    scene.open("libvirt", notifications={"notify_on_state_change": "vm_and_task_state"})
    scene.listen_for_answers()
    scene.worker.start()
    scene.worker.await_consuming()
    population = Population(scene, lambda: len(population.lives) < len(METHODS))
    population.size = len(METHODS)
    population.advance()
    for life, methods in zip(population.lives, METHODS):
        life.is_patient, life.form = True, "enveloped"
        life.wishes = [Wish(method) for method in methods] + life.volume_chapter()[:2]
    gone, there = population.lives
    gone.wishes += [gone.image(image_type="snapshot", backup_type=None, rotation=None), Wish("terminate_instance")]
    there.stays = True
    scene.lives = population.lives
    deadline = time.monotonic() + 90
    while population.busy and time.monotonic() < deadline:
        population.sleep(0.05)
    scene.api.send("get_host_uptime", None, reply_to=QUEUE)
    time.sleep(0.5)
    scene.finish(seconds=5, patient=[life.instance for life in population.lives], lives=population.lives)
