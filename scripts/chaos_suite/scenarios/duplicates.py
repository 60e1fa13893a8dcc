# SPDX-License-Identifier: Apache-2.0
"""The same cast many times, in any order, before, during and after it is carried out; and flat ones that the broker
delivers again."""
import time

from stage import until

COPIES = 100


def play(scene):
    scene.open("libvirt", proxy=True)
    scene.worker.start()
    scene.worker.await_consuming()
    one, other = scene.new_instance(), scene.new_instance()
    build = scene.api.send("run_instance", one)
    scene.api.publish(build, times=scene.random.randrange(COPIES // 2))  # while it is built
    flat = scene.api.send("run_instance", other, "flat")
    wait(scene, build, flat)
    scene.api.publish(build, times=COPIES // 2)
    reboot = scene.api.send("reboot_instance", one)
    for cast in (reboot, build, reboot, build):
        scene.api.publish(cast, times=scene.random.randrange(1, COPIES // 4))
    wait(scene, reboot)
    flat_reboot = redelivered(scene, other)
    before = {instance: scene.hypervisor.identity(instance) for instance in (one, other)}
    for cast in (reboot, build):
        scene.api.publish(cast, times=10)
    # A second wish to build what runs changes nothing, and costs the guest nothing.
    again = scene.api.send("run_instance", one)
    wait(scene, again)
    for instance, identity in before.items():
        if scene.hypervisor.identity(instance) != identity:
            scene.violation("twice", f"{instance} was started anew by a repeated cast")
    if any(event.priority != "ERROR" for event in scene.ledger.ends(again)):
        scene.violation("twice", f"{again} was not refused, though its guest runs")
    last = [scene.api.send("terminate_instance", instance) for instance in (one, other)]
    wait(scene, *last)
    scene.api.publish(last[0], times=COPIES)
    scene.finish(may_fail=lambda cast, event: cast is again)


def redelivered(scene, guest):
    """A flat cast whose acknowledgement is lost on the way: the broker delivers it again, and says so."""
    name = scene.api.arguments(guest)["instance"]["name"]
    before = len(scene.guest_launches(name))
    scene.proxy.set(up=False)
    cast = scene.api.send("reboot_instance", guest, "flat")
    until("the cast in the journal", 30, lambda: scene.journal.count("journal", f"request_id = '{cast.request}'"))
    if scene.random.random() < 0.5:
        scene.worker.kill()
        scene.worker.start()
        scene.measure("kills", 1, total=True)
    scene.proxy.cut()
    scene.proxy.heal()
    wait(scene, cast)
    until("the acknowledgement", 30, lambda: scene.unacknowledged() == 0)
    time.sleep(3)  # what would be done twice has this long to show
    rows = scene.journal.count("journal", f"request_id = '{cast.request}'")
    starts = len(scene.guest_launches(name)) - before
    if rows != 1 or starts != 1:
        scene.violation("twice", f"{cast} came again: {rows} rows in the journal, {starts} starts of its guest")
    return cast


def wait(scene, *casts):
    scene.ledger.await_ends(casts, 60, scene.worker.must_live)
