# SPDX-License-Identifier: Apache-2.0
"""Faults of the broker itself."""
import os
import signal
import time

from stage import until

from ..servers import ChaosCluster
from .traffic import Traffic, open_with_traffic, served_within

BACK = 5  # seconds in which the worker serves again when the broker does


def restart(scene):
    """Restarts and crashes of the broker during many builds."""
    restarts = scene.options.restarts
    # A restart takes some seconds; the builds last as long as all of them.
    traffic = open_with_traffic(scene, pace=6 * restarts / scene.options.builds, limit=scene.options.builds)
    for _ in range(restarts):
        time.sleep(scene.duration(0.2, 2))
        if scene.random.random() < 0.5:
            scene.broker.restart()
        else:
            scene.broker.crash()
        served_within(scene, BACK, time.time())
        scene.measure("restarts", 1, total=True)
    traffic.pace = 0.01
    until("the end of the builds", 120 + scene.options.builds / 10, traffic.done)
    traffic.finish()


def freeze(scene):
    """The broker stands still for longer than two heartbeats."""
    traffic = open_with_traffic(scene)
    for seconds in (3, scene.options.silence):
        time.sleep(scene.duration(0.5, 2))
        began = time.time()
        scene.broker.signal(signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            scene.broker.signal(signal.SIGCONT)
        if seconds > 2 * scene.HEARTBEAT:
            scene.expect_unready(began, 2 * scene.HEARTBEAT + 2)
        served_within(scene, BACK, time.time())
    traffic.finish()


def failover(scene):
    """One of two brokers of a cluster dies, the one that the worker is connected to, again and again."""
    cluster = ChaosCluster(os.path.join(scene.stage.directory, scene.host + "-cluster"))
    scene.closing.append(cluster.stop)
    traffic = open_with_traffic(scene, cluster=cluster.start())
    for number in (0, 1, 0):
        time.sleep(scene.duration(1, 3))
        began = time.time()
        cluster.kill(number)
        served_within(scene, BACK, began)
        scene.expect_unready(began, BACK)  # it was the worker's own
        cluster.start_again(number, scene.virtual_host)
        scene.measure("failovers", 1, total=True)
    traffic.finish()


def queue_deleted(scene):
    """The host's queue is deleted under its consumer, alone and with all others."""
    scene.open("fake")
    scene.worker.start()
    scene.worker.await_consuming()
    for names in ([f"compute.{scene.host}"], ["compute"], [f"compute.{scene.host}", "compute"]):
        for name in names:
            scene.broker.ctl("delete_queue", "-p", scene.virtual_host, name)
        began = time.time()
        scene.measure("consuming again s", scene.worker.await_consuming(30))
        served_within(scene, BACK, began)
    traffic = Traffic(scene, 0.05, 20)
    until("the traffic", 30, traffic.done)
    traffic.finish()


def memory_alarm(scene):
    """The broker has no memory left: it takes nothing from publishers. What is in the journal is done all the same, and
    its events wait."""
    scene.open("fake")
    scene.worker.start(lanes_closed="true")
    scene.worker.await_consuming()
    guests = [scene.new_instance() for _ in range(20)]
    for guest in guests:
        scene.api.send("run_instance", guest)
    until("the casts in the journal", 30, lambda: scene.journal.count("journal", "outcome IS NULL") == len(guests))
    old = scene.broker.ctl("eval", "vm_memory_monitor:get_vm_memory_high_watermark().").strip()
    scene.worker.kill()
    size = scene.worker.log_size()
    try:
        scene.broker.ctl("set_vm_memory_high_watermark", "0.0000001")
        time.sleep(1)
        scene.worker.start(lanes_closed="false")
        until("the work in spite of the alarm", 30, lambda: not scene.journal.count("journal", "outcome IS NULL"))
        time.sleep(2)
        scene.measure("waiting events", scene.journal.count("outbox"))
        if not scene.journal.count("outbox"):
            scene.violation("no fault", "the broker took events in spite of its alarm")
        scene.worker.must_live()
    finally:
        scene.broker.ctl("set_vm_memory_high_watermark", old)
    served_within(scene, BACK, time.time())
    told = scene.worker.log_text(size)
    if "takes no messages" not in told and "blocks publishers" not in told:
        scene.violation("untold", "the worker's log does not tell that the broker is blocked")
    for guest in guests:
        scene.api.send("terminate_instance", guest)
    scene.finish(patient=guests)


def two_workers(scene):
    """A second worker under the same host refuses to serve, and takes nothing from the first."""
    traffic = open_with_traffic(scene)
    second = scene.another_worker()
    try:
        second.start()
        began = time.monotonic()

        def refused():
            return not second.is_alive() or "another worker serves this host" in second.log_text()

        until("the refusal of the second worker", 30, refused, pause=0.05)
        took = time.monotonic() - began
        scene.measure("refused s", took)
        if took > BACK:
            scene.violation("slow", f"the second worker refused after {took:.1f} s")
        time.sleep(3)
        if "operation ended" in second.log_text():
            scene.violation("twice", "the second worker did work of the first")
    finally:
        second.end()
    traffic.finish()
