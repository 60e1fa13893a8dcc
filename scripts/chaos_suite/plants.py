# SPDX-License-Identifier: Apache-2.0
"""One planted violation, which the suite must report: a check that cannot fail is none."""
import copy
import os
import uuid


class Plant:
    KINDS = {"domain": {"leak"}, "file": {"leak"}, "event": {"lost"}, "twice": {"twice"}, "order": {"order"},
             "cast": {"lost"}, "changed": {"changed"}, "journal": {"journal"}}

    def __init__(self, name):
        self.name, self.kinds = name, self.KINDS[name]

    def before_audit(self, scene):
        getattr(self, "plant_" + self.name)(scene)

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
        """Work that is not done."""
        rows = scene.journal.left_over
        scene.journal.left_over = lambda: rows() or "1 rows in outbox"
