"""How long a trace takes once, from the start of the process to its end.

``python -m bench.one_shot [RUNS [PROTOCOL [PATH [TOOL]]]]``, where PATH and TOOL are how a path's
title and a tool's name begin.

The tools run in turn on the same path; its floor is one round trip. A tool runs as it comes, and once more
with the options that make it wait less, where it has such. Needs root for the path.
"""

from __future__ import annotations

import functools
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench import table
from bench.measured import ENVIRONMENT, ROOT
from bench.peers import PEERS, Peer, ours
from bench.turns import in_turn
from tests.lab.labkit.families import Family
from tests.lab.labkit.namespace import User
from tests.lab.labkit.tun import tun_lab

if TYPE_CHECKING:
    from tests.lab.labkit.tun import TunLab

PATHS = {
    "16 hops, 100 ms, two silent, one losing 40 %": str(Path(__file__).parent / "paths/wan-loss.toml"),
    "5 hops, 1.2 ms": "lan",
}
PROTOCOLS = ("icmp", "udp", "tcp")
NOTHING = Peer("nothing, in the same place", {one: [] for one in PROTOCOLS}, executable=["true"])
PATIENCE_S = 40
ENOUGH_S = 1.75
"""A tool whose runs have taken so long together is not run again."""
FEWEST_HOPS = 5
"""A tool that tells fewer has not traced either path."""


def seconds(lab: TunLab, protocol: str, peer: Peer) -> float | None:
    """One run; None where it did not end in time or well."""
    line = peer.line(protocol, lab.target_address(Family.IPV4))
    begun = time.monotonic()
    try:
        done = lab.namespace.run(line, peer.user, PATIENCE_S, environment=ENVIRONMENT, directory=ROOT)
    except subprocess.TimeoutExpired:
        return None
    took = time.monotonic() - begun
    traced = done.returncode == 0 and (peer.read is None or len(peer.read(done.stdout)) >= FEWEST_HOPS)
    return took if traced else None


def measure(lab: TunLab, protocol: str, runs: int, beginning: str) -> list[table.Row]:
    """Every tool that can, in turn, so many times."""
    quicker = [peer.hurried for peer in PEERS if peer.quick]
    asked = [ours("errqueue"), ours("raw", user=User.ROOT), *PEERS, *quicker, NOTHING]
    able = [peer for peer in asked if protocol in peer.arguments and peer.name.startswith(beginning)]
    taken = in_turn(able, functools.partial(seconds, lab, protocol), runs, ENOUGH_S)
    return [table.Row(name, *one) for name, one in taken.items()]


def main() -> None:
    """Measure and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    protocols = sys.argv[2:3] or PROTOCOLS
    path, tool = (*sys.argv[3:5], "", "")[:2]
    for title in (one for one in PATHS if one.startswith(path)):
        with tun_lab(PATHS[title]) as lab:
            for protocol in protocols:
                rows = measure(lab, protocol, runs, tool)
                table.show(f"{title}: {protocol}, {runs} runs in turn", "seconds", rows)


if __name__ == "__main__":
    main()
