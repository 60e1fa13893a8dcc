# SPDX-License-Identifier: Apache-2.0
"""Faults of the network between worker and broker."""
import time

from stage import run

from .traffic import open_with_traffic, served_within

BACK = 5  # seconds in which the worker serves again when the network does


def cut(scene):
    """Connections end with a reset, again and again, or are closed by the broker."""
    traffic = open_with_traffic(scene, proxy=True)
    for _ in range(8):
        time.sleep(scene.duration(0.1, 1.5))
        if scene.random.random() < 0.7:
            scene.proxy.cut()
        else:
            scene.broker.ctl("close_all_connections", "-p", scene.virtual_host, "chaos")
        scene.measure("cuts", 1, total=True)
    served_within(scene, BACK, time.time())
    traffic.finish()


def silent(scene, harm, heal, limit):
    """What was broken without a word is noticed, and works again without a restart."""
    traffic = open_with_traffic(scene, proxy=True, compute_worker={"loopback_interval": "5", "loopback_timeout": "5"})
    time.sleep(scene.duration(1, 3))
    began = time.time()
    harm()
    try:
        time.sleep(max(scene.options.silence, limit + 3))
    finally:
        heal()
    scene.expect_unready(began, limit)
    served_within(scene, BACK, time.time())
    traffic.finish()


def black_hole(scene):
    """Nothing passes, and no reset tells of it."""
    silent(scene, lambda: scene.proxy.black_hole(), lambda: scene.proxy.heal(), 2 * scene.HEARTBEAT + 2)


def half_open(scene):
    """What the worker publishes arrives; what the broker says does not."""
    silent(scene, lambda: scene.proxy.half_open(), lambda: scene.proxy.heal(), 2 * scene.HEARTBEAT + 2)


def dropped_packets(scene):
    """The kernel drops every packet between worker and proxy, new connections included."""
    def rule(verb):
        for flag in ("--dport", "--sport"):
            run("iptables", verb, "INPUT", "-p", "tcp", flag, str(scene.proxy.port), "-j", "DROP")

    silent(scene, lambda: rule("-A"), lambda: rule("-D"), 2 * scene.HEARTBEAT + 2)
