# SPDX-License-Identifier: Apache-2.0
"""One planted violation, which the suite must report: a check that cannot fail is none."""
import copy
import os
import sqlite3
import subprocess
import uuid

from stage import until

from .planted_lives import PlantedLives
from .witnesses import guests


class Plant(PlantedLives):
    """What is planted, and the kinds of violation as one of which it must be reported."""

    # A tuple tells what the report must say as well.
    KINDS = {"domain": "leak", "file": "leak", "process": "leak", "event": "lost", "twice": "twice", "order": "order",
             "cast": "lost", "changed": "changed", "journal": "journal", "resource": "leak", "queue": "queue",
             "sequence": "sequence", "rebuilt": "built twice", "unbuilt": "not built", "failed": "failed",
             **PlantedLives.KINDS}

    def __init__(self, name):
        self.name, self.kind = name, self.KINDS[name]

    def before_audit(self, scene):
        getattr(self, "plant_" + self.name)(scene)

    def is_found(self, violations):
        kind, words = self.kind if isinstance(self.kind, tuple) else (self.kind, "")
        return any(found == kind and words in text for found, text in violations)

    @staticmethod
    def an_end(scene):
        return next(e for e in scene.ledger.told() if e.name == "create.end")

    def plant_domain(self, scene):
        path = os.path.join(scene.directory, "planted.xml")
        with open(path, "w", encoding="utf-8") as f:
            f.write("<domain type='qemu'><name>planted</name><memory unit='MiB'>16</memory>"
                    "<os><type arch='x86_64'>hvm</type></os></domain>")
        scene.hypervisor.virsh("define", path)

    def plant_file(self, scene):
        os.makedirs(os.path.join(scene.instances, str(uuid.uuid4())))

    def plant_event(self, scene):
        """An event that nobody heard."""
        event = self.an_end(scene)
        scene.ledger.by_request[event.request].remove(event)
        del scene.ledger.first[event.id]
        scene.ledger.events = [e for e in scene.ledger.events if e.id != event.id]

    def plant_twice(self, scene):
        """An event that was told again, under another id."""
        event = copy.copy(self.an_end(scene))
        event.id, event.sequence = str(uuid.uuid4()), None
        scene.ledger.events.append(event)
        scene.ledger.first[event.id] = event
        scene.ledger.by_request[event.request].append(event)

    def plant_order(self, scene):
        """Two events of one instance in the wrong order."""
        end = self.an_end(scene)
        told = scene.ledger.by_request[end.request]
        start = next(e for e in told if e.name == "create.start")
        rows = list(scene.ledger.first.values())
        one, two = rows.index(start), rows.index(end)
        rows[one], rows[two] = rows[two], rows[one]
        scene.ledger.first = {e.id: e for e in rows}

    def plant_changed(self, scene):
        """An event that was told again under its id, with other contents."""
        event = copy.copy(self.an_end(scene))
        event.digest = "another"
        scene.ledger.events.append(event)

    def plant_cast(self, scene):
        """A cast that never was carried out: it is in the books, but was not published."""
        cast = scene.api.make("run_instance", scene.new_instance())
        cast.sent_at = 0
        scene.api.casts.append(cast)

    def plant_journal(self, scene):
        """Work that is not done: an outbox row that nobody sends."""
        self.write(scene, "INSERT INTO outbox (ordering_key, kind, exchange, routing_key, mandatory, created_at, body) "
                   "VALUES ('planted', 0, 'nova', 'notifications.info', 0, 0, x'7b7d')")

    def plant_resource(self, scene):
        """Something registered for an instance that is deleted."""
        gone = uuid.UUID(scene.lives[0].instance).hex
        self.write(scene, f"INSERT INTO resource (instance, kind, name) VALUES (x'{gone}', 'domain', 'planted')")

    @staticmethod
    def write(scene, statement):
        scene.worker.kill()
        database = sqlite3.connect(scene.journal.path)
        with database:
            database.execute(statement)
        database.close()

    def plant_process(self, scene):
        """A guest's process that libvirt does not know."""
        process = subprocess.Popen(
            ["qemu-system-x86_64", "-uuid", scene.lives[0].instance, "-display", "none", "-m", "16", "-S"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        scene.closing.append(lambda: (process.kill(), process.wait()))
        until("the planted process", 10, lambda: process.pid in guests())

    def plant_queue(self, scene):
        """A cast that nobody takes."""
        scene.worker.kill()
        scene.api.publish(scene.api.casts[0])

    def plant_sequence(self, scene):
        """A gap in an instance's numbers."""
        self.an_end(scene).sequence += 1000

    def plant_rebuilt(self, scene):
        """A guest that is started anew after a restart of the worker, within one build."""
        at, name, event, detail = next(row for row in scene.starts.events if row[2] == "Started")
        scene.worker.launches.append(at - 0.002)
        scene.starts.events.append((at - 0.004, name, event, detail))

    def plant_unbuilt(self, scene):
        """A build that ends well, and no guest was started."""
        scene.guest_launches = lambda name: []

    def plant_failed(self, scene):
        """A build that fails though nothing is wrong."""
        end = self.an_end(scene)
        end.priority, end.type, end.name, end.cause = "ERROR", "run_instance", "run_instance", "planted"
