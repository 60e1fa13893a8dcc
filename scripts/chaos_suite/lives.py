# SPDX-License-Identifier: Apache-2.0
"""Guests that live: each is built, goes through chapters of all operations, and is deleted; some stay."""
import os
import time
import uuid

from .casts import IMAGE
from .operations import QUESTIONS
from .replies import QUEUE

GUESTS = 4  # at a time
VOLUME_BYTES = 1 << 20
DEVICE = "/dev/sdb"
TOGETHER = 0.3  # of the guests get all their casts at once
CHAPTERS = 4 * ("reboot", "pause", "suspend", "stop", "power_off", "rescue", "rebuild", "snapshot", "backup", "volume",
                "resize", "resize") + ("password",)  # which takes ten seconds to be refused


PAIRS = {"pause": ("pause_instance", "unpause_instance"), "suspend": ("suspend_instance", "resume_instance"),
         "stop": ("stop_instance", "start_instance"), "power_off": ("power_off_instance", "power_on_instance"),
         "rescue": ("rescue_instance", "unrescue_instance")}


def send_pair(scene, guest, name=None):
    """Two casts at once that lead from a guest that runs to one that runs: the casts."""
    casts, state = [], "active"
    for method in PAIRS[name or scene.random.choice(list(PAIRS))]:
        casts.append(scene.api.send(method, guest, state=state))
        state = casts[-1].operation.leaves
    return casts


class Wish:
    """One cast of a life that is to be sent."""

    def __init__(self, method, **extra):
        self.method, self.extra = method, extra


class Life:
    """The casts of one guest: sent one by one as each has ended, or all at once."""

    def __init__(self, scene):
        self.scene, self.instance, self.state = scene, scene.new_instance(), "active"
        self.begins_at = time.monotonic() + scene.duration(0, 1)
        self.is_patient = scene.random.random() >= TOGETHER
        self.form = scene.random.choice(("enveloped", "enveloped", "flat"))
        self.volume, self.is_attached, self.images, self.casts = None, False, [], []
        self.flavor = self.flavor_before = dict(scene.api.arguments(self.instance)["instance"]["instance_type"])
        self.stays = self.is_patient and scene.random.random() < 0.15
        self.was_harmed = False
        self.wishes = [Wish("run_instance")]
        for _ in range(scene.random.choice((1, 2, 3))):
            self.wishes += self.chapter(scene.random.choice(CHAPTERS))
        if scene.random.random() < 0.25 and len(self.wishes) > 2:
            del self.wishes[-1]  # it is deleted, or stays, in the middle of something
        if not self.stays:
            self.wishes.append(Wish("terminate_instance"))

    def chapter(self, name):
        """What is asked for one after the other, from a guest that runs to one that runs."""
        if name in PAIRS:
            return [Wish(method) for method in PAIRS[name]]
        return getattr(self, name + "_chapter")()

    def reboot_chapter(self):
        return [Wish("reboot_instance", reboot_type=self.scene.random.choice(("SOFT", "HARD")))]

    def rebuild_chapter(self):
        return [Wish("rebuild_instance", image_ref=IMAGE, orig_image_ref=IMAGE, injected_files=[], new_pass=None,
                     orig_sys_metadata={})]

    def snapshot_chapter(self):
        return [self.image(image_type="snapshot", backup_type=None, rotation=None)]

    def backup_chapter(self):
        return [self.image(image_type="backup", backup_type="daily", rotation=1) for _ in range(2)]

    def image(self, **extra):
        return Wish("snapshot_instance", image_id=str(uuid.UUID(int=self.scene.random.getrandbits(128), version=4)),
                    **extra)

    def volume_made(self):
        if self.volume is None:
            self.volume = self.scene.new_instance()
            os.makedirs(self.scene.volumes, exist_ok=True)
            with open(os.path.join(self.scene.volumes, self.volume), "wb") as f:
                f.truncate(VOLUME_BYTES)
        return self.volume

    def volume_chapter(self):
        # The name is one of the root disk's kind, and stays held: a second time it would be refused.
        reserve = [] if self.volume else [Wish("reserve_block_device_name", device=DEVICE, reply_to=QUEUE)]
        volume = self.volume_made()
        return reserve + [Wish("attach_volume", volume_id=volume, mountpoint=DEVICE),
                          Wish("detach_volume", volume_id=volume)]

    def resize_chapter(self):
        flavor = dict(self.flavor)
        memory = self.scene.random.choice((40, 48))
        flavor.update(id=memory, name=f"m1.chaos{memory}", flavorid=str(memory), memory_mb=memory)
        return [Wish("prep_resize", instance_type=flavor, image={}, reservations=None),
                Wish(self.scene.random.choice(("confirm_resize", "revert_resize")), migration_id=1, reservations=None)]

    def password_chapter(self):
        return [Wish("set_admin_password", new_pass="x")]

    def advance(self):
        """Sends what is due; true if it sent something."""
        if not self.wishes or time.monotonic() < self.begins_at:
            return False
        if self.is_patient and self.casts and not self.settle():
            return False
        for _ in range(1 if self.is_patient else len(self.wishes)):
            wish = self.wishes.pop(0)
            cast = self.scene.api.send(
                wish.method, self.instance, self.form, state=self.state, flavor=self.flavor, **wish.extra)
            cast.wish = wish
            self.casts.append(cast)
        return True

    def settle(self):
        """Takes note of how the last cast ended; false if it has not."""
        cast = self.casts[-1]
        ends = self.scene.ledger.ends(cast)
        if not ends or cast.message and not self.scene.replies.to(cast):
            return False
        if not hasattr(cast, "is_settled"):
            cast.is_settled = True
            if ends[0].priority != "ERROR":
                self.learn(cast)
                self.scene.look(self, cast)
            else:
                self.was_harmed = True
                self.wishes = [] if cast.method == "terminate_instance" else [Wish("terminate_instance")]
        return True

    def learn(self, cast):
        """What is true of the guest from now on."""
        self.state = cast.operation.leaves or self.state
        if cast.method in ("attach_volume", "detach_volume"):
            self.is_attached = cast.method == "attach_volume"
        elif cast.method == "terminate_instance":
            self.is_attached = False
        elif cast.method == "prep_resize":
            self.flavor_before, self.flavor = self.flavor, cast.wish.extra["instance_type"]
        elif cast.method == "revert_resize":
            self.flavor = self.flavor_before
        elif cast.method == "snapshot_instance":
            if cast.wish.extra["image_type"] == "backup":
                self.images = [pair for pair in self.images if not pair[1]]  # the rotation
            self.images.append((cast.wish.extra["image_id"], cast.wish.extra["image_type"] == "backup"))

    def is_over(self):
        if self.wishes or not self.casts:
            return False
        if self.is_patient:
            return self.settle() and not self.wishes
        return bool(self.scene.ledger.ends(self.casts[-1]))


