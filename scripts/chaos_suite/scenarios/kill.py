# SPDX-License-Identifier: Apache-2.0
"""kill -9 at any moment of all operations on several real guests, and a new start at once."""
import time

from ..lives import Population

KILLS_PER_RUN = 20
SEEN_OFTEN = 3  # kills in one step, after which others are waited for
REFUSED = ("set_admin_password", "refresh_provider_fw_rules", "set_host_enabled")  # by libvirt, or this guest


def play(scene):
    # Everything with an update event each, so that the outbox has something to tell at each moment.
    scene.open("libvirt", notifications={"notify_on_state_change": "vm_and_task_state"})
    scene.listen_for_answers()
    scene.worker.start()
    scene.worker.await_consuming()
    population = Population(scene, lambda: scene.worker.kills < KILLS_PER_RUN)
    while scene.worker.kills < KILLS_PER_RUN:
        kill_once(scene, population)
    deadline = time.monotonic() + 120
    while population.busy and time.monotonic() < deadline:
        population.sleep(0.1)
    scene.measure("kills", scene.worker.kills)
    casts = list(scene.api.casts)
    patient = [life.instance for life in population.lives if life.is_patient]

    def may_fail(cast, event):
        if "was given up after" in event.cause:  # killed in as many attempts as the worker makes
            scene.measure("given up", 1, total=True)
            return True
        if cast.method in REFUSED:
            return True
        # What was overtaken by its own terminate ends as superseded, or finds nothing to work on.
        return cast.instance not in patient and cast.method != "terminate_instance"

    scene.finish(casts, 60, patient, may_fail, lives=population.lives)
    for cast in casts:
        for event in scene.ledger.ends(cast)[:1]:
            last = max(launch for launch in scene.worker.launches if launch <= event.at)
            scene.measure("ended after the last start s", event.at - max(last, cast.sent_at))


def kill_once(scene, population):
    """Waits for a moment of one of three kinds, kills, and starts again at once."""
    kind = scene.random.choice(("any", "any", "at the start", "after a cast", "after a cast", "at a step", "at a step",
                                "at a step", "at a step"))
    limit = time.monotonic() + 4
    delay = scene.duration(0.2, 3)
    if kind == "at the start":
        delay = scene.duration(0, 0.3)
    else:
        # The worker gives an operation up after five attempts, so it gets the time to make one.
        population.sleep(scene.duration(0, 1.2))
    if kind == "after a cast":
        while not population.advance() and time.monotonic() < limit:
            time.sleep(0.005)
        delay = scene.duration(0, 0.03)
    elif kind == "at a step":
        before = steps(scene)
        while time.monotonic() < limit:
            fresh = steps(scene) - before
            is_rare = any(scene.stage.fell[operation, step] < SEEN_OFTEN for _, operation, step in fresh)
            if is_rare or fresh and time.monotonic() > limit - 2:
                break
            before |= fresh
            population.advance()
            time.sleep(0.002)
        delay = scene.random.choice((0, scene.duration(0, 0.05), scene.duration(0, 0.6)))
    population.sleep(delay)
    scene.kill()


def steps(scene):
    return {row for row in scene.journal.under_way() if row[2]}
