# SPDX-License-Identifier: Apache-2.0
"""Runs the scenarios in turn for the given time, and prints what was found."""
import collections
import importlib
import json
import os
import signal
import sys
import threading
import time
import traceback

from stage import HERE, ROOT, Screen, StageFailure, run

from . import options as given
from .casts import IMAGE
from .planted_moves import MovesPlant
from .plants import Plant
from .scenarios import SCENARIOS
from .scene import Scene
from .servers import ChaosBroker, ChaosHypervisor


class Stage:
    """What all scenarios share: one broker, one hypervisor, the images, the program."""

    def __init__(self, options, screen):
        self.options, self.screen = options, screen
        self.directory, self.kept, self.program = options.directory, options.kept, options.program
        self.images = os.path.join(self.directory, "images")
        self.plant, self.fell = None, collections.Counter()
        self.playing, self.libvirt, self.other_libvirt = None, None, None

    def prepare(self):
        os.makedirs(self.images)
        self.small_disk = os.path.join(self.directory, "small")
        os.makedirs(self.small_disk)
        run("mount", "-t", "tmpfs", "-o", "size=128m", "chaos", self.small_disk)
        image = os.path.join(self.images, IMAGE)
        run(sys.executable, os.path.join(HERE, "make-bootsector-guest.py"), image)
        with open(image + ".json", "w", encoding="utf-8") as f:
            json.dump({"id": IMAGE, "name": "boot sector", "status": "active", "disk_format": "raw",
                       "container_format": "bare", "size": os.path.getsize(image), "min_disk": 0, "min_ram": 0,
                       "visibility": "private",
                       "hw_disk_bus": "scsi"}, f)  # a disk that a guest without a system lets go of

    def broker(self):
        if self.playing is None:
            self.playing = ChaosBroker(os.path.join(self.directory, "rabbitmq")).start()
            self.screen.note("broker", f"RabbitMQ {self.playing.version()}")
        return self.playing

    def hypervisor(self):
        if self.libvirt is None:
            self.libvirt = ChaosHypervisor(os.path.join(self.directory, "libvirt")).start()
            version = self.libvirt.virsh("version", "--daemon").strip().splitlines()[-1].split()[-1]
            self.screen.note("libvirt", f"libvirt {version}")
        return self.libvirt

    def other_hypervisor(self):
        """That of a second host: guests move between two only if the hosts' names differ."""
        if self.other_libvirt is None:
            self.other_libvirt = ChaosHypervisor(os.path.join(self.directory, "libvirt-2"), "chaos-2").start()
        return self.other_libvirt

    def close(self):
        for server in (self.playing, self.libvirt, self.other_libvirt):
            if server is not None:
                try:
                    server.stop()
                except StageFailure as failure:
                    self.screen.note("left", str(failure))


