# SPDX-License-Identifier: Apache-2.0
"""kill -9 at any moment of create, reboot and delete of several real guests, and a new start at once."""
import time

GUESTS = 4  # at a time
KILLS_PER_RUN = 20


class Life:
    """The casts of one guest: sent one by one as each has ended, or all at once."""

    def __init__(self, scene):
        self.scene, self.instance = scene, scene.new_instance()
        self.begins_at = time.monotonic() + scene.duration(0, 1)
        self.is_patient = scene.random.random() < 0.7
        reboots = scene.random.choice((1, 1, 2))
        self.wishes = ["run_instance"] + ["reboot_instance"] * reboots + ["terminate_instance"]
        self.form = scene.random.choice(("enveloped", "enveloped", "flat"))
        self.casts = []

    def advance(self):
        """Sends what is due; true if it sent something."""
        if not self.wishes or time.monotonic() < self.begins_at:
            return False
        ends = self.scene.ledger.ends(self.casts[-1]) if self.casts else []
        if self.is_patient and self.casts and not ends:
            return False
        if ends and ends[0].priority == "ERROR":
            self.wishes = self.wishes[-1:]  # what was not built is not rebooted
        for _ in range(1 if self.is_patient else len(self.wishes)):
            method, extra = self.wishes.pop(0), {}
            if method == "reboot_instance":
                extra["reboot_type"] = self.scene.random.choice(("SOFT", "HARD"))
            self.casts.append(self.scene.api.send(method, self.instance, self.form, **extra))
        return True

    def is_over(self):
        return not self.wishes and bool(self.scene.ledger.ends(self.casts[-1]))


class Population:
    """Some guests at any time: where one is deleted another is built, as long as there is something to kill."""

    def __init__(self, scene):
        self.scene, self.lives, self.busy = scene, [], []

    def advance(self):
        """Sends what is due; true if something was."""
        self.busy = [life for life in self.busy if not life.is_over()]
        if self.scene.worker.kills < KILLS_PER_RUN:
            fresh = [Life(self.scene) for _ in range(GUESTS - len(self.busy))]
            self.lives += fresh
            self.busy += fresh
        return any([life.advance() for life in self.busy])

    def sleep(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.advance()
            time.sleep(min(0.01, max(0, until - time.monotonic())))


def play(scene):
    # Everything with an update event each, so that the outbox has something to tell at each moment.
    scene.open("libvirt", notifications={"notify_on_state_change": "vm_and_task_state"})
    scene.worker.start()
    scene.worker.await_consuming()
    population = Population(scene)
    while scene.worker.kills < KILLS_PER_RUN:
        kill_once(scene, population)
    deadline = time.monotonic() + 120
    while population.busy and time.monotonic() < deadline:
        population.sleep(0.1)
    scene.measure("kills", scene.worker.kills)
    casts = [cast for life in population.lives for cast in life.casts]
    patient = [life.instance for life in population.lives if life.is_patient]

    def may_fail(cast, event):
        if "was given up after" in event.cause:  # killed in as many attempts as the worker makes
            scene.measure("given up", 1, total=True)
            return True
        # What was overtaken by its own terminate ends as superseded, or finds nothing to work on.
        return cast.instance not in patient and cast.method != "terminate_instance"

    scene.finish(casts, 60, patient, may_fail)
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
        while steps(scene) <= before and time.monotonic() < limit:
            population.advance()
            time.sleep(0.002)
        delay = scene.random.choice((0, scene.duration(0, 0.05), scene.duration(0, 0.6)))
    population.sleep(delay)
    scene.worker.kill()
    scene.worker.start()


def steps(scene):
    return set(scene.journal.query("SELECT id, step FROM journal WHERE outcome IS NULL AND step IS NOT NULL"))