class Population:
    """Some guests at any time: where one is deleted another is built, as long as there is something to be harmed."""

    def __init__(self, scene, goes_on):
        self.scene, self.goes_on, self.lives, self.busy, self.asks_at = scene, goes_on, [], [], 0
        self.size = GUESTS

    def advance(self):
        """Sends what is due; true if something was."""
        self.busy = [life for life in self.busy if not life.is_over()]
        if self.goes_on():
            fresh = [Life(self.scene) for _ in range(self.size - len(self.busy))]
            self.lives += fresh
            self.busy += fresh
            self.ask()
        return any([life.advance() for life in self.busy])

    def ask(self):
        """Now and then a question, or something about the host."""
        if time.monotonic() < self.asks_at:
            return
        self.asks_at = time.monotonic() + self.scene.duration(0.2, 1.5)
        method = self.scene.random.choice((*QUESTIONS, *QUESTIONS, "refresh_provider_fw_rules", "set_host_enabled"))
        extra = {"get_console_output": {"tail_length": 5}, "get_vnc_console": {"console_type": "novnc"},
                 "set_host_enabled": {"enabled": True}}.get(method, {})
        if method not in QUESTIONS or method == "get_host_uptime":
            instance, state = None, "active"
        else:
            known = [life for life in self.busy if life.casts]
            if not known:
                return
            life = self.scene.random.choice(known)
            instance, state = life.instance, life.state
        if method in QUESTIONS:
            extra["reply_to"] = QUEUE
        self.scene.api.send(method, instance, state=state, **extra)

    def sleep(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.advance()
            time.sleep(min(0.01, max(0, until - time.monotonic())))
