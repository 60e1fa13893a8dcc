# SPDX-License-Identifier: Apache-2.0
"""The rows about the process itself: CPU per cast, start-up, resident memory."""
import json
import sqlite3
import subprocess
import time
import uuid

from . import messages
from .lab import ROOT, Failure, cpu_seconds, resident_bytes, wait_until, wait_until_quiet
from .report import Result
from .throughput import fill, in_turn
from .worker import HOST, QUEUE, Worker


def worker_cpu(lab, body, count, events):
    """CPU seconds from idle to idle for `count` casts that the worker carries out."""
    worker = Worker(lab, "cpu", events=events, worker={"intake_high_water": count * 10, "intake_low_water": count * 5})
    worker.start()
    worker.wait_until_ready()
    before = wait_until_quiet(worker.pid)
    fill(lab, body, count)
    lab.result(lab.raw("watch", queue=QUEUE, pid=worker.pid, interval_ms=50, conditions=["--at-most", "0"]))
    used = wait_until_quiet(worker.pid) - before
    worker.stop()
    check_done(lab, worker, count, events)
    return used


def check_done(lab, worker, count, events):
    """Every cast must have been carried out: with events on, by the events that tell of it."""
    if not events:
        return
    ended = lab.directory / "cpu-events.bodies"
    total = lab.ready_count("notifications.info")
    if total < count:
        raise Failure(f"{total} events for {count} casts; the worker's log is {worker.log}")
    lab.run_raw("consume", queue="notifications.info", count=total, save=ended, durable=True)
    done = ended.read_bytes().count(b"compute.instance.create.end")
    if done != count:
        raise Failure(f"{done} of {count} casts ended well; the worker's log is {worker.log}")


def oslo_cpu(lab, body, count):
    """The same for oslo.messaging's own server with an empty handler, by its own count: first cast to last."""
    server = lab.start([lab.venv_python, ROOT / "Tests/Clients/oslo_empty_server.py", lab.oslo_url, "--server", HOST,
                        "--durable", "--count", str(count)], stdout=subprocess.PIPE, text=True)
    if "ready" not in server.stdout.readline():
        raise Failure("oslo.messaging's server did not start")
    wait_until_quiet(server.pid)
    fill(lab, body, count)
    reported = server.stdout.readline()
    if not reported or server.wait(60) != 0:
        raise Failure(f"oslo.messaging's server did not handle {count} casts")
    return json.loads(reported)["cpu_seconds"]


def cpu(lab, events=False):
    arguments = lab.arguments
    body = messages.run_instance()
    count = arguments.count or 3_000
    result = Result("cpu-events" if events else "cpu",
                    f"CPU for {count} run_instance casts of {len(body)} bytes carried out by the fake driver"
                    f"{', their events sent' if events else ''}, against oslo.messaging's server with an empty handler",
                    arguments.repetitions, bar=0.5, bar_is_minimum=False)
    for queue in (QUEUE, "compute", "notifications.info", "notifications.error"):
        lab.empty(queue)
    for repetition in range(arguments.repetitions):
        a, b = in_turn(repetition, lambda: worker_cpu(lab, body, count, events), lambda: oslo_cpu(lab, body, count))
        result.add("worker CPU ms per cast", a / count * 1000)
        result.add("oslo.messaging CPU ms per cast", b / count * 1000)
        result.add("ratio", a / b)
        lab.say(f"  {result.row} {repetition + 1}/{arguments.repetitions}: ratio {result.series['ratio'][-1]:.3f}")
    errors = lab.ready_count("notifications.error")
    if errors:
        raise Failure(f"{errors} builds failed")
    return result


