#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demo: a real RabbitMQ, a real libvirt, a real Linux guest, and compute-worker between them.

It plays the scheduler and the API through the broker, with the worker's own `cast`, `call` and `events` commands, and
looks for itself what came of it: virsh, rabbitmqctl, qemu-img and the file system are the witnesses. Everything it
starts lives in one temporary directory and ends with it, also after Ctrl-C.

  DEMO_CONFIGURATION=release   builds the worker as it is shipped (default: debug)
  DEMO_KEEP=1                  leaves the directory with all logs
  DEMO_VIRT_TYPE=qemu          says which virt_type to configure instead of letting the worker choose

To show that the checks can fail, DEMO_PLANT=domain leaves a domain behind and DEMO_PLANT=event withholds an event.
"""
import collections
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid

from stage import HERE, ROOT, Broker, Hypervisor, Screen, StageFailure, build_worker, end, run, spawn, until

HOST = "demo-host"
SOFT_REBOOT_WAIT = 60  # seconds, after which the worker would force the guest
IMAGE = "5a0b1d9e-6c1f-4b63-9d3e-2f6b7f1c0a11"
FLAVOR = {
    "id": 2, "name": "m1.demo", "flavorid": "demo", "memory_mb": 256, "vcpus": 1, "root_gb": 1, "ephemeral_gb": 0,
    "swap": 0, "rxtx_factor": 1.0, "vcpu_weight": None, "disabled": False, "is_public": True, "deleted": False,
    "deleted_at": None, "created_at": "2012-11-20T08:00:00.000000", "updated_at": None,
}
USER, PROJECT = "8a5f7f2e3b6c4d0e9a1b2c3d4e5f6071", "b1c2d3e4f5a647b8a9c0d1e2f3a4b5c6"


class Checks:
    """What was looked at, and what it showed. The last line of the demo is made of these."""

    def __init__(self, screen):
        self.screen, self.results = screen, []

    def check(self, claim, holds, otherwise=""):
        self.results.append((claim, bool(holds)))
        word = self.screen.paint("32", "ok") if holds else self.screen.paint("31", "FAILED")
        self.screen.line(f"    {word:<6} {claim}" + (f": {otherwise}" if not holds and otherwise else ""))
        return bool(holds)

    def failed(self):
        return [claim for claim, holds in self.results if not holds]

    def last_line(self, trouble):
        total, failed = len(self.results), self.failed()
        if trouble or failed or not total:
            causes = ([trouble] if trouble else []) + failed
            told = "; ".join(causes or ["no check ran"])
            return f"NOT PROVEN ({total - len(failed)} of {total} checks held): {told}"
        return f"PROVEN by {total} checks: " + "; ".join(claim for claim, _ in self.results) + "."


class Watcher:
    """`compute-worker events`: reads each notification as it arrives, shows it, and keeps it."""

    def __init__(self, screen, command, log):
        self.screen, self.events, self.changed = screen, [], threading.Condition()
        self.withhold = os.environ.get("DEMO_PLANT") == "event"
        with open(log, "wb") as complaints:
            self.process = spawn(command, stdout=subprocess.PIPE, stderr=complaints, text=True)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if self.withhold and event.get("event_type") == "compute.instance.reboot.end":
                self.withhold = False  # planted: the checks must notice
                continue
            self.show(event)
            with self.changed:
                self.events.append(event)
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def show(self, event):
        payload = event.get("payload", {})
        state, task = payload.get("state"), payload.get("state_description")
        if event["event_type"].endswith(".update"):
            def side(vm_state, task_state):
                return vm_state + (f" ({task_state})" if task_state else "")

            new = side(payload.get("state") or "", payload.get("new_task_state"))
            old = payload.get("old_state")
            detail = f"{side(old, payload.get('old_task_state'))} -> {new}" if old else new
        elif "exception" in payload:
            detail = "FAILED: " + str(payload["exception"].get("message", ""))
        else:
            detail = f"{state}" + (f" ({task})" if task else "")
        self.screen.note("event", self.screen.paint("36", f"{event['event_type']:<34} {detail}"))

    def position(self):
        with self.changed:
            return len(self.events)

    def wait(self, after, event_type, seconds):
        """The events after a position, up to the first of this type (or of an error); nothing if it does not come."""
        deadline = time.monotonic() + seconds

        def taken():
            for index, event in enumerate(self.events[after:], after + 1):
                if event["event_type"] == event_type or event.get("priority") == "ERROR":
                    return self.events[after:index]
            return None

        with self.changed:
            while True:
                found = taken()
                if found is not None:
                    return found
                left = deadline - time.monotonic()
                if left <= 0 or self.process.poll() is not None:
                    return self.events[after:]
                self.changed.wait(min(left, 1))

    def stop(self):
        end(self.process)


class Demo:
    def __init__(self):
        self.screen = Screen()
        self.checks = Checks(self.screen)
        self.directory = None
        self.cleanup = []
        self.instance_id = str(uuid.uuid4())
        self.reference = f"req-{uuid.uuid4()}"
        self.boots = 0

    # What it stands on

    def prepare(self):
        self.screen.title("the guest: Debian's kernel and busybox on a qcow2 disk")
        guest = os.path.join(ROOT, ".build", "guest", "linux.qcow2")
        run(os.path.join(HERE, "make-guest.sh"), guest, timeout=600)
        self.screen.note("file", f"{os.path.relpath(guest, ROOT)}, {os.path.getsize(guest) >> 20} MB")
        self.build()
        self.directory = tempfile.mkdtemp(prefix="compute-worker-demo.")
        # A copy: somebody may build anew while this runs, and every process of the demo is to be of one version.
        self.worker = os.path.join(self.directory, "compute-worker")
        shutil.copy2(self.built, self.worker)
        self.screen.title(f"a broker and a hypervisor of our own, in {self.directory}")
        images = os.path.join(self.directory, "images")
        os.makedirs(images)
        shutil.copyfile(guest, os.path.join(images, IMAGE))
        with open(os.path.join(images, IMAGE + ".json"), "w", encoding="utf-8") as f:
            json.dump(self.image(), f, indent=2)
        self.broker = Broker(os.path.join(self.directory, "rabbitmq"))
        self.cleanup.append(self.broker.stop)
        self.broker.start()
        self.screen.note("broker", f"RabbitMQ {self.broker.version()} at 127.0.0.1:{self.broker.url.split(':')[-1]}")
        self.hypervisor = Hypervisor(os.path.join(self.directory, "libvirt"))
        self.cleanup.append(self.hypervisor.stop)
        self.hypervisor.start()
        version = self.hypervisor.virsh("version", "--daemon").strip().splitlines()[-1].split()[-1]
        self.screen.note("libvirt", f"libvirt {version} at {self.hypervisor.uri}")
        self.checks.check("a fresh libvirt has no domain", self.hypervisor.domains() == [])

    def build(self):
        configuration = os.environ.get("DEMO_CONFIGURATION", "debug")
        self.screen.title(f"building compute-worker ({configuration})")
        self.built = build_worker(configuration, lambda step: self.screen.note("build", step), self.cleanup)
        self.screen.note("built", os.path.relpath(self.built, ROOT))

    def start_worker(self):
        self.instances = os.path.join(self.directory, "instances")
        self.configuration = os.path.join(self.directory, "nova.conf")
        virt_type = os.environ.get("DEMO_VIRT_TYPE")
        with open(os.open(self.configuration, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as f:
            f.write(f"""\
