# SPDX-License-Identifier: Apache-2.0
"""The row that compares a build with what libvirt itself takes for the same domain."""
import datetime
import queue
import re
import shutil
import subprocess
import threading
import time

from . import messages
from .lab import Failure
from .report import Result
from .worker import QUEUE, Worker

_EVENT = re.compile(r"^(\S+ \S+): event 'lifecycle' for domain '?([^':]+)'?: (\w+)")


class Events:
    """Lifecycle events of a libvirt connection, with the time at which libvirt's client saw them."""

    def __init__(self, lab, uri):
        self.queue = queue.Queue()
        self.process = lab.start(["virsh", "-q", "-c", uri, "event", "--event", "lifecycle", "--loop", "--timestamp"],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            if found := _EVENT.match(line):
                moment = datetime.datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S.%f%z").timestamp()
                self.queue.put((moment, found[2], found[3]))

    def wait(self, domain, what, seconds=60):
        end = time.monotonic() + seconds
        while True:
            try:
                moment, name, event = self.queue.get(timeout=max(0.001, end - time.monotonic()))
            except queue.Empty:
                raise Failure(f"no event {what} of {domain} within {seconds} s") from None
            if name == domain and event == what:
                return moment


class Virsh:
    """A virsh that is connected already, so that neither its start nor its connecting is counted."""

    def __init__(self, lab, uri):
        self.process = lab.start(["virsh", "-q", "-c", uri], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                 text=True)

    def do(self, command):
        moment = time.time()
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return moment


def spawn(lab):
    arguments = lab.arguments
    uri = lab.libvirt_uri()
    result = Result("spawn", "milliseconds from cast to RUNNING, less those of `virsh create` of the same XML",
                    arguments.repetitions, bar=50, bar_is_minimum=False, subject="difference of each pair")
    lab.empty(QUEUE)
    worker = Worker(lab, "spawn", driver="libvirt.LibvirtDriver", sections=lab.driver_sections("libvirt.LibvirtDriver"))
    worker.start()
    worker.wait_until_ready()
    events, virsh = Events(lab, uri), Virsh(lab, uri)
    copies = worker.directory / "copies"
    body, end_body = lab.directory / "spawn.body", lab.directory / "terminate.body"
    body.write_bytes(messages.run_instance(memory_mb=64))
    end_body.write_bytes(messages.terminate_instance())

    # One build that is not counted: it gives the XML, and warms libvirt's cache of what qemu can do.
    for repetition in range(-1, arguments.repetitions):
        number = repetition + 2
        sent = lab.run_raw("publish", routing_key=QUEUE, body=body, fill=True, first=number, window=1)["began"]
        name = f"instance-{number:08x}"
        cast = events.wait(name, "Started") - sent
        shutil.rmtree(copies, ignore_errors=True)
        instances = worker.state / "instances"
        shutil.copytree(instances, copies)
        xml = subprocess.run(["virsh", "-q", "-c", uri, "dumpxml", "--inactive", name], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
        lab.run_raw("publish", routing_key=QUEUE, body=end_body, fill=True, first=number, window=1)
        events.wait(name, "Stopped")
        # Another name and uuid, so that the worker does not take it for an instance of its own.
        uuid, other_uuid = messages.filled_uuid(number), messages.filled_uuid(0xFFFF0000 + number)
        xml = xml.replace(name, f"raw-{number}").replace(uuid, other_uuid).replace(str(instances), str(copies))
        (copies / uuid).rename(copies / other_uuid)
        file = worker.directory / "raw.xml"
        file.write_text(xml)
        asked = virsh.do(f"create {file}")
        raw = events.wait(f"raw-{number}", "Started") - asked
        virsh.do(f"destroy raw-{number}")
        events.wait(f"raw-{number}", "Stopped")
        if repetition < 0:
            continue
        result.add("cast to RUNNING", cast * 1000)
        result.add("virsh create to RUNNING", raw * 1000)
        result.add("difference of each pair", (cast - raw) * 1000)
        lab.say(f"  spawn {repetition + 1}/{arguments.repetitions}: {(cast - raw) * 1000:.0f} ms more than virsh")
    worker.stop()
    return result
