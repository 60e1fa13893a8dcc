# SPDX-License-Identifier: Apache-2.0
"""Guests that move between two hosts: resized, moved while they are off, moved while they run, some deleted on the way."""
import time

from .replies import QUEUE

GUESTS = 4  # at a time
MEMORY = (32, 40, 48)
CHAPTERS = ("resize", "resize", "migrate", "live", "live", "live", "reboot", "pause")
LIVE_CHAPTERS = ("live", "live", "live", "live", "reboot", "pause")
DELETED_ON_THE_WAY = 0.25  # of the guests


class Traveller:
    """The casts of one guest, each sent when the last has ended, and to the host that Folsom's API would ask."""

    def __init__(self, scene, pair):
        self.scene, self.pair, self.instance, self.state = scene, pair, scene.new_instance(), "active"
        self.host, self.source = scene.random.choice(pair.hosts), None  # where it is; whence it was resized
        self.flavor = self.flavor_before = self.flavor_asked = self.with_memory(MEMORY[0])
        self.casts, self.data, self.was_harmed, self.is_settled = [], None, False, False
        self.deleted_after = scene.duration(0, 2.5) if scene.random.random() < DELETED_ON_THE_WAY else None
        self.stays = self.deleted_after is None and scene.random.random() < 0.3
        self.wishes = ["run_instance"]
        for _ in range(scene.random.choice((1, 2, 3))):
            self.wishes += self.chapter(scene.random.choice(CHAPTERS if pair.is_shared else LIVE_CHAPTERS))
        if self.stays and self.wishes[-1] in ("confirm_resize", "revert_resize") and scene.random.random() < 0.5:
            del self.wishes[-1]
        if self.deleted_after is not None:
            # In the middle of the last thing that is asked.
            self.wishes.append("terminate_instance")
        elif not self.stays:
            self.wishes.append("terminate_instance")

    def chapter(self, name):
        end = self.scene.random.choice(("confirm_resize", "revert_resize"))
        return {"resize": ["prep_resize", end], "migrate": ["migrate", end], "reboot": ["reboot_instance"],
                "live": ["check_can_live_migrate_destination", "live_migration"],
                "pause": ["pause_instance", "unpause_instance"]}[name]

    def with_memory(self, mebibytes):
        flavor = dict(self.scene.api.arguments(self.instance)["instance"]["instance_type"])
        if mebibytes != flavor["memory_mb"]:
            flavor.update(id=mebibytes, name=f"m1.chaos{mebibytes}", flavorid=str(mebibytes), memory_mb=mebibytes)
        return flavor

    @property
    def is_patient(self):
        return self.deleted_after is None

    @property
    def is_gone(self):
        return any(cast.method == "terminate_instance" for cast in self.casts)

    def advance(self):
        """Sends what is due; true if it sent something."""
        if not self.wishes or self.casts and not self.settle() and not self.is_to_go():
            return False
        if not self.wishes:
            return False
        self.send(self.wishes.pop(0))
        return True

    def is_to_go(self):
        """Whether it is to be deleted now, though the last cast has not ended."""
        return (self.deleted_after is not None and self.wishes == ["terminate_instance"]
                and time.time() > self.casts[-1].sent_at + self.deleted_after)

    def send(self, wish):
        """Each to the host that Folsom's API or scheduler would send it to, which only knows what was told."""
        to, extra, other = self.believed(), {}, self.pair.other(self.host)
        if wish in ("prep_resize", "migrate"):
            sizes = [size for size in MEMORY if size != self.flavor["memory_mb"]]
            self.flavor_asked = self.flavor if wish == "migrate" else self.with_memory(self.scene.random.choice(sizes))
            wish, to = "prep_resize", other
            extra = {"instance_type": self.flavor_asked, "image": {}, "reservations": None}
        elif wish in ("confirm_resize", "revert_resize"):
            to = self.source if wish == "confirm_resize" else self.host
            extra = {"migration_id": 1, "reservations": None}
        elif wish == "check_can_live_migrate_destination":
            to = other
            extra = {"block_migration": not self.pair.is_shared, "disk_over_commit": False, "reply_to": QUEUE}
        elif wish == "live_migration":
            extra = {"dest": other.name, "block_migration": not self.pair.is_shared, "migrate_data": self.data}
        cast = self.scene.api.send(
            wish, self.instance, state=self.state, flavor=self.flavor, to=to.name, owner=self.believed().name, **extra)
        cast.wish = extra
        self.casts.append(cast)
        self.is_settled = False

    def believed(self):
        """Where the API's database has it while the last cast is under way."""
        told = {event.name for event in self.scene.ledger.about(self.casts[-1].request)} if self.casts else ()
        if not self.is_settled and self.casts:
            if self.casts[-1].method == "prep_resize" and "resize.end" in told:
                return self.pair.other(self.host)
            if self.casts[-1].method == "revert_resize" and "resize.revert.start" in told:
                return self.source
        return self.host

    def settle(self):
        """Takes note of how the last cast ended; false if it has not."""
        cast = self.casts[-1]
        ends = self.scene.ledger.ends(cast)
        if not ends or cast.message and not self.scene.replies.to(cast):
            return False
        if not self.is_settled:
            believed, self.is_settled = self.believed(), True
            if ends[0].priority != "ERROR":
                self.learn(cast)
            elif cast.method in ("live_migration", "check_can_live_migrate_destination"):
                self.stay(cast)
            else:
                self.host, self.was_harmed = believed, True
                self.wishes = [] if cast.method == "terminate_instance" else ["terminate_instance"]
        return True

    def learn(self, cast):
        """What is true of the guest from now on."""
        self.state = cast.operation.leaves or self.state
        if cast.method == "prep_resize":
            self.source, self.host = self.host, self.pair.other(self.host)
            self.flavor_before, self.flavor = self.flavor, self.flavor_asked
        elif cast.method == "confirm_resize":
            self.source = None
        elif cast.method == "revert_resize":
            self.host, self.source, self.flavor = self.source, None, self.flavor_before
        elif cast.method == "check_can_live_migrate_destination":
            self.data = self.scene.replies.to(cast)[0][0]
        elif cast.method == "live_migration":
            self.host = self.pair.other(self.host)
            self.scene.measure("moved as they ran", 1, total=True)

    def stay(self, cast):
        """A move that was given up: the guest runs where it was, and is served there."""
        if cast.method != "live_migration" and self.wishes[:1] == ["live_migration"]:
            del self.wishes[0]
        self.scene.measure("moves given up", 1, total=True)


class Travellers:
    """Some guests at a time, and new ones for those that are done."""

    def __init__(self, scene, pair, goes_on):
        self.scene, self.pair, self.goes_on, self.all = scene, pair, goes_on, []

    @property
    def busy(self):
        return [life for life in self.all if life.wishes or not life.settle()]

    def advance(self):
        """Sends what is due; true if a cast was sent."""
        if self.goes_on() and len(self.busy) < GUESTS:
            self.all.append(Traveller(self.scene, self.pair))
        return any([life.advance() for life in self.busy])

    def sleep(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.advance()
            time.sleep(min(0.01, max(0, until - time.monotonic())))