class Suite:
    def __init__(self, options):
        self.options, self.screen = options, Screen()
        self.stage = Stage(options, self.screen)
        self.runs = {name: [] for name in options.scenario}

    def self_test(self):
        """Calm scenes without a violation, and one for each planted violation that is reported as what it is."""
        tests = [(name, kinds) for name, kinds, of in (("calm", Plant, "kill"), ("calm_moves", MovesPlant, "moves"))
                 if of in self.options.scenario]
        self.runs, missed = {name: [] for name, _ in tests}, []
        try:
            self.stage.prepare()
            for name, kinds in tests:
                for number, plant in enumerate([None, *kinds.KINDS]):
                    if not self.reports(name, kinds, number, plant):
                        missed.append(f"{name} {plant or 'without a violation'}")
        finally:
            self.stage.close()
        planted = [plant for _, kinds in tests for plant in kinds.KINDS]
        print("\nNOT REPORTED: " + ", ".join(missed) if missed else
              f"\nreported: each of {len(planted)} planted violations ({', '.join(planted)}), and nothing else")
        return int(bool(missed))

    def reports(self, name, kinds, number, plant):
        self.stage.plant = kinds(plant) if plant else None
        self.play(name, number)
        scene = self.runs[name][-1]
        is_right = self.stage.plant.is_found(scene.violations) if plant else not scene.violations
        run("rm", "-rf", os.path.join(self.stage.kept, scene.host))
        return is_right

    def perform(self):
        self.screen.title(f"chaos for {self.options.minutes:g} minutes, seed {self.options.seed}")
        deadline = time.monotonic() + self.options.minutes * 60
        interrupted, number = False, 0
        try:
            self.stage.prepare()
            while number == 0 or time.monotonic() < deadline or any(map(self.kills_left, self.options.scenario)):
                for name in self.options.scenario:
                    if number == 0 or time.monotonic() < deadline or self.kills_left(name):
                        self.play(name, number)
                number += 1
        except KeyboardInterrupt:
            interrupted = True
        finally:
            for signal_number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(signal_number, signal.SIG_IGN)
            self.stage.close()
        self.table()
        if self.options.json:
            self.write(self.options.json)
        found = sum(len(scene.violations) for scenes in self.runs.values() for scene in scenes)
        return 130 if interrupted else int(found > 0)

    def rows(self):
        """What was found of each scenario: the worst of a measure over its runs, or the sum."""
        rows = []
        for name, scenes in self.runs.items():
            measured = {}
            for scene in scenes:
                for key, value in scene.measures.items():
                    old = measured.get(key)
                    measured[key] = value if old is None else old + value if key in SUMS else max(old, value)
            if scenes:
                rows.append({"scenario": name, "runs": len(scenes), "seconds": sum(s.seconds for s in scenes),
                             "violations": sum(len(s.violations) for s in scenes), "measured": measured,
                             "found": [[s.seed, *found] for s in scenes for found in s.violations]})
        return rows

    def fell(self):
        """operation -> step -> kills that fell into it."""
        steps = collections.defaultdict(dict)
        for (operation, step), count in sorted(self.stage.fell.items()):
            steps[operation][step] = count
        return steps

    def write(self, path):
        with open(path, "w", encoding="utf-8") as f:
            json.dump({"seed": self.options.seed, "scenarios": self.rows(), "kills in operations": self.fell()}, f,
                      indent=1)
            f.write("\n")

    def kills_left(self, name):
        """Whether a scenario that is asked for a number of kills has not killed as often as it is to."""
        done = sum(scene.measures.get("kills", 0) for scene in self.runs[name])
        return done < self.options.kills * KILL_SHARES.get(name, 0)

    def play(self, name, number):
        seed = f"{self.options.seed}/{name}/{number}"
        scene = Scene(self.stage, name, number, seed)
        self.screen.title(f"{name}, run {number + 1} (seed {seed})")
        began = time.monotonic()
        try:
            module, function = SCENARIOS.get(name, f"{name}.play").split(".")
            getattr(importlib.import_module(f"chaos_suite.scenarios.{module}"), function)(scene)
        except (StageFailure, AssertionError) as failure:
            scene.violation("broken off", str(failure))
        except KeyboardInterrupt:
            scene.violations.clear()
            raise
        except Exception:  # whatever else went wrong is told, and the others are still played
            scene.violation("broken off", traceback.format_exc())
        finally:
            self.runs[name].append(scene)
            scene.close()
            scene.seconds = time.monotonic() - began
        told = ", ".join(f"{key} {value:.4g}" for key, value in scene.measures.items())
        self.screen.note("done", f"{scene.seconds:.0f} s, {len(scene.violations)} violations; {told}")

    def table(self):
        print(f"\n{'scenario':<18}{'runs':>5}{'violations':>12}   measured (worst; sums of kills, casts, events)")
        for row in self.rows():
            told = ", ".join(f"{key} {value:.4g}" for key, value in row["measured"].items())
            print(f"{row['scenario']:<18}{row['runs']:>5}{row['violations']:>12}   {told}")
        if self.stage.fell:
            print(f"\n{'operation':<28}{'kills in it':>12}   at the step")
            for operation, steps in self.fell().items():
                told = ", ".join(f"{step} {count}" for step, count in steps.items())
                print(f"{operation:<28}{sum(steps.values()):>12}   {told}")
        for scenes in self.runs.values():
            for scene in scenes:
                if scene.violations:
                    print(f"\n{scene.host} (seed {scene.seed}), kept in {os.path.relpath(scene.kept, ROOT)}:")
                    for kind, text in scene.violations:
                        print(f"    {kind}: {text}")
        print(f"\nseed {self.options.seed}", flush=True)


KILL_SHARES = {"kill": 1, "moves": 0.25, "block-moves": 0.1}

SUMS = ("kills", "given up", "casts", "events", "told again", "guests started", "numbered events",
        "restarts", "cuts", "stops", "builds", "fills", "failed with a cause", "failovers", "looks", "answers", "calls",
        "images", "guests compared", "moved as they ran", "moves given up")


def end_with_outside():
    """Ctrl-C reaches the outside only; the end of its pipe tells us."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGINT)


def main():
    def interrupted(*_):
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    threading.Thread(target=end_with_outside, daemon=True).start()
    suite = Suite(given.parse())
    sys.exit(suite.self_test() if suite.options.self_test else suite.perform())


if __name__ == "__main__":
    main()
