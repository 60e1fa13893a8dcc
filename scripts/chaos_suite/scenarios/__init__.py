# SPDX-License-Identifier: Apache-2.0
"""The faults: by the name under which they can be asked for, the module and the function that plays them."""

SCENARIOS = {
    "kill": "kill.play",
    "moves": "moves.play",
    "block-moves": "moves.play_block",
    "intake": "intake.play",
    "duplicates": "duplicates.play",
    "stop": "stop.play",
    "outbox": "outbox.play",
    "broker-restart": "broker.restart",
    "broker-freeze": "broker.freeze",
    "failover": "broker.failover",
    "cut": "network.cut",
    "black-hole": "network.black_hole",
    "dropped-packets": "network.dropped_packets",
    "half-open": "network.half_open",
    "queue-deleted": "broker.queue_deleted",
    "memory-alarm": "broker.memory_alarm",
    "two-workers": "broker.two_workers",
    "libvirtd-freeze": "libvirtd.freeze",
    "libvirtd-restart": "libvirtd.restart",
    "libvirtd-kill": "libvirtd.kill",
    "guest-frozen": "guests.frozen",
    "meddling": "guests.meddling",
    "disk-full": "disk.state_full",
    "instances-full": "disk.instances_full",
}
