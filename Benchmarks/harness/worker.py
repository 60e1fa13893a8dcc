# SPDX-License-Identifier: Apache-2.0
"""The worker under measurement: a process with a configuration file and a state directory of its own."""
import json
import re
import shutil
import signal
import subprocess
import time

from . import messages
from .lab import ROOT, Failure, wait_until

HOST = "bench"
QUEUE = f"compute.{HOST}"
_READY = re.compile(r"(?<!not )\bready\b")


class Worker:
    def __init__(self, lab, name, state=None, driver="fake.FakeDriver", events_url=None, events=False, worker=(),
                 default=(), sections=None):
        """`state` is a state directory to begin with (copied); `worker` and `default` are further options."""
        self.lab = lab
        self.directory = lab.directory / "workers" / name
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.state = self.directory / "state"
        if state:
            shutil.copytree(state, self.state)
        self.log = self.directory / "log"
        self.configuration = self.directory / "nova.conf"
        image_directory = self.directory / "images"
        make_image(image_directory)
        options = {
            "DEFAULT": {"host": HOST, "transport_url": lab.oslo_url, "compute_driver": driver,
                        "state_path": self.state, **dict(default)},
            "oslo_messaging_rabbit": {"amqp_durable_queues": "true"},
            "oslo_messaging_notifications": {"driver": "messagingv2" if events else "noop"},
            "compute_worker": {"image_directory": image_directory, "counters_file": self.directory / "counters",
                               "counters_interval": 1, **dict(worker)},
        }
        if events_url:
            options["oslo_messaging_notifications"]["transport_url"] = events_url
        for section, more in (sections or {}).items():
            options.setdefault(section, {}).update(more)
        self.configuration.touch(mode=0o600)  # it holds the broker's password
        self.configuration.write_text("".join(
            f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in values.items()) + "\n"
            for section, values in options.items()))
        self.process = None

    @property
    def pid(self):
        return self.process.pid

    def start(self):
        """Starts the process; returns the monotonic time just before."""
        binary = self.lab.arguments.worker or ROOT / ".build/release/compute-worker"
        with self.log.open("ab") as log:
            began = time.monotonic()
            try:
                self.process = self.lab.start([binary, "run", "--config-file", self.configuration],
                                              stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            except OSError as error:
                raise Failure(f"{binary}: {error.strerror}; `make release` builds it") from error
        return began

    def wait_until_ready(self, seconds=60):
        """Waits for the line that says so; returns the monotonic time at which it was seen (to 2 ms)."""
        wait_until(lambda: _READY.search(self.log.read_text(errors="replace")), seconds,
                   f"the worker's ready line in {self.log}", pause=0.002, process=self.process)
        return time.monotonic()

    def stop(self):
        """SIGTERM, and the graceful end that must follow."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(120)
        except subprocess.TimeoutExpired:
            raise Failure(f"the worker did not stop within 120 s; its log is {self.log}") from None
        if status != 0:
            raise Failure(f"the worker ended with status {status}; its log is {self.log}")


def make_image(directory):
    """A bootable disk of 1 MiB under the image id of the casts."""
    directory.mkdir(parents=True, exist_ok=True)
    disk = directory / messages.IMAGE
    subprocess.run([ROOT / "scripts/make-bootsector-guest.py", disk], check=True)
    (directory / f"{messages.IMAGE}.json").write_text(json.dumps({
        "id": messages.IMAGE, "name": "boot sector", "status": "active", "disk_format": "raw",
        "container_format": "bare", "size": disk.stat().st_size, "min_disk": 0, "min_ram": 0}))
