# SPDX-License-Identifier: Apache-2.0
"""What the demo and the chaos suite stand on: a screen, commands with a deadline, a broker and a hypervisor of
one's own.

Only the standard library is used here.
"""
import collections
import os
import re
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)


class StageFailure(Exception):
    """Something without which nothing can go on."""


class Screen:
    """Lines with the time since the start; a colour where a person looks."""

    def __init__(self):
        self.began = time.monotonic()
        self.lock = threading.Lock()
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.colour else text

    def line(self, text=""):
        with self.lock:
            print(f"{time.monotonic() - self.began:7.1f} s  {text}" if text else "", flush=True)

    def title(self, text):
        self.line()
        self.line(self.paint("1", text))

    def note(self, kind, text):
        self.line(f"    {kind:<6} {text}")


def run(*command, timeout=120, accept=(0,), **options):
    """The output of a command; StageFailure with what it said if its status is not accepted."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=timeout, text=True, start_new_session=True, **options)
    except subprocess.TimeoutExpired:
        raise StageFailure(f"`{os.path.basename(command[0])} {command[1]}` gave no answer in {timeout} s") from None
    except OSError as error:
        raise StageFailure(f"`{os.path.basename(command[0])}` can't be run: {error}") from None
    if done.returncode not in accept:
        said = (done.stderr.strip() or done.stdout.strip())[-1500:]
        raise StageFailure(f"`{os.path.basename(command[0])} {' '.join(command[1:3])}` ended with "
                          f"{done.returncode}: {said}")
    return done.stdout


def until(what, seconds, condition, pause=0.2):
    """The first true value of the condition; it is polled because its source tells nobody of a change."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise StageFailure(f"{what} did not happen within {seconds} s")
        time.sleep(pause)


class Broker:
    """A RabbitMQ of our own."""

    def __init__(self, directory):
        self.script, self.directory = os.path.join(HERE, "private-rabbitmq.sh"), directory

    def start(self):
        self.url = run(self.script, "start", self.directory, "--owner", str(os.getpid())).strip()
        return self

    def stop(self):
        run(self.script, "stop", self.directory, accept=range(256))

    def ctl(self, *arguments):
        return run(self.script, "ctl", self.directory, "-q", *arguments)

    def queues(self):
        """name -> (messages, consumers, durable, exclusive)"""
        found = {}
        text = self.ctl("list_queues", "--no-table-headers", "name", "messages", "consumers", "durable", "exclusive")
        for line in text.splitlines():
            name, messages, consumers, durable, exclusive = line.split("\t")
            found[name] = (int(messages), int(consumers), durable == "true", exclusive == "true")
        return found

    def version(self):
        return self.ctl("version").strip()


class Hypervisor:
    """A libvirt of our own, and virsh to look into it."""

    def __init__(self, directory, hostname=None):
        self.script, self.directory = os.path.join(HERE, "private-libvirtd.sh"), directory
        self.naming = ["--hostname", hostname] if hostname else []

    def start(self):
        cache = os.path.join(ROOT, ".build", "libvirt-cache")  # what it learns about QEMU, which takes seconds
        os.makedirs(cache, exist_ok=True)
        self.uri = run(self.script, "start", self.directory, "--owner", str(os.getpid()), "--cache", cache,
                       *self.naming).strip()
        return self

    def stop(self):
        run(self.script, "stop", self.directory, accept=range(256))

    def virsh(self, *arguments, accept=(0,)):
        return run("virsh", "-q", "-c", self.uri, *arguments, accept=accept)

    def domains(self):
        return sorted(self.virsh("list", "--all", "--uuid").split())

    def state(self, domain):
        return self.virsh("domstate", domain, accept=(0, 1)).strip() or "no such domain"

    def identity(self, domain):
        """The number of this run of the domain: another one after each start."""
        return self.virsh("domid", domain, accept=(0, 1)).strip()


def spawn(command, **options):
    """A child in a session of its own, which the kernel ends when this process is gone, however it went."""
    return subprocess.Popen(["setpriv", "--pdeathsig", "TERM", "--", *command], stdin=subprocess.DEVNULL,
                            start_new_session=True, **options)


def end(process, seconds=20):
    """Ends a child: asks, waits, insists. Its exit status."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


def build_worker(configuration, note, cleanup):
    """Builds the worker and returns the path of the program; `note` is told how far the build is."""
    swift = run(os.path.join(HERE, "find-swift.sh")).strip()
    build = [swift, "build", "-c", configuration, "--product", "compute-worker"]
    if configuration == "release":
        build.append("--static-swift-stdlib")  # as it is shipped
    process = subprocess.Popen(build, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, start_new_session=True)
    cleanup.append(lambda: end(process))
    last, shown = collections.deque(maxlen=60), 0
    for line in process.stdout:
        last.append(line.rstrip())
        step = re.match(r"\[(\d+)/(\d+)\] (.*)", line)
        if step and time.monotonic() - shown > 5:
            note(f"{step[1]:>4} of {step[2]}  {step[3][:80]}")
            shown = time.monotonic()
    if process.wait() != 0:
        raise StageFailure("the build failed:\n" + "\n".join(last))
    return os.path.join(run(*build, "--show-bin-path", cwd=ROOT).strip(), "compute-worker")
