# SPDX-License-Identifier: Apache-2.0
"""Results: what was measured in each repetition, and what is said about it."""
import json
import os
import platform
import statistics
import time


class Result:
    """One row: two sides measured in turn, or one side with an absolute bar."""

    def __init__(self, row, what, repetitions, bar=None, bar_is_minimum=True, subject="ratio"):
        self.row = row
        self.what = what
        self.repetitions = repetitions
        self.bar = bar
        self.bar_is_minimum = bar_is_minimum
        self.subject = subject
        self.series = {}
        self.notes = []

    def add(self, name, value):
        self.series.setdefault(name, []).append(value)

    @property
    def median(self):
        return statistics.median(self.series[self.subject])

    @property
    def is_met(self):
        if self.bar is None:
            return None
        return self.median >= self.bar if self.bar_is_minimum else self.median <= self.bar

    def lines(self):
        yield f"{self.row}: {self.what} (n={self.repetitions})"
        width = max(len(name) for name in self.series)
        for name, values in self.series.items():
            low, middle, high = min(values), statistics.median(values), max(values)
            verdict = ""
            if name == self.subject and self.bar is not None:
                sign = "≥" if self.bar_is_minimum else "≤"
                verdict = f"   bar {sign} {self.bar}: {'met' if self.is_met else 'MISSED'}"
            yield f"  {name:<{width}}  {_text(low):>9} {_text(middle):>9} {_text(high):>9}{verdict}"
        for note in self.notes:
            yield f"  {note}"

    def json(self):
        summaries = {name: {"min": min(values), "median": statistics.median(values), "max": max(values),
                            "values": values} for name, values in self.series.items()}
        return {"row": self.row, "what": self.what, "repetitions": self.repetitions, "subject": self.subject,
                "bar": self.bar, "bar_is_minimum": self.bar_is_minimum, "is_met": self.is_met, "series": summaries,
                "notes": self.notes}


def _text(value):
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def machine():
    """What the numbers were taken on."""
    model = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {"cpu": model, "cpus": os.cpu_count(), "kernel": platform.release(), "load": os.getloadavg()[0],
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def write(path, results, machines):
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"before": machines[0], "after": machines[1], "rows": [result.json() for result in results]}, file,
                  indent=2, ensure_ascii=False)
        file.write("\n")
