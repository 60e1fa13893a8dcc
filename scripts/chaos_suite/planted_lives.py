# SPDX-License-Identifier: Apache-2.0
"""What is planted about the guests of the calm scene: the first is gone, the second is there."""
import copy
import os
import uuid

from stage import until


class PlantedLives:
    KINDS = {"suspended": ("differs", "libvirt has"), "state": ("differs", "the journal has"),
             "apart": ("differs", ", libvirt paused"),
             "stale": ("differs", "the last event says"), "started": ("unasked", "was started at"),
             "stopped": ("unasked", "nobody asked"), "update": ("twice", "updates to paused"),
             "unanswered": ("unanswered", "reserve_block_device_name"), "answers": ("changed", "different answers"),
             "part": ("leak", "among the images"), "image": ("lost", "the image"), "held": ("leak", "is held by"),
             "unheld": ("differs", "recorded as attached"), "unplugged": ("differs", "plugged in"),
             "claim": ("leak", "has claimed"), "unclaimed": ("claim", "has claimed nothing"),
             "beside": ("leak", "beside its disk"), "outcome": ("differs", "and the journal has"),
             "row": ("twice", "times in the journal")}

    def plant_suspended(self, scene):
        """A guest that is paused, and nobody asked for it."""
        scene.hypervisor.virsh("suspend", scene.lives[1].instance)

    def plant_apart(self, scene):
        """The same, where nobody knows what was asked for."""
        scene.hypervisor.virsh("suspend", scene.lives[1].instance)

    def plant_state(self, scene):
        there = uuid.UUID(scene.lives[1].instance).hex
        self.write(scene, "UPDATE instance SET fields = CAST(json_set(CAST(fields AS TEXT), '$.vm_state', "
                          f"'stopped') AS BLOB) WHERE uuid = x'{there}'")

    def plant_stale(self, scene):
        """An event that says another state than the guest is in."""
        there = scene.lives[1]
        there.casts = there.casts[:1]
        scene.ledger.about(there.casts[0].request)[-1].state = "building"

    def plant_started(self, scene):
        there = scene.lives[1].instance
        scene.worker.kill()
        scene.hypervisor.virsh("destroy", there)
        scene.hypervisor.virsh("start", there)

    def plant_stopped(self, scene):
        there = scene.lives[1].instance
        scene.hypervisor.virsh("destroy", there)
        until("the news of it", 20, lambda: any(
            event.instance == there and event.name == "power_off.end" for event in scene.ledger.told()))

    def plant_update(self, scene):
        """The end of a pause that was told again, under another id."""
        event = copy.copy(next(e for e in scene.ledger.told() if e.name == "update" and e.state == "paused"))
        event.id = str(uuid.uuid4())
        scene.ledger.first[event.id] = event
        scene.ledger.by_request[event.request].append(event)

    @staticmethod
    def a_call(scene):
        return next(cast for cast in scene.api.casts if cast.message)

    def plant_unanswered(self, scene):
        del scene.replies.by_message[self.a_call(scene).message]

    def plant_answers(self, scene):
        scene.replies.by_message[self.a_call(scene).message].append(("/dev/other", None))

    def plant_part(self, scene):
        with open(os.path.join(scene.images, str(uuid.uuid4()) + ".part"), "w", encoding="ascii"):
            pass

    def plant_image(self, scene):
        for image, _ in scene.lives[0].images:
            for name in (image, image + ".json"):
                os.unlink(os.path.join(scene.images, name))

    def plant_held(self, scene):
        with open(os.path.join(scene.volumes, scene.lives[0].volume + ".attached"), "w", encoding="ascii"):
            pass

    def plant_unheld(self, scene):
        os.unlink(os.path.join(scene.volumes, scene.lives[1].volume + ".attached"))

    def plant_unplugged(self, scene):
        scene.hypervisor.virsh("detach-disk", scene.lives[1].instance, "sdb")

    def plant_claim(self, scene):
        gone = uuid.UUID(scene.lives[0].instance).hex
        self.write(scene, "INSERT INTO claim (instance, purpose, vcpus, memory_mib, disk_gib, made_at, sum) "
                          f"VALUES (x'{gone}', 'instance', 1, 32, 0, 0, 0)")

    def plant_unclaimed(self, scene):
        self.write(scene, "DELETE FROM claim")

    def plant_beside(self, scene):
        with open(os.path.join(scene.instances, scene.lives[1].instance, "disk.rescue"), "w", encoding="ascii"):
            pass

    def plant_outcome(self, scene):
        self.write(scene, "UPDATE journal SET outcome = 'failed' WHERE method = 'reboot_instance'")

    def plant_row(self, scene):
        """A cast that was taken in twice."""
        self.write(scene, "INSERT INTO journal (form, method, version, operation, instance, request_id, received_at, "
                          "outcome, finished_at) SELECT form, method, version, operation, instance, request_id, "
                          "received_at, outcome, finished_at FROM journal WHERE method = 'reboot_instance'")