[DEFAULT]
host = {HOST}
transport_url = {self.broker.url}
control_exchange = nova
compute_driver = libvirt.LibvirtDriver
state_path = {self.directory}/state
instances_path = {self.instances}

[notifications]
notify_on_state_change = vm_and_task_state

[oslo_messaging_rabbit]
amqp_durable_queues = true

[oslo_messaging_notifications]
driver = messagingv2
topics = notifications

[libvirt]
wait_soft_reboot_seconds = {SOFT_REBOOT_WAIT}
connection_uri = {self.hypervisor.uri}
{f"virt_type = {virt_type}" if virt_type else ""}
[compute_worker]
image_directory = {self.directory}/images
""")
        self.screen.title("compute-worker run")
        self.log = os.path.join(self.directory, "worker.log")
        began = time.monotonic()
        with open(self.log, "wb") as log:
            self.process = spawn([self.worker, "run", "--config-file", self.configuration], stdout=log, stderr=log)
        self.cleanup.append(lambda: end(self.process))
        own_queue = f"compute.{HOST}"

        def consumes():
            if self.process.poll() is not None:
                raise StageFailure(f"the worker ended with {self.process.returncode} before it consumed")
            return self.broker.queues().get(own_queue, (0, 0))[1] > 0

        until(f"a consumer on queue {own_queue}", 60, consumes)
        queues = self.broker.queues()
        self.screen.note("worker", f"pid {self.process.pid}, seen to consume {time.monotonic() - began:.1f} s after its start")
        with open(self.log, encoding="utf-8", errors="replace") as log:
            for line in log:
                if "virt_type" in line:
                    self.screen.note("worker", line.strip())
        self.checks.check("the worker consumes from compute and its own queue, both durable",
                          all(queues.get(q, (0, 0, False))[1] == 1 and queues[q][2] for q in ("compute", own_queue)),
                          str(queues))
        self.watcher = Watcher(self.screen, self.command("events", "--format", "json"),
                               os.path.join(self.directory, "events.log"))
        self.cleanup.append(self.watcher.stop)
        until("the event watcher's queue", 30, lambda: any(
            exclusive and consumers and not name.startswith("compute_fanout")
            for name, (_, consumers, _, exclusive) in self.broker.queues().items()))

    # The worker's own commands

    def command(self, *words):
        return [self.worker, words[0], *words[1:], "--config-file", self.configuration]

    def arguments_file(self, arguments):
        path = os.path.join(self.directory, "arguments.json")
        with open(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w", encoding="utf-8") as f:
            json.dump(arguments, f)
        return path

    def context(self):
        return json.dumps({"user_id": USER, "project_id": PROJECT, "user_name": "demo", "project_name": "demo",
                           "request_id": self.reference, "roles": ["Member"]})

    def cast(self, method, arguments):
        self.screen.line()
        words = {k: v for k, v in arguments.items() if k == "reboot_type"}
        shown = " ".join(f"{k}={v}" for k, v in words.items())
        self.screen.note("cast", self.screen.paint("1", f"{method} {shown}".rstrip()) + f" -> compute.{HOST}")
        after = self.watcher.position()
        run(*self.command("cast", method, "--server", HOST, "--args-file", self.arguments_file(arguments),
                          "--context", self.context()))
        return after

    def call(self, method, arguments):
        text = run(*self.command("call", method, "--server", HOST, "--args-file", self.arguments_file(arguments),
                                 "--context", self.context(), "--timeout", "30", "--format", "json"))
        return json.loads(text)["result"]

    # What the scheduler and the API say

    def image(self):
        return {"id": IMAGE, "name": "demo-linux", "status": "active", "disk_format": "qcow2",
                "container_format": "bare", "size": os.path.getsize(os.path.join(self.directory, "images", IMAGE)),
                "min_disk": 0, "min_ram": 0, "visibility": "private"}

    def instance(self, vm_state, task_state, power_state):
        row = {
            "id": 42, "uuid": self.instance_id, "name": "instance-0000002a", "display_name": "demo",
            "display_description": "demo", "hostname": "demo", "user_id": USER, "project_id": PROJECT,
            "reservation_id": "r-demo0001", "image_ref": IMAGE, "kernel_id": "", "ramdisk_id": "",
            "instance_type_id": FLAVOR["id"], "instance_type": FLAVOR, "memory_mb": FLAVOR["memory_mb"],
            "vcpus": FLAVOR["vcpus"], "root_gb": FLAVOR["root_gb"], "ephemeral_gb": 0, "vm_state": vm_state,
            "task_state": task_state, "power_state": power_state, "config_drive": "", "metadata": [],
            "security_groups": [{"id": 1, "name": "default", "rules": []}], "launch_index": 0, "progress": 0,
            "architecture": "x86_64", "created_at": time.strftime("%Y-%m-%dT%H:%M:%S.000000", time.gmtime()),
            "locked": False, "deleted": False, "disable_terminate": False, "shutdown_terminate": False,
            "info_cache": {"instance_uuid": self.instance_id, "network_info": "[]"},
        }
        absent = ("access_ip_v4 access_ip_v6 auto_disk_config availability_zone default_ephemeral_device "
                  "default_swap_device deleted_at host key_data key_name launched_at launched_on os_type "
                  "root_device_name scheduled_at server_name terminated_at updated_at user_data vm_mode")
        row.update((key, None) for key in absent.split())
        if vm_state != "building":
            row.update(host=HOST, launched_on=HOST)
        return row

    def run_instance_arguments(self):
        instance = self.instance("building", "scheduling", 0)
        properties = {k: v for k, v in instance.items() if k not in ("info_cache", "security_groups", "instance_type")}
        properties["metadata"] = {}
        return {
            "instance": instance,
            "request_spec": {"image": {**self.image(), "properties": {}}, "instance_properties": properties,
                             "instance_type": {**FLAVOR, "extra_specs": {}}, "instance_uuids": [self.instance_id],
                             "block_device_mapping": [], "security_group": "default"},
            "filter_properties": {"limits": {}, "scheduler_hints": None, "config_options": {}},
            "requested_networks": None, "injected_files": None, "admin_password": None, "is_first_time": True,
        }

    # One step: a cast, its events in their order, and what the witnesses say

    def step(self, method, arguments, expected, seconds=SOFT_REBOOT_WAIT + 30):
        after = self.cast(method, arguments)
        events = self.watcher.wait(after, expected[-1], seconds)
        seen = [e["event_type"] for e in events if not e["event_type"].endswith(".update")]
        names = ", ".join(e.removeprefix("compute.instance.") for e in expected)
        self.checks.check(f"{self.step_name(method, arguments)} told {names}", seen == expected,
                          f"seen: {', '.join(seen) or 'nothing'}")
        about = {e["payload"].get("instance_id") for e in events if "instance_id" in e.get("payload", {})}
        if about - {self.instance_id}:
            raise StageFailure(f"an event is about another instance: {about}")
        if any(e.get("priority") == "ERROR" for e in events):
            raise StageFailure(f"{method} failed")
        return events

    @staticmethod
    def step_name(method, arguments):
        kind = arguments.get("reboot_type")
        return f"{method} {kind}" if kind else method

    def guest_is_up(self, why):
        """Waits until the guest's own words, read through the worker, tell of one more boot and of its end."""
        self.boots += 1
        words = re.compile(rf"^compute-worker-guest: boot {self.boots}\s*$.*^compute-worker-guest: ready\s*$",
                           re.MULTILINE | re.DOTALL)

        def console():
            text = self.call("get_console_output", {"instance": self.instance("active", None, 1), "tail_length": None})
            return words.search((text or "").replace("\r", "")) and text

        try:
            text = until("the guest's words", 180, console)
        except StageFailure as failure:
            self.checks.check(f"the guest's own words tell of boot {self.boots}, {why}", False, str(failure))
            raise
        for line in text.replace("\r", "").splitlines():
            if "compute-worker-guest:" in line:
                self.screen.note("guest", self.screen.paint("35", line[line.index("compute-worker-guest:"):]))
        self.checks.check(f"the guest's own words tell of boot {self.boots}, {why}", True)

    def domain_is(self, state, claim):
        found = self.hypervisor.state(self.instance_id)
        self.checks.check(claim, found == state, f"virsh says: {found}")

    def life(self):
        self.screen.title(f"the life of instance {self.instance_id}")
        prefix = "compute.instance."
        active = self.instance("active", None, 1)

        events = self.step("run_instance", self.run_instance_arguments(),
                           [prefix + "create.start", prefix + "create.end"])
        self.domain_is("running", "virsh sees it run when create.end is told")
        self.checks.check("create.end says active", events and events[-1]["payload"].get("state") == "active")
        disk = self.disk_of_domain()
        backing = json.loads(run("qemu-img", "info", "-U", "--output", "json", disk)).get("full-backing-filename", "")
        self.checks.check("its disk is an overlay on the image",
                          os.path.realpath(backing) == os.path.realpath(os.path.join(self.directory, "images", IMAGE))
                          and self.instance_id in disk, f"{disk} on {backing}")
        self.guest_is_up("the first, through get_console_output")

        reboot = [prefix + "reboot.start", prefix + "reboot.end"]
        for kind, task in (("SOFT", "rebooting"), ("HARD", "rebooting_hard")):
            before, began = self.hypervisor.identity(self.instance_id), time.monotonic()
            self.step("reboot_instance",
                      {"instance": self.instance("active", task, 1), "reboot_type": kind}, reboot)
            took = time.monotonic() - began  # the event's way here included
            self.domain_is("running", f"virsh sees it run after the {kind.lower()} reboot")
            now = self.hypervisor.identity(self.instance_id)
            self.checks.check(f"the {kind.lower()} reboot made another run of the domain", before != now,
                              f"domain id {before} before, {now} after")
            if kind == "SOFT":
                self.checks.check("the guest obeyed its power button, so the soft reboot needed no force",
                                  took < SOFT_REBOOT_WAIT, f"it took {took:.0f} s")
            self.guest_is_up(f"after the {kind.lower()} reboot")

        self.step("stop_instance", {"instance": self.instance("active", "stopping", 1)},
                  [prefix + "power_off.start", prefix + "power_off.end"])
        self.domain_is("shut off", "virsh sees it shut off after stop")
        self.step("start_instance", {"instance": self.instance("stopped", "starting", 4)},
                  [prefix + "power_on.start", prefix + "power_on.end"])
        self.domain_is("running", "virsh sees it run after start")
        self.guest_is_up("after stop and start")

        self.step("terminate_instance", {"instance": {**active, "task_state": "deleting"}},
                  [prefix + e for e in ("delete.start", "shutdown.start", "shutdown.end", "delete.end")])
        if os.environ.get("DEMO_PLANT") == "domain":
            self.plant_domain()
        domains = self.hypervisor.domains()
        self.checks.check("no domain is left", domains == [], ", ".join(domains))
        left = [os.path.join(d, f) for d, _, files in os.walk(self.instances) for f in files]
        left += [d for d, _, _ in os.walk(self.instances) if self.instance_id in d]
        self.checks.check("no file of it is left", left == [], ", ".join(left))

    def disk_of_domain(self):
        rows = self.hypervisor.virsh("domblklist", "--details", self.instance_id).split("\n")
        return next((r.split(None, 3)[3].strip() for r in rows if r.split()[:2] == ["file", "disk"]), "")

    def plant_domain(self):
        xml = os.path.join(self.directory, "planted.xml")
        with open(xml, "w", encoding="utf-8") as f:
            f.write("<domain type='qemu'><name>planted</name><memory unit='MiB'>16</memory>"
                    "<os><type arch='x86_64'>hvm</type></os></domain>")
        self.hypervisor.virsh("define", xml)

    def books(self):
        """What the broker itself counted, and how the worker ends."""
        self.screen.title("the books")
        seen = collections.Counter(e["priority"].lower() for e in self.watcher.events)
        held = {p: self.broker.queues().get(f"notifications.{p}", (0,))[0] for p in ("info", "error")}
        self.checks.check(f"the broker's own queue holds the same {held['info']} events, none an error",
                          held["info"] == seen["info"] > 0 and held["error"] == seen["error"] == 0,
                          f"watched {dict(seen)}, in the queues {held}")
        ids = [e.get("message_id") for e in self.watcher.events]
        self.checks.check("every event was told once", len(set(ids)) == len(ids))
        waiting = {q: n for q, (n, *_) in self.broker.queues().items() if n and q.startswith("compute")}
        self.checks.check("no cast is left in a queue, and none is dead-lettered", waiting == {}, str(waiting))
        self.watcher.stop()
        status = end(self.process)
        self.checks.check("the worker ends in order on SIGTERM", status == 0, f"status {status}")

    # From beginning to end

    def perform(self):
        trouble = ""
        try:
            self.prepare()
            self.start_worker()
            self.life()
            self.books()
        except (StageFailure, OSError) as failure:
            trouble = str(failure)
        except KeyboardInterrupt:
            trouble = "interrupted"
        finally:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            broken = bool(trouble or self.checks.failed())
            self.clean_up(broken and trouble != "interrupted")
        self.screen.line()
        code = "31" if broken else "32"
        print(self.screen.paint(code, self.checks.last_line(trouble)), flush=True)
        return 130 if trouble == "interrupted" else int(broken)

    def clean_up(self, show_log):
        self.screen.title("cleaning up")
        if show_log and getattr(self, "log", None):
            with open(self.log, encoding="utf-8", errors="replace") as f:
                for line in collections.deque(f, maxlen=25):
                    self.screen.note("log", line.rstrip())
        for action in reversed(self.cleanup):
            try:
                action()
            except (StageFailure, OSError) as failure:
                self.screen.note("left", str(failure))
        if self.directory and (show_log or os.environ.get("DEMO_KEEP")):
            self.screen.note("kept", f"{self.directory} (configuration, logs)")
        elif self.directory:
            shutil.rmtree(self.directory, ignore_errors=True)


def main():
    def interrupted(*_):
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    plant = os.environ.get("DEMO_PLANT")
    if plant not in (None, "", "domain", "event"):
        sys.exit("DEMO_PLANT must be domain or event")
    sys.exit(Demo().perform())


if __name__ == "__main__":
    main()
