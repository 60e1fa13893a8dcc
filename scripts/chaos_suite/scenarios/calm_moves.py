# SPDX-License-Identifier: Apache-2.0
"""Two hosts and no fault at all: what the self-test plants its violations about moves in."""
import time

from ..audit_moves import finish
from ..hosts import Pair
from ..moves import Traveller, Travellers

LIVE = ["check_can_live_migrate_destination", "live_migration"]
# One that is gone, one that moved as it ran and is there, one that waits for the confirmation of its resize.
JOURNEYS = (["prep_resize", "confirm_resize", "terminate_instance"], LIVE, ["prep_resize"])


def play(scene):
    pair = scene.pair = Pair(scene, is_shared=True).open()
    travellers = Travellers(scene, pair, lambda: False)
    for journey in JOURNEYS:
        life = Traveller(scene, pair)
        life.host, life.deleted_after, life.wishes = pair.hosts[0], None, ["run_instance", *journey]
        travellers.all.append(life)
    scene.lives = travellers.all
    deadline = time.monotonic() + 60
    while travellers.busy and time.monotonic() < deadline:
        travellers.sleep(0.05)
    finish(scene, pair, travellers.all, 5)
