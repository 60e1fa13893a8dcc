# SPDX-License-Identifier: Apache-2.0
"""The worker's process: started, killed, stopped, and watched from outside."""
import os
import re
import signal
import subprocess
import time
from datetime import datetime

import amqp

from stage import StageFailure, end, until

from .broker_link import LOST
from .witnesses import resident


def configuration(options):
    """The text of an INI file from {section: {name: value}}."""
    return "\n".join(f"[{section}]\n" + "".join(f"{name} = {value}\n" for name, value in values.items())
                     for section, values in options.items())


class Worker:
    def __init__(self, program, directory, host, address, options):
        self.program, self.directory, self.host, self.address = program, directory, host, address
        self.state = options["DEFAULT"]["state_path"]
        self.log = os.path.join(directory, "worker.log")
        self.file = os.path.join(directory, "nova.conf")
        self.options, self.process, self.launches, self.kills = options, None, [], 0
        self.watch = None

    def start(self, **changes):
        """Starts it; `changes` are options of [compute_worker] from now on."""
        self.options.setdefault("compute_worker", {}).update(changes)
        with open(os.open(self.file, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w", encoding="utf-8") as f:
            f.write(configuration(self.options))
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.program, "run", "--config-file", self.file], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.directory, start_new_session=True)
        self.launches.append(time.time())
        return self

    @property
    def pid(self):
        return self.process.pid

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        if self.is_alive():
            self.process.send_signal(number)

    def kill(self):
        """kill -9; counted only if there was something to kill."""
        if not self.is_alive():
            raise StageFailure(f"the worker ended by itself with {self.process.returncode}; see {self.log}")
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.kills += 1

    def stop(self, seconds=60):
        """SIGTERM; the exit status and the seconds that it took."""
        began = time.monotonic()
        self.signal(signal.SIGCONT)
        status = end(self.process, seconds)
        return status, time.monotonic() - began

    def must_live(self):
        if not self.is_alive():
            raise StageFailure(f"the worker ended by itself with {self.process.returncode}; see {self.log}")

    def consumers(self):
        """How many consumers the broker has on the host's queue, 0 where there is no queue or no broker."""
        try:
            if self.watch is None:
                self.watch = self.address.connect()
            with self.watch.channel() as channel:
                return channel.queue_declare(f"compute.{self.host}", passive=True).consumer_count
        except amqp.exceptions.NotFound:
            return 0
        except LOST:
            self.watch = None
            return 0

    def await_consuming(self, seconds=60):
        """Seconds until the broker has it as a consumer."""
        began = time.monotonic()

        def consumes():
            self.must_live()
            return self.consumers() > 0

        until(f"a consumer on compute.{self.host}", seconds, consumes, pause=0.02)
        return time.monotonic() - began

    def memory(self):
        return resident(self.pid)

    def log_text(self, since=0):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            f.seek(since)
            return f.read()

    def health(self):
        """When it said that it is ready, or that it is not: [(time, bool)]."""
        found = []
        for line in self.log_text().splitlines():
            match = re.match(r"(\S+ \S+) \w+ compute\.service \[[^]]*\] (ready|ready again|not ready) ", line)
            if match:
                at = datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S.%f").astimezone()
                found.append((at.timestamp(), match[2] != "not ready"))
        return found

    def log_size(self):
        return os.path.getsize(self.log) if os.path.exists(self.log) else 0

    def end(self):
        if self.is_alive():
            self.process.kill()
            self.process.wait()
        if self.watch is not None:
            try:
                self.watch.collect()
            except LOST:
                pass
