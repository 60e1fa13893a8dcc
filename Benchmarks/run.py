#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the worker against what the machine, the broker and libvirt give without it. See README.md."""
import argparse
import subprocess
import sys

from harness import libvirt, processes, report, throughput
from harness.lab import Failure, Lab

ROWS = {
    "intake-9k": (lambda lab: throughput.intake(lab, 9), 7),
    "intake-1k": (lambda lab: throughput.intake(lab, 1), 7),
    "events": (throughput.events, 7),
    "cpu": (processes.cpu, 5),
    "cpu-events": (lambda lab: processes.cpu(lab, events=True), 5),
    "spawn": (libvirt.spawn, 15),
    "startup": (processes.startup, 11),
    "start-500": (processes.startup_with_guests, 5),
    "memory": (processes.memory, 3),
    "raw": (throughput.raw, 5),
}
GROUPS = {
    "intake": ["intake-9k", "intake-1k"],
    "all": [name for name in ROWS if name != "raw"],
}


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="+", choices=[*ROWS, *GROUPS], metavar="ROW",
                        help=f"what to measure: {', '.join([*ROWS, *GROUPS])}")
    parser.add_argument("--repetitions", type=int, help="of every pair (default: by row)")
    parser.add_argument("--count", type=int, help="messages of a repetition (default: by row)")
    parser.add_argument("--window", type=int, default=256, help="unconfirmed events at a time (default 256)")
    parser.add_argument("--self-check", action="store_true",
                        help="intake, events: the C program against itself, which shows the spread of this machine")
    parser.add_argument("--driver", default="fake.FakeDriver", choices=("fake.FakeDriver", "libvirt.LibvirtDriver"),
                        help="startup, memory: the worker's driver")
    parser.add_argument("--settle", type=float, default=10, help="memory: seconds of idleness before the look")
    parser.add_argument("--worker", help="the worker's program (default .build/release/compute-worker)")
    parser.add_argument("--broker", help="rabbit:// or amqp:// URL of a broker to use instead of a private one; "
                        "its queues compute, compute.bench and notifications.* are emptied")
    parser.add_argument("--directory", help="where everything is put (default .build/benchmarks)")
    parser.add_argument("--json", metavar="FILE", help="also write every value to FILE")
    return parser.parse_args()


def main():
    arguments = parsed()
    names = list(dict.fromkeys(name for row in arguments.rows for name in GROUPS.get(row, [row])))
    asked = arguments.repetitions
    results, failed = [], []
    before = report.machine()
    with Lab(arguments) as lab:
        for name in names:
            measure, repetitions = ROWS[name]
            arguments.repetitions = asked or repetitions
            try:
                measured = measure(lab)
            except (Failure, subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
                failed.append(name)
                print(f"{name}: not measured: {error}; the worker's directories are in {lab.directory}/workers", flush=True)
                lab.end_processes()
                continue
            for result in measured if isinstance(measured, list) else [measured]:
                results.append(result)
                print("\n".join(result.lines()), flush=True)
    if arguments.json:
        report.write(arguments.json, results, (before, report.machine()))
    missed = [result.row for result in results if result.is_met is False]
    if missed:
        print(f"bars missed: {', '.join(missed)}")
    if failed:
        print(f"not measured: {', '.join(failed)}")
    return 1 if failed or missed else 0


if __name__ == "__main__":
    sys.exit(main())
