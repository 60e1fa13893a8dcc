# SPDX-License-Identifier: Apache-2.0
"""What can be asked of the suite."""
import argparse
import os
import random

from .scenarios import SCENARIOS


def parse(arguments=None):
    parser = argparse.ArgumentParser(prog="chaos", description="Faults of every kind, with the real parts.")
    parser.add_argument("--minutes", type=float, default=10, help="each scenario is run once, and again till then")
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, help="only this one (may be given again)")
    parser.add_argument("--seed", type=int, default=None, help="of all random choices; printed")
    parser.add_argument("--kills", type=int, default=0, help="repeats the kill scenario until so many kill -9 are done, "
                        "and those of moves until they have done their share")
    parser.add_argument("--restarts", type=int, default=4, help="restarts of the broker in one run of broker-restart")
    parser.add_argument("--builds", type=int, default=200, help="builds in one run of broker-restart and outbox")
    parser.add_argument("--silence", type=float, default=25, help="seconds of a freeze or a black hole")
    parser.add_argument("--program", help="a worker that is built already")
    parser.add_argument("--json", type=os.path.abspath, help="a file for the table")
    parser.add_argument("--keep", action="store_true", help="keeps the logs of runs without a violation as well")
    parser.add_argument("--self-test", action="store_true",
                        help="plays a calm scene, and again with each planted violation, which must be reported")
    parser.add_argument("--directory", help=argparse.SUPPRESS)
    parser.add_argument("--kept", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.seed = random.SystemRandom().randrange(1 << 32) if options.seed is None else options.seed
    options.scenario = options.scenario or list(SCENARIOS)
    if options.kills and not {"kill", "moves", "block-moves"} & set(options.scenario):
        options.scenario.insert(0, "kill")
    return options
