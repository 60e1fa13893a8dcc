# SPDX-License-Identifier: Apache-2.0
"""What is on the host, seen past the worker: its journal's file, libvirt's guests, processes and files."""
import json
import os
import re
import sqlite3
import subprocess
import threading
import uuid
from datetime import datetime, timezone

from stage import end

from .ledger import QuietEnd


class Journal:
    """The worker's database, read-only and from outside."""

    def __init__(self, state_directory):
        self.path = os.path.join(state_directory, "journal", "worker.sqlite")

    def query(self, text, values=()):
        database = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, isolation_level=None, timeout=5)
        try:
            return database.execute(text, values).fetchall()
        finally:
            database.close()

    def count(self, table, condition="1"):
        rows = self.query(f"SELECT count(*) FROM {table} WHERE {condition}")
        return rows[0][0] if rows else 0

    def unfinished(self):
        return [(row[0], row[1], uuid.UUID(bytes=row[2]).hex if row[2] else None, (row[3] or b"").decode(), row[4])
                for row in self.query("SELECT id, operation, instance, step, last_error FROM journal "
                                      "WHERE outcome IS NULL ORDER BY id")]

    def under_way(self):
        """(number, operation, step) of what is to be done; no step where it has not begun."""
        found = []
        for number, operation, step in self.query("SELECT id, operation, step FROM journal WHERE outcome IS NULL"):
            step = json.loads(step) if step else None
            while isinstance(step, (dict, list)):  # with what belongs to it
                step = next(iter(step), None)
            found.append((number, operation, step))
        return found

    def left_over(self):
        """What must not be there when nothing is to be done: told as text, empty if there is none."""
        told = [f"unfinished: {row}" for row in self.unfinished()[:5]]
        for table in ("pending", "outbox"):
            count = self.count(table)
            if count:
                told.append(f"{count} rows in {table}")
        return "; ".join(told)

    def outcomes(self):
        """request -> [(method, outcome, seconds at which it ended)]"""
        found = {}
        for request, method, outcome, ended in self.query(
                "SELECT request_id, method, outcome, finished_at FROM journal ORDER BY id"):
            found.setdefault(request, []).append((method, outcome, ended / 1e6 if ended else None))
        return found

    def ending(self, cast, outcomes):
        """When it ended so; None as long as it has not."""
        try:
            rows = self.query("SELECT finished_at FROM journal WHERE request_id = ? AND method = ? "
                              f"AND outcome IN ({', '.join('?' * len(outcomes))}) AND finished_at IS NOT NULL",
                              (cast.request, cast.method, *outcomes))
        except sqlite3.OperationalError:
            return None  # there is no journal yet
        return QuietEnd(cast.method, rows[0][0] / 1e6) if rows else None

    def row(self, instance):
        """The fields of an instance; None where it has no row."""
        rows = self.query("SELECT fields FROM instance WHERE uuid = ?", (uuid.UUID(instance).bytes,))
        return json.loads(rows[0][0]) if rows else None

    def claims(self):
        return [(str(uuid.UUID(bytes=row[0])), row[1]) for row in self.query("SELECT instance, purpose FROM claim")]

    def claimed(self):
        return [(str(uuid.UUID(bytes=row[0])), row[1], row[2])
                for row in self.query("SELECT instance, purpose, memory_mib FROM claim")]

    def resources(self):
        return [(uuid.UUID(bytes=row[0]).hex, row[1], row[2])
                for row in self.query("SELECT instance, kind, name FROM resource")]

    def instances(self):
        return [str(uuid.UUID(bytes=row[0])) for row in self.query("SELECT uuid FROM instance")]


def processes(wanted):
    """pid -> command line of the live processes whose command line satisfies `wanted`."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as f:
                line = f.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as f:
                state = f.read().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if line and state not in "ZX" and wanted(line):
            found[int(entry)] = line
    return found


def guests():
    """pid -> uuid of the QEMU processes."""
    lines = processes(lambda line: line.split(" ", 1)[0].rsplit("/", 1)[-1].startswith("qemu-system"))
    return {pid: match[1] for pid, line in lines.items() if (match := re.search(r"-uuid (\S+)", line))}


def resident(pid):
    """Resident memory of a process in MiB; 0 if it has gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
            for line in f:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) / 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0.0


def files_below(directory):
    """Every file and directory of instances below the instances' directory."""
    found = []
    for place, directories, files in os.walk(directory):
        found += [os.path.relpath(os.path.join(place, name), directory) for name in directories + files]
    return sorted(found)


def launches(log_directory, name):
    """When a guest's process was started, by libvirt's log of it; that is there also where no events were heard."""
    path = os.path.join(log_directory, name + ".log")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8", errors="replace") as f:
        stamps = re.findall(r"^(\S+ \S+): starting up libvirt version", f.read(), re.MULTILINE)
    return [datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S.%f%z").timestamp() for stamp in stamps]


class Starts:
    """When libvirt started which guest: its own lifecycle events, through virsh, as long as libvirtd lives."""

    LINE = re.compile(r"^(\S+ \S+): event 'lifecycle' for domain '([^']+)': (\w+) (\w+)")

    def __init__(self, uri, log):
        self.events = []  # (time, domain's name, event, detail)
        with open(log, "wb") as complaints:
            self.process = subprocess.Popen(
                ["stdbuf", "-oL", "virsh", "-c", uri, "event", "--event", "lifecycle", "--loop", "--timestamp"],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints, text=True, start_new_session=True)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            match = self.LINE.match(line)
            if match:
                at = datetime.strptime(match[1].rstrip(":"), "%Y-%m-%d %H:%M:%S.%f%z").astimezone(timezone.utc)
                self.events.append((at.timestamp(), match[2], match[3], match[4]))

    def of(self, name):
        return sorted(at for at, domain, event, _ in list(self.events) if domain == name and event == "Started")

    def stop(self):
        end(self.process)
        self.thread.join(5)
