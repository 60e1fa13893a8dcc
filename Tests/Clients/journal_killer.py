#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills a worker in the middle of what it does: as soon as its journal shows a step, from outside and read-only.

usage: journal_killer.py DATABASE PID --operation NAME --step STEP [--instance UUID] [--exists PATH] [--delay SECONDS]
                         [--timeout SECONDS] [--any]

Looks at the newest row of what arrives from now on; with --any also of what is there. STEP is a word of the row's step,
or "accepted" for a row that has none yet. With --exists a file must be there as well.
Prints {"ready": true}, and then one line: {"killed": bool, "unfinished": bool, "step": S, "attempts": N, "seen": ...};
"unfinished" is read after the kill, so it tells what the next start finds.
"""
import argparse
import json
import os
import signal
import sqlite3
import time
import uuid

from client_main import say


def newest(database):
    return database.execute("SELECT coalesce(max(id), 0) FROM journal").fetchone()[0]


def rows(database, operation, instance, after):
    query = "SELECT id, step, outcome, attempts FROM journal WHERE operation = ? AND id > ?"
    values = [operation, after]
    if instance:
        query += " AND instance = ?"
        values.append(uuid.UUID(instance).bytes)
    return database.execute(query + " ORDER BY id DESC LIMIT 1", values).fetchone()


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database")
    parser.add_argument("pid", type=int)
    parser.add_argument("--operation", required=True)
    parser.add_argument("--step", required=True)
    parser.add_argument("--instance")
    parser.add_argument("--any", action="store_true")
    parser.add_argument("--exists")
    parser.add_argument("--delay", type=float, default=0)
    parser.add_argument("--timeout", type=float, default=60)
    options = parser.parse_args()
    database = sqlite3.connect(f"file:{options.database}?mode=ro", uri=True, isolation_level=None, timeout=5)
    after = 0 if options.any else newest(database)
    say({"ready": True})
    deadline = time.monotonic() + options.timeout
    row = None
    while True:
        row = rows(database, options.operation, options.instance, after)
        if row:
            step = (row[1] or b"").decode("utf-8", "replace")
            reached = options.step in step if options.step != "accepted" else not step
            if row[2] is not None or (options.step == "accepted" and step):
                say({"killed": False, "unfinished": False, "seen": "past it"})
                return
            if reached and (not options.exists or os.path.exists(options.exists)):
                break
        if time.monotonic() > deadline:
            say({"killed": False, "unfinished": False, "seen": repr(row)})
            return
        if options.step != "accepted":  # which lasts for a commit or two
            time.sleep(0.0005)  # a database file tells nobody of a change
    if options.delay:
        time.sleep(options.delay)
    os.kill(options.pid, signal.SIGKILL)
    while not gone(options.pid):
        time.sleep(0.0005)
    row = rows(database, options.operation, options.instance, after)
    say({"killed": True, "unfinished": row[2] is None, "step": (row[1] or b"").decode("utf-8", "replace"),
         "attempts": row[3]})


if __name__ == "__main__":
    main()