def startup(lab):
    """Seconds from the start of the process until the broker counts a consumer on the worker's queue."""
    arguments = lab.arguments
    result = Result("startup", "seconds from starting the process until it consumes (seen at the broker, to 1 ms)",
                    arguments.repetitions, bar=0.2, bar_is_minimum=False, subject="restart: consuming")
    lab.empty(QUEUE)
    for repetition in range(arguments.repetitions):
        first = Worker(lab, "startup-first", driver=arguments.driver, sections=lab.driver_sections(arguments.driver))
        once_started(lab, first, result, "first start")
        again = Worker(lab, "startup-again", state=first.state, driver=arguments.driver,
                       sections=lab.driver_sections(arguments.driver))
        once_started(lab, again, result, "restart")
        lab.say(f"  startup {repetition + 1}/{arguments.repetitions}: "
                f"{result.series['restart: consuming'][-1]:.3f} s")
    return result


def startup_with_guests(lab, guests=500):
    """The same with guests: a row of each in the worker's state, a domain of each in libvirt's test driver."""
    arguments = lab.arguments
    result = Result(f"start-{guests}",
                    f"seconds from starting the process until it consumes, {guests} running guests on the host",
                    arguments.repetitions, bar=1, bar_is_minimum=False, subject="restart: consuming")
    for queue in (QUEUE, "compute"):
        lab.empty(queue)
    builder = Worker(lab, "start-fill")
    builder.start()
    builder.wait_until_ready()
    fill(lab, messages.run_instance(), guests)
    wait_until_quiet(builder.pid)
    builder.stop()
    node = builder.directory / "node.xml"
    database = sqlite3.connect(builder.state / "journal/worker.sqlite")
    ids = [uuid.UUID(bytes=row[0]) for row in database.execute("SELECT uuid FROM instance")]
    database.close()
    if len(ids) != guests:
        raise Failure(f"{len(ids)} of {guests} instances were built; the worker's log is {builder.log}")
    node.write_text("<node>" + "".join(
        f"<domain type='test'><name>instance-{number:08x}</name><uuid>{identifier}</uuid><memory>524288</memory>"
        "<vcpu>1</vcpu><os><type arch='x86_64'>hvm</type></os></domain>"
        for number, identifier in enumerate(ids)) + "</node>")
    for repetition in range(arguments.repetitions):
        worker = Worker(lab, "start", state=builder.state, driver="libvirt.LibvirtDriver",
                        sections={"libvirt": {"connection_uri": f"test://{node}", "virt_type": "qemu"}})
        once_started(lab, worker, result, "restart")
        lab.say(f"  {result.row} {repetition + 1}/{arguments.repetitions}: "
                f"{result.series['restart: consuming'][-1]:.3f} s")
    return result


def once_started(lab, worker, result, name):
    wait_until(lambda: lab.run_raw("watch", queue=QUEUE)["consumers"] == 0, 30, "the last worker's consumer to go")
    watch = lab.raw("watch", queue=QUEUE, interval_ms=1, conditions=["--consumers", "1"])
    if not json.loads(watch.stdout.readline())["watching"]:
        raise Failure("the watcher did not start")
    began = worker.start()
    ready = worker.wait_until_ready() - began
    consuming = lab.result(watch)[-1]["time"] - began
    cpu = cpu_seconds(worker.pid)
    worker.stop()
    result.add(f"{name}: consuming", consuming)
    result.add(f"{name}: says so", ready)
    result.add(f"{name}: CPU", cpu)


def memory(lab):
    """Resident memory of a worker that has nothing to do."""
    arguments = lab.arguments
    result = Result("memory", f"resident memory (VmRSS, MB of 10^6 bytes) {arguments.settle} s after the ready line",
                    arguments.repetitions, bar=40, bar_is_minimum=False, subject="idle MB")
    lab.empty(QUEUE)
    for repetition in range(arguments.repetitions):
        worker = Worker(lab, "memory", driver=arguments.driver, sections=lab.driver_sections(arguments.driver))
        worker.start()
        worker.wait_until_ready()
        time.sleep(arguments.settle)  # what is measured is a worker that has been idle for that long
        result.add("idle MB", resident_bytes(worker.pid) / 1e6)
        worker.stop()
        lab.say(f"  memory {repetition + 1}/{arguments.repetitions}: {result.series['idle MB'][-1]:.1f} MB")
    return result
