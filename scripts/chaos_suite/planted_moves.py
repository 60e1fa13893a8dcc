# SPDX-License-Identifier: Apache-2.0
"""What is planted about guests that move: the first is gone, the second moved as it ran, the third is resized."""
import os
import sqlite3
import time
import uuid

from .plants import Plant


class MovesPlant(Plant):
    KINDS = {"second": ("leak", "is shut off at"), "missing": ("gone", "is not there at"),
             "owner": ("leak", "the journal of"), "disowned": ("gone", "the journal of"),
             "elsewhere": ("differs", "the journal of"), "kept": ("leak", "files are left"),
             "stolen": ("differs", "the files of"), "overlap": ("twice at once", "ran on both hosts"),
             "booted": ("unasked", "was booted at"), "process": ("unasked", "was started at"),
             "claim": ("claim", "has claimed"), "size": ("claim", "has claimed 7 MiB"),
             "registered": ("leak", "has registered"), "gap": ("sequence", "have a gap"),
             "unheard": ("lost", "that it had come"), "swapped": ("order", "told of"),
             "outcome": ("differs", "and the journal has"), "cast": ("lost", "has no end: no event at all")}

    def before_audit(self, scene):
        self.gone, self.moved, self.resized = scene.lives
        self.there, self.left = self.moved.host, scene.pair.other(self.moved.host)
        super().before_audit(scene)

    @staticmethod
    def change(host, statement, *values):
        host.worker.kill()
        database = sqlite3.connect(host.journal.path)
        with database:
            database.execute(statement, values)
        database.close()

    @staticmethod
    def domain(scene, life):
        return scene.api.arguments(life.instance)["instance"]["name"]

    def key(self, life):
        return uuid.UUID(life.instance).bytes

    def plant_second(self, scene):
        """A guest that both libvirts know."""
        path = os.path.join(scene.directory, "planted.xml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(self.there.hypervisor.virsh("dumpxml", "--inactive", self.moved.instance))
        self.left.hypervisor.virsh("define", path)

    def plant_missing(self, scene):
        self.there.worker.kill()
        self.there.hypervisor.virsh("destroy", self.moved.instance)
        self.there.hypervisor.virsh("undefine", self.moved.instance)

    def plant_owner(self, scene):
        """A guest that both journals call their own."""
        source = sqlite3.connect(f"file:{self.there.journal.path}?mode=ro", uri=True)
        found = source.execute("SELECT * FROM instance WHERE uuid = ?", (self.key(self.moved),))
        names, values = [column[0] for column in found.description], found.fetchone()
        source.close()
        self.change(self.left, f"INSERT INTO instance ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
                    *values)

    def plant_disowned(self, scene):
        self.change(self.there, "DELETE FROM instance WHERE uuid = ?", self.key(self.moved))

    def plant_elsewhere(self, scene):
        self.change(self.there, "UPDATE instance SET fields = CAST(json_set(CAST(fields AS TEXT), '$.host', ?) AS BLOB) "
                                "WHERE uuid = ?", self.left.name, self.key(self.moved))

    def plant_kept(self, scene):
        """What the source of a resize kept, of a guest that is deleted."""
        os.makedirs(os.path.join(self.there.instances, self.gone.instance + "_resize"))

    def plant_stolen(self, scene):
        with open(os.path.join(self.there.instances, self.moved.instance, "host"), "w", encoding="ascii") as f:
            f.write(self.left.name)

    def plant_overlap(self, scene):
        """A guest that was told to run where it had left."""
        now, name = time.time(), self.domain(scene, self.moved)
        self.left.starts.events += [(now, name, "Resumed", "Unpaused"), (now + 1, name, "Stopped", "Destroyed")]

    def plant_booted(self, scene):
        """A guest that moved as it ran, and was booted after that."""
        self.there.starts.events.append((time.time() + 5, self.domain(scene, self.moved), "Started", "Booted"))

    def plant_process(self, scene):
        path = os.path.join(self.left.hypervisor.directory, "log", "qemu", self.domain(scene, self.moved) + ".log")
        with open(path, "a", encoding="ascii") as f:
            f.write("2030-01-01 00:00:00.000+0000: starting up libvirt version: planted\n")

    def plant_claim(self, scene):
        self.change(self.left, "INSERT INTO claim (instance, purpose, vcpus, memory_mib, disk_gib, made_at, sum) "
                               "VALUES (?, 'instance', 1, 32, 0, 0, 0)", self.key(self.moved))

    def plant_size(self, scene):
        self.change(self.resized.host, "UPDATE claim SET memory_mib = 7 WHERE instance = ?", self.key(self.resized))

    def plant_registered(self, scene):
        self.change(self.left, "INSERT INTO resource (instance, kind, name) VALUES (?, 'domain', 'planted')",
                    self.key(self.moved))

    def plant_gap(self, scene):
        """A gap in what the host that a guest came to tells of it."""
        told = [event for event in scene.ledger.told() if event.instance == self.resized.instance
                and event.publisher == f"compute.{self.resized.host.name}"]
        told[-1].sequence += 1000

    def plant_unheard(self, scene):
        """A guest that came, and nobody told of it."""
        request = self.moved.casts[-1].request
        event = next(event for event in scene.ledger.about(request) if event.state == "active" and not event.new_task)
        event.state = "building"

    def plant_swapped(self, scene):
        """Two events of one host in the wrong order."""
        told = {event.name: event for event in scene.ledger.about(self.resized.casts[-1].request)}
        first, second = told["finish_resize.start"], told["finish_resize.end"]
        first.at, second.at = second.at, first.at

    def plant_outcome(self, scene):
        self.change(self.resized.host, "UPDATE journal SET outcome = 'failed' WHERE method = 'prep_resize' "
                                       "AND instance = ?", self.key(self.resized))

    def plant_cast(self, scene):
        """A move that was never begun: it is in the books, but was not published."""
        scene.api.casts.append(scene.api.make(
            "prep_resize", self.moved.instance, to=self.left.name, owner=self.there.name))
        scene.api.casts[-1].sent_at = 0
