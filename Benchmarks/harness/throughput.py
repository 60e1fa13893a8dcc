# SPDX-License-Identifier: Apache-2.0
"""The rows that compare messages a second: intake, events, and the raw programs among themselves."""
import shutil
import time

from . import messages
from .lab import Failure, wait_until_quiet
from .report import Result
from .worker import QUEUE, Worker

# The part of the messages that is over before the clock starts: connections are then made and caches warm.
LEAD = 20
EVENTS_QUEUE = "notifications.info"


class Stretch:
    """What the watcher saw between two fill levels of a queue."""

    def __init__(self, lines, broker_cpu):
        _, first, last = lines
        self.count = abs(first["ready"] - last["ready"])
        self.seconds = last["time"] - first["time"]
        self.cpu_seconds = last["cpu_seconds"] - first["cpu_seconds"]
        self.broker_cpu = broker_cpu
        if self.count < 1 or self.seconds <= 0:
            raise Failure("the queue went by between two looks: take more messages (--count)")

    def add_to(self, result, side, total):
        result.add(f"{side} msgs/s", self.count / self.seconds)
        result.add(f"{side} CPU s per 10k", self.cpu_seconds / self.count * 10_000)
        if self.broker_cpu is not None:
            result.add(f"{side}: broker CPU s per 10k", self.broker_cpu / total * 10_000)


def watched(lab, process, queue, conditions, total):
    """Watches a queue pass two fill levels while `process` works on it."""
    before = lab.broker_cpu_seconds()
    words = [str(word) for condition in conditions for word in condition]
    lines = lab.result(lab.raw("watch", queue=queue, pid=process.pid, interval_ms=5, conditions=words))
    after = lab.broker_cpu_seconds()
    return Stretch(lines, None if before is None else after - before)


def in_turn(repetition, first, second):
    """Both sides, the other one first every second time; returns their results in the order of the arguments."""
    if repetition % 2 == 0:
        return first(), second()
    b = second()
    return first(), b


# Intake


def fill(lab, body, count, queue=QUEUE):
    if lab.ready_count(queue) != 0:
        raise Failure(f"{queue} is not empty")
    path = lab.directory / "cast.body"
    path.write_bytes(body)
    lab.run_raw("publish", routing_key=queue, body=path, fill=True, count=count, window=512)


def worker_intake(lab, body, count):
    fill(lab, body, count)
    worker = Worker(lab, "intake", worker={"lanes_closed": "true", "intake_high_water": count * 10,
                                           "intake_low_water": count * 5})
    worker.start()
    stretch = watched(lab, worker.process, QUEUE, drained(count), count)
    # The last prefetch window is on its way into the journal; what is not acknowledged returns when the worker stops.
    wait_until_quiet(worker.pid, lull=0.5)
    worker.stop()
    left = lab.ready_count(QUEUE)
    if left:
        raise Failure(f"{left} casts were not acknowledged; the worker's log is {worker.log}")
    return stretch


def raw_intake(lab, body, count):
    fill(lab, body, count)
    consumer = lab.raw("consume", queue=QUEUE, count=count, prefetch=256, ack_every=64, durable=True)
    stretch = watched(lab, consumer, QUEUE, drained(count), count)
    lab.result(consumer)
    return stretch


