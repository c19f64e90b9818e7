#!/usr/bin/env python3
# main.py - attacks a running muga-signaling over UDP, phase by phase.
#
#   main.py --muga PATH --config FILE --pid N --log FILE [--seed N] [--long] [PHASE...]
#
# Prints `ok NAME` and `not ok NAME`; exit 1 if anything was not ok. Addresses and trunks are those of
# tests/system/torture_wire.sh, which starts this in its namespace. --long adds floods and races, and waits for
# the 32 s timers of RFC 3261 after each.
import argparse
import sys

import calls
import noise
import wire


# Quick and indifferent to the machine's load; the others need --long.
ALWAYS = ("torture", "truncated", "oversized", "reflection", "trunk limit", "intruders", "loops",
          "mutated", "bodies")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--muga", required=True)
    parser.add_argument("--config", required=True)
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--messages", default="tests/torture/sip")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("phases", nargs="*")
    options = parser.parse_args()
    world = wire.World(options)
    phases = {**noise.phases, **calls.phases}
    for name in options.phases or (phases if options.long else ALWAYS):
        phases[name](world, options)
        if not world.is_alive():
            world.report(name + "/the process lives", False)
            break
    world.is_long = True
    world.settle("all together", 45)
    return 1 if world.failed else 0


if __name__ == "__main__":
    sys.exit(main())
