# SPDX-License-Identifier: Apache-2.0
"""One run of a scenario: a virtual host, a directory and a worker of its own, its witnesses, and what was found."""
import collections
import json
import os
import random
import shutil
import signal
import uuid

from stage import StageFailure, run, until

from . import audit, audit_lives, rest
from .broker_link import Address
from .casts import API, IMAGE
from .ledger import Ledger
from .proxy import Proxy
from .replies import Replies
from .witnesses import Journal, Starts, files_below, guests, launches, processes
from .worker import Worker


class Scene:
    HEARTBEAT = 10  # seconds

    def __init__(self, stage, name, number, seed):
        self.stage, self.name, self.screen, self.options = stage, name, stage.screen, stage.options
        self.random = random.Random(seed)
        self.seed, self.violations, self.measures, self.closing = seed, [], {}, []
        self.host = self.virtual_host = f"{name}-{number}"
        self.directory = os.path.join(stage.directory, self.host)
        self.instances = os.path.join(self.directory, "instances")
        self.images, self.volumes = os.path.join(self.directory, "images"), os.path.join(self.directory, "volumes")
        self.hypervisor = self.starts = self.proxy = self.worker = self.replies = self.ledger = None
        self.workers, self.hypervisors, self.watched = [], [], {}  # all of this run
        self.fell = collections.Counter()  # (operation, step) -> kills that fell into it

    # What it is played with

    def open(self, driver="fake", proxy=False, state=None, instances=None, cluster=None, **options):
        self.instances = instances or self.instances
        state = state or f"{self.directory}/state"
        self.journal = Journal(state)
        url = self.open_wire(self.journal, cluster)
        if proxy:
            self.proxy = Proxy(self.address.host, self.address.port)
            self.closing.append(self.proxy.stop)
            url = self.address.url(self.proxy.port)
        if driver == "libvirt":
            self.hypervisor = self.stage.hypervisor()
            self.hypervisors.append(self.hypervisor)
            self.starts = self.watch_starts(self.hypervisor, self.host)
        self.worker = self.new_worker(
            self.directory, self.host, url, {"state_path": state, "instances_path": self.instances}, self.hypervisor,
            options)
        return self

    def open_wire(self, journal, cluster=None):
        """The broker, who listens to what is told, and who sends; the URL that leads a worker there."""
        os.makedirs(self.images)
        for name in (IMAGE, IMAGE + ".json"):
            shutil.copy2(os.path.join(self.stage.images, name), self.images)
        self.broker = cluster or self.stage.broker()
        self.broker.ctl("add_vhost", self.virtual_host)
        self.broker.ctl("set_permissions", "-p", self.virtual_host, "compute", ".*", ".*", ".*")
        self.address = Address(self.broker.url, self.virtual_host, self.broker.other_ports)
        self.ledger = Ledger(self.address, journal)
        self.closing.append(self.ledger.stop)
        self.api = API(self.address, self.host)
        self.closing.append(self.api.close)
        return self.address.url()

    def new_worker(self, directory, host, url, paths, hypervisor, options):
        settings = {
            "DEFAULT": {"host": host, "transport_url": url, "control_exchange": "nova",
                        "compute_driver": "fake.FakeDriver", "graceful_shutdown_timeout": "20",
                        "allow_resize_to_same_host": "true", **paths},
            "oslo_messaging_rabbit": {"amqp_durable_queues": "true", "heartbeat_timeout_threshold": str(self.HEARTBEAT),
                                      "rabbit_interval_max": "2"},
            "oslo_messaging_notifications": {"driver": "messagingv2", "topics": "notifications"},
            "compute_worker": {"image_directory": self.images, "volume_api": "local",
                               "local_volumes_path": self.volumes, "done_work_rows": "1000000"},
        }
        if hypervisor:
            settings["DEFAULT"]["compute_driver"] = "libvirt.LibvirtDriver"
            settings["libvirt"] = {"connection_uri": hypervisor.uri, "virt_type": "qemu",
                                   "wait_soft_reboot_seconds": "1"}
        for section, values in options.items():
            settings.setdefault(section, {}).update(values)
        self.workers.append(Worker(self.stage.program, directory, host, self.address, settings))
        return self.workers[-1]

    def listen_for_answers(self):
        self.replies = Replies(self.address)
        self.closing.append(self.replies.stop)

    def watch_starts(self, hypervisor, host):
        starts = self.watched[host] = Starts(hypervisor.uri, os.path.join(self.directory, f"virsh-event-{host}.log"))
        self.closing.append(starts.stop)
        return starts

    def new_instance(self):
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def duration(self, low, high):
        return self.random.uniform(low, high)

    def guest_launches(self, name):
        return launches(os.path.join(self.stage.directory, "libvirt", "log", "qemu"), name)

    def kill(self):
        """kill -9, and a new start at once; what was under way is counted."""
        self.worker.kill()
        self.count(self.journal)
        self.worker.start()

    def count(self, journal):
        """What was under way when its worker was killed."""
        for _, operation, step in journal.under_way():
            self.fell[operation, step or "waiting"] += 1
            self.stage.fell[operation, step or "waiting"] += 1

    def look(self, life, cast):
        rest.look(self, life, cast)

    def is_held(self, volume):
        return os.path.exists(os.path.join(self.volumes, volume + ".attached"))

    # What was found

    def violation(self, kind, text):
        self.violations.append((kind, text))
        self.screen.note(self.screen.paint("31", "FOUND"), f"{kind}: {text}")

    def measure(self, name, value, total=False):
        """Keeps the worst of a value, or its sum."""
        old = self.measures.get(name)
        self.measures[name] = value if old is None else old + value if total else max(old, value)

    def note(self, text):
        self.screen.note(self.name, text)

    def another_worker(self):
        """A worker under the same host, with a state of its own."""
        directory = os.path.join(self.directory, "another")
        os.makedirs(directory)
        options = {section: dict(values) for section, values in self.worker.options.items()}
        options["DEFAULT"]["state_path"] = os.path.join(directory, "state")
        return Worker(self.stage.program, directory, self.host, self.address, options)

    def expect_unready(self, since, seconds):
        """The worker has said, in this time, that it is not ready."""
        told = [at for at, is_ready in self.worker.health() if not is_ready and at >= since]
        if told:
            self.measure("noticed s", told[0] - since)
        if not told or told[0] - since > seconds:
            self.violation("unnoticed", f"not told within {seconds} s that it is not ready"
                           + (f", but after {told[0] - since:.1f} s" if told else ""))

    # What all runs end with

    def depths(self):
        text = self.broker.ctl("list_queues", "-p", self.virtual_host, "--no-table-headers", "name", "messages")
        return {name: int(count) for name, count in (line.split("\t") for line in text.splitlines())}

    def finish(self, casts=None, seconds=90, patient=(), may_fail=lambda cast, event: False, unseen=(), lives=()):
        """Waits for all ends, then looks at everything that must be so.

        patient: instances whose casts each waited for the last; may_fail(cast, error event): whether it may;
        unseen: casts at which something was done to the guest from outside, so that its starts prove nothing."""
        casts = self.api.casts if casts is None else casts
        self.ledger.await_ends(casts, seconds, self.worker.must_live)
        try:
            until("an empty journal", 30, lambda: not self.journal.left_over(), pause=0.1)
        except StageFailure:
            pass  # the audit tells what is left
        self.ledger.await_quiet(0.5, 10)
        if self.stage.plant:
            self.stage.plant.before_audit(self)
        audit.audit_ends(self, casts, may_fail)
        audit.audit_order(self, casts, set(patient))
        audit.audit_copies(self)
        audit.audit_sequence(self)
        stuck = self.stuck(casts)
        built = {c.instance for c in casts if c.method == "run_instance"}
        gone = {c.instance for c in casts if c.method == "terminate_instance"} - stuck
        audit.audit_journal(self, gone)
        audit.audit_queues(self)
        audit_lives.audit_outcomes(self, casts)
        if lives:
            audit_lives.audit_lives(self, lives)
        if self.hypervisor:
            resized = {f"{life.instance}_resize" for life in lives if life.state == "resized"}
            self.audit_host(built - gone, resized)
            rest.agree(self, built - gone - stuck, 5)
            audit.audit_starts(self, [c for c in casts if c not in unseen])
        self.measure("casts", len(casts), total=True)
        self.measure("events", len(self.ledger.first), total=True)

    def stuck(self, casts):
        """The instances that libvirt can do nothing to any more; whatever is asked of them fails, and that is told."""
        names = self.hypervisor.stuck() if self.hypervisor else ()
        instances = {cast.instance for cast in casts if cast.instance} if names else ()
        found = {i for i in instances if self.api.arguments(i)["instance"]["name"] in names}
        if found:
            self.measure("stuck in libvirt", len(found))
        return found

    def unacknowledged(self):
        """Casts that the broker still has, delivered or not."""
        return self.depths().get(f"compute.{self.host}", 0)

    def audit_host(self, expected, also=frozenset()):
        """Exactly the guests that are to be there are there: domains, processes, directories."""
        domains, processes_left = set(self.hypervisor.domains()), guests()
        for domain in domains ^ expected:
            self.violation("leak" if domain in domains else "gone",
                           f"domain {domain} " + ("is left" if domain in domains else "is not there"))
        for pid, instance in processes_left.items():
            if instance not in expected:
                self.violation("leak", f"QEMU process {pid} of {instance} is left")
        for instance in sorted({path.split("/")[0] for path in files_below(self.instances)} - expected - also):
            self.violation("leak", f"files are left: {instance}")
        tools = processes(lambda line: "qemu-img" in line.split(" ")[0] and self.instances in line)
        for pid, line in tools.items():
            self.violation("leak", f"process {pid} is left: {line}")

    def close(self):
        """Ends everything of this run; what a violation needs to be understood is kept."""
        for worker in self.workers:
            worker.end()
        for action in reversed(self.closing):
            action()
        for hypervisor in self.hypervisors:
            self.clear(hypervisor)
        if self.violations or self.options.keep:
            self.keep()
        try:
            self.broker.ctl("delete_vhost", self.virtual_host)
        except (StageFailure, AttributeError):
            pass
        run("rm", "-rf", self.directory, accept=range(256))

    def clear(self, hypervisor):
        for domain in hypervisor.domains():
            hypervisor.virsh("destroy", domain, accept=range(256))
            hypervisor.virsh("undefine", "--managed-save", domain, accept=range(256))
        if hypervisor.domains():  # stuck
            for pid in guests():
                os.kill(pid, signal.SIGKILL)
            hypervisor.forget()

    def keep(self):
        kept = os.path.join(self.stage.kept, self.host)
        os.makedirs(kept, exist_ok=True)
        with open(os.path.join(kept, "found.txt"), "w", encoding="utf-8") as f:
            f.write(f"scenario {self.name}, seed {self.seed}\n")
            f.writelines(f"{kind}: {text}\n" for kind, text in self.violations)
            f.write(f"measured: {self.measures}\n")
            f.writelines(f"launches of {worker.host}: {worker.launches}\n" for worker in self.workers)
        if self.ledger:
            with open(os.path.join(kept, "events.jsonl"), "w", encoding="utf-8") as f:
                f.writelines(json.dumps(event.row()) + "\n" for event in self.ledger.events)
            with open(os.path.join(kept, "casts.jsonl"), "w", encoding="utf-8") as f:
                f.writelines(json.dumps({"at": c.sent_at, "method": c.method, "instance": c.instance,
                                         "request": c.request, "unique": c.unique, "host": c.host}) + "\n"
                             for c in self.api.casts)
        for name, starts in self.watched.items():
            with open(os.path.join(kept, f"starts-{name}.jsonl"), "w", encoding="utf-8") as f:
                f.writelines(json.dumps(event) + "\n" for event in starts.events)
        run("cp", "-r", self.directory, os.path.join(kept, "directory"), accept=range(256))
        for server in ("rabbitmq", "libvirt", "libvirt-2"):
            log = os.path.join(self.stage.directory, server, "log")
            if os.path.isdir(log):
                run("cp", "-r", log, os.path.join(kept, server + "-log"), accept=range(256))
        self.kept = kept
