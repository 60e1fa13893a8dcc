# SPDX-License-Identifier: Apache-2.0
"""The place where a row runs: directories, the raw programs, a broker, and every process that was started."""
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RAW = ROOT / "Benchmarks" / "raw"


class Failure(Exception):
    """The row can't be measured; the text says why."""


def cpu_seconds(pid):
    """CPU time that a living process has used, user and system, all threads, in seconds (to the nanosecond)."""
    return time.clock_gettime((~pid << 3) | 2)  # the clock id that clock_getcpuclockid(3) gives


def resident_bytes(pid):
    """VmRSS of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise Failure(f"process {pid} has no VmRSS")


def wait_until(condition, seconds, what, pause=0.01, process=None):
    """Polls for a fact of another process, of which no event can be had."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if process is not None and process.poll() is not None:
            raise Failure(f"waiting for {what}: the process has ended with status {process.returncode}")
        if time.monotonic() > end:
            raise Failure(f"waited {seconds} s for {what}")
        time.sleep(pause)


def wait_until_quiet(pid, seconds=600, share=0.03, lull=1.0):
    """Waits until a process uses less than `share` of a CPU during `lull` seconds; returns its CPU seconds then."""
    end = time.monotonic() + seconds
    used = cpu_seconds(pid)
    while time.monotonic() < end:
        time.sleep(lull)
        before, used = used, cpu_seconds(pid)
        if used - before < share * lull:
            return used
    raise Failure(f"process {pid} was still busy after {seconds} s")


class Lab:
    def __init__(self, arguments):
        self.arguments = arguments
        self.directory = Path(arguments.directory or ROOT / ".build" / "benchmarks").resolve()
        self.binaries = self.directory / "bin"
        self.processes = []
        self._url = arguments.broker
        self._broker_directory = None
        self._libvirt_directory = None
        self._libvirt_uri = None
        self._venv_python = None

    def __enter__(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: sys.exit(130))
        self._build_raw()
        return self

    def __exit__(self, *_):
        self.end_processes()
        if self._broker_directory:
            subprocess.run([ROOT / "scripts/private-rabbitmq.sh", "stop", self._broker_directory], check=False)
        if self._libvirt_directory:
            subprocess.run([ROOT / "scripts/private-libvirtd.sh", "stop", self._libvirt_directory], check=False)

    def end_processes(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        self.processes.clear()

    def say(self, text):
        print(text, file=sys.stderr, flush=True)

    # Programs

    def _build_raw(self):
        self.binaries.mkdir(exist_ok=True)
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "librabbitmq"], check=True, text=True,
                               capture_output=True).stdout.split()
        shared = [RAW / "common.c", RAW / "common.h"]
        for name in ("consume", "publish", "watch"):
            source, program = RAW / f"{name}.c", self.binaries / name
            newest = max(path.stat().st_mtime for path in [source, *shared])
            if program.exists() and program.stat().st_mtime > newest:
                continue
            compiler = shlex.split(os.environ.get("CC", "cc"))
            subprocess.run([*compiler, "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, source,
                            shared[0], *flags], check=True)

    def start(self, command, **options):
        """Starts a process that ends with the lab at the latest."""
        process = subprocess.Popen([str(word) for word in command], **options)
        self.processes.append(process)
        return process

    def raw(self, program, **options):
        """Starts one of the C programs; options become --options (True: a switch)."""
        command = [self.binaries / program, "--url", self.url]
        for key, value in options.items():
            if key == "conditions":
                command += value
            elif value is True:
                command.append("--" + key.replace("_", "-"))
            elif value is not None and value is not False:
                command += ["--" + key.replace("_", "-"), value]
        return self.start(command, stdout=subprocess.PIPE, text=True)

    def result(self, process):
        """The JSON lines that one of the C programs printed; fails if it did."""
        output, _ = process.communicate()
        if process.returncode != 0:
            raise Failure(f"{Path(process.args[0]).name} failed")
        return [json.loads(line) for line in output.splitlines()]

    def run_raw(self, program, **options):
        return self.result(self.raw(program, **options))[-1]

    @property
    def venv_python(self):
        """The tests' Python environment, for oslo.messaging."""
        if not self._venv_python:
            made = subprocess.run([ROOT / "scripts/make-venv.sh"], check=True, text=True, stdout=subprocess.PIPE)
            self._venv_python = made.stdout.strip().splitlines()[-1]
        return self._venv_python

    # Servers

    @property
    def url(self):
        """The broker's AMQP URL as librabbitmq spells it; a private broker is started when none was given."""
        if not self._url:
            script = ROOT / "scripts/private-rabbitmq.sh"
            directory = self.directory / "rabbitmq"
            if directory.exists():
                subprocess.run([script, "stop", directory], check=True)
                shutil.rmtree(directory)
            self._broker_directory = directory
            started = subprocess.run([script, "start", directory, "--while", str(os.getpid())], check=True, text=True,
                                     stdout=subprocess.PIPE)
            self._url = started.stdout.strip().splitlines()[-1]
        scheme, rest = self._url.split("://", 1)
        authority, _, vhost = rest.partition("/")
        return f"amqp://{authority}/{vhost or '%2f'}"

    @property
    def oslo_url(self):
        """The broker's URL as oslo.messaging spells it."""
        return self.url.replace("amqp://", "rabbit://").replace("/%2f", "/").replace("/%2F", "/")

    def broker_cpu_seconds(self):
        """CPU time of the private broker; None for one that was given."""
        if not self._broker_directory:
            return None
        return cpu_seconds(int((self._broker_directory / "broker.pid").read_text()))

    def libvirt_uri(self):
        """The connection URI of a private libvirtd, started when first asked for."""
        if not self._libvirt_uri:
            self._libvirt_directory = self.directory / "libvirt"
            script = ROOT / "scripts/private-libvirtd.sh"
            subprocess.run([script, "stop", self._libvirt_directory], check=True)
            started = subprocess.run([script, "start", self._libvirt_directory, "--owner", str(os.getpid())],
                                     check=True, text=True, stdout=subprocess.PIPE)
            self._libvirt_uri = started.stdout.strip().splitlines()[-1]
        return self._libvirt_uri

    def driver_sections(self, driver):
        """The options that a driver wants."""
        if driver != "libvirt.LibvirtDriver":
            return {}
        return {"libvirt": {"connection_uri": self.libvirt_uri(), "virt_type": "qemu"}}

    # Queues

    def ready_count(self, queue):
        return self.run_raw("watch", queue=queue, declare=True)["ready"]

    def empty(self, queue):
        """Takes everything out of a (durable) queue."""
        left = self.ready_count(queue)
        if left:
            self.run_raw("consume", queue=queue, count=left, durable=True)