def drained(count):
    return [("--at-most", count - count // LEAD), ("--at-most", 0)]


def intake(lab, size):
    arguments = lab.arguments
    body = messages.run_instance() if size == 9 else messages.reboot_instance()
    count = arguments.count or (60_000 if size == 9 else 100_000)
    side = "C again" if arguments.self_check else "worker"
    result = Result(f"intake-{size}k", f"{count} casts of {len(body)} bytes from a durable queue into the journal, "
                    "against a raw C consumer (prefetch 256, one ack per 64)", arguments.repetitions,
                    bar=None if arguments.self_check else (0.35 if size == 9 else 0.5))
    subject = raw_intake if arguments.self_check else worker_intake
    lab.empty(QUEUE)
    for repetition in range(arguments.repetitions):
        a, b = in_turn(repetition, lambda: subject(lab, body, count), lambda: raw_intake(lab, body, count))
        a.add_to(result, side, count)
        b.add_to(result, "C", count)
        result.add("ratio", (a.count / a.seconds) / (b.count / b.seconds))
        lab.say(f"  {result.row} {repetition + 1}/{arguments.repetitions}: ratio {result.series['ratio'][-1]:.3f}")
    return result


# Events


def drain_outbox(lab, state, count, window):
    """Starts a worker whose outbox is full; returns what was seen of the events' queue."""
    worker = Worker(lab, "events", state=state, events=True, worker={"confirm_window": window})
    worker.start()
    stretch = watched(lab, worker.process, EVENTS_QUEUE, [("--at-least", count // LEAD), ("--at-least", count)], count)
    worker.stop()
    return stretch


def raw_events(lab, bodies, count, window):
    publisher = lab.raw("publish", exchange="nova", routing_key=EVENTS_QUEUE, bodies=bodies, count=count, window=window,
                        mandatory=True)
    stretch = watched(lab, publisher, EVENTS_QUEUE, [("--at-least", count // LEAD), ("--at-least", count)], count)
    lab.result(publisher)
    return stretch


def filled_outbox(lab, casts):
    """A state directory whose outbox holds the events of `casts` instances that came and went, made with no broker to take
    them. Gone they must be: the fake driver's guests end with it, and the next start would tell of all that vanished."""
    fill(lab, messages.run_instance(), casts)
    worker = Worker(lab, "events-outbox", events=True, events_url="rabbit://nobody:nothing@127.0.0.1:1/",
                    worker={"intake_high_water": casts * 10, "intake_low_water": casts * 5})
    worker.start()
    watched(lab, worker.process, QUEUE, drained(casts), casts)
    wait_until_quiet(worker.pid)
    fill(lab, messages.terminate_instance(), casts)
    watched(lab, worker.process, QUEUE, drained(casts), casts)
    wait_until_quiet(worker.pid)
    worker.stop()
    return worker.state


def recorded_events(lab, state, bodies, window):
    """Lets a worker send its outbox once and keeps what it sent in a file; returns how many events there are."""
    worker = Worker(lab, "events", state=state, events=True, worker={"confirm_window": window})
    worker.start()
    seen, since = 0, time.monotonic()
    while not seen or time.monotonic() - since < 5:
        now = lab.ready_count(EVENTS_QUEUE)
        if now != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > 60:
            raise Failure(f"no event came; the worker's log is {worker.log}")
        time.sleep(0.25)
    worker.stop()
    errors = lab.ready_count("notifications.error")
    if errors:
        raise Failure(f"{errors} casts failed; their reasons are in {worker.log}")
    lab.run_raw("consume", queue=EVENTS_QUEUE, count=seen, save=bodies, durable=True)
    return seen


def events(lab):
    arguments = lab.arguments
    casts = arguments.count or 3_000
    window = arguments.window
    for queue in (QUEUE, EVENTS_QUEUE, "notifications.error"):
        lab.empty(queue)
    bodies = lab.directory / "events.bodies"
    seed = lab.directory / "events-seed"
    shutil.rmtree(seed, ignore_errors=True)
    shutil.copytree(filled_outbox(lab, casts), seed)
    count = recorded_events(lab, seed, bodies, window)
    size = bodies.stat().st_size // count - 4
    result = Result("events", f"{count} events of {size} bytes in the mean out of the outbox, confirmed, window "
                    f"{window}, against a raw C publisher of the same bodies", arguments.repetitions,
                    bar=None if arguments.self_check else 0.7)
    side = "C again" if arguments.self_check else "worker"

    def emptied(stretch):
        lab.run_raw("consume", queue=EVENTS_QUEUE, count=count, durable=True)
        left = lab.ready_count(EVENTS_QUEUE)
        if left:
            raise Failure(f"{left} events more than there were in the outbox")
        return stretch

    def raw():
        return emptied(raw_events(lab, bodies, count, window))

    def subject():
        return emptied(drain_outbox(lab, seed, count, window))

    for repetition in range(arguments.repetitions):
        a, b = in_turn(repetition, raw if arguments.self_check else subject, raw)
        a.add_to(result, side, count)
        b.add_to(result, "C", count)
        result.add("ratio", (a.count / a.seconds) / (b.count / b.seconds))
        lab.say(f"  events {repetition + 1}/{arguments.repetitions}: ratio {result.series['ratio'][-1]:.3f}")
    return result


# The raw programs among themselves


def raw(lab):
    """What the broker gives to a plain C program: an orientation, without the worker."""
    arguments = lab.arguments
    queue = "bench.raw"
    lab.empty(queue)
    results = []
    for size, body in ((9, messages.run_instance()), (1, messages.reboot_instance())):
        count = arguments.count or 10_000
        path = lab.directory / f"raw-{size}k.body"
        path.write_bytes(body)
        result = Result(f"raw-{size}k", f"{count} messages of {len(body)} bytes, persistent, durable classic queue",
                        arguments.repetitions)
        for _ in range(arguments.repetitions):
            for window in (1, 64, 256, 512, 0):
                few = min(count, 500) if window == 1 else count
                took = lab.run_raw("publish", routing_key=queue, body=path, fill=True, count=few, window=window)
                name = f"publish, window {window}" if window else "publish, no confirms"
                result.add(f"{name}: msgs/s", few / took["seconds"])
                lab.empty(queue)
            for prefetch, ack_every in ((256, 64), (256, 1), (1, 1)):
                few = min(count, 1000) if prefetch == 1 else count
                lab.empty(queue)
                fill(lab, body, few, queue)
                took = lab.run_raw("consume", queue=queue, count=few, prefetch=prefetch, ack_every=ack_every,
                                   durable=True)
                name = f"consume, prefetch {prefetch}, one ack per {ack_every}"
                result.add(f"{name}: msgs/s", few / took["seconds"])
                result.add(f"{name}: CPU s per 10k", took["cpu_seconds"] / few * 10_000)
        results.append(result)
    return results
