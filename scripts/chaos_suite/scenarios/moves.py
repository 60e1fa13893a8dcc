# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the source's worker, the destination's or both, at any moment of moves between two hosts."""
import time

from ..audit_moves import finish
from ..hosts import Pair
from ..moves import Travellers

KILLS_PER_RUN = 24
BLOCK_KILLS_PER_RUN = 12
SEEN_OFTEN = 3  # kills in one step, after which others are waited for
KINDS = ("any", "any", "at the start", "after a cast", "at a step", "at a step", "at a step", "at a step")


def play(scene):
    """Hosts that see the same directory of instances: resizes, moves of guests that are off, and of those that run."""
    travel(scene, Pair(scene, is_shared=True), KILLS_PER_RUN)


def play_block(scene):
    """Hosts without common storage: guests that run take their disks along."""
    travel(scene, Pair(scene, is_shared=False), BLOCK_KILLS_PER_RUN)


def travel(scene, pair, kills):
    pair.open()
    travellers = Travellers(scene, pair, lambda: done() < kills)

    def done():
        return sum(host.worker.kills for host in pair.hosts)

    while done() < kills:
        kill_once(scene, pair, travellers)
    deadline = time.monotonic() + 240
    while travellers.busy and time.monotonic() < deadline:
        pair.must_live()
        for life in travellers.busy:
            help_out(scene, pair, life)
        travellers.sleep(0.1)
    scene.measure("kills", done())
    finish(scene, pair, travellers.all)


def help_out(scene, pair, life):
    """Does what the operator must where libvirt never ends a move that was given up: it keeps the guest paused, and the
    worker, which can't know where the guest will be, waits and says why."""
    for host in pair.hosts:
        for _, operation, instance, _, error in host.journal.unfinished():
            if (operation == "live_migration" and instance == life.instance.replace("-", "")
                    and "live_migration_abort within" in (error or "") and not life.was_harmed):
                host.hypervisor.virsh("destroy", life.instance, accept=(0, 1))
                life.was_harmed, life.wishes = True, ["terminate_instance"]
                scene.measure("stuck in libvirt", 1, total=True)


def kill_once(scene, pair, travellers):
    """Waits for a moment of one of four kinds, kills one worker or both, and starts them again, some of them late."""
    kind, limit, host = scene.random.choice(KINDS), time.monotonic() + 4, scene.random.choice(pair.hosts)
    delay = scene.duration(0.2, 2)
    if kind == "at the start":
        delay = scene.duration(0, 0.3)
    else:
        # The worker gives an operation up after five attempts, so it gets the time to make one.
        travellers.sleep(scene.duration(0, 1.2))
    if kind == "after a cast":
        while not travellers.advance() and time.monotonic() < limit:
            time.sleep(0.005)
        delay = scene.duration(0, 0.03)
    elif kind == "at a step":
        host, delay = await_step(scene, pair, travellers, limit) or host, 0
        if scene.random.random() < 0.5:
            delay = scene.duration(0, 0.4)
    travellers.sleep(delay)
    victims = scene.random.choice(([host], [host], [pair.other(host)], pair.hosts))
    for victim in victims:
        victim.kill()
    for victim in scene.random.sample(victims, len(victims)):
        if scene.random.random() < 0.3:
            travellers.sleep(scene.duration(0, 4))
        victim.start_again()


def await_step(scene, pair, travellers, limit):
    """The host on which a step has just begun; one that was not yet killed in often, as long as there is time."""
    before = {host: set(host.journal.under_way()) for host in pair.hosts}
    while time.monotonic() < limit:
        for host in pair.hosts:
            fresh = set(host.journal.under_way()) - before[host]
            is_rare = any(scene.stage.fell[operation, step or "waiting"] < SEEN_OFTEN for _, operation, step in fresh)
            if is_rare or fresh and time.monotonic() > limit - 2:
                return host
            before[host] |= fresh
        travellers.advance()
        time.sleep(0.002)
    return None
