"""How long a trace takes once, from the start of the process to its end: ``python -m bench.one_shot [RUNS]``.

The tools run in turn on the same path; its floor is one round trip. Needs root for the path.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench import table
from bench.measured import ENVIRONMENT, ROOT
from bench.peers import PEERS, Peer, ours
from tests.lab.labkit.families import Family
from tests.lab.labkit.namespace import User
from tests.lab.labkit.tun import tun_lab

if TYPE_CHECKING:
    from tests.lab.labkit.tun import TunLab

PATHS = {
    "16 hops, 100 ms, two silent, one losing 40 %": str(Path(__file__).parent / "paths/wan-loss.toml"),
    "5 hops, 1.2 ms": "lan",
}
NOTHING = Peer("nothing", {"-": []}, executable=["true"])
PATIENCE_S = 40
FEWEST_HOPS = 5
"""A tool that tells fewer has not traced either path."""


def seconds(lab: TunLab, peer: Peer, protocol: str) -> float | None:
    """One run; None where it did not end in time or well."""
    line = peer.line(protocol, lab.target_address(Family.IPV4))
    begun = time.monotonic()
    done = lab.namespace.run(line, peer.user, PATIENCE_S, environment=ENVIRONMENT, directory=ROOT)
    took = time.monotonic() - begun
    traced = peer.read is None or len(peer.read(done.stdout)) >= FEWEST_HOPS
    return took if done.returncode == 0 and traced else None


def measure(lab: TunLab, protocol: str, runs: int) -> list[table.Row]:
    """Every tool that can, in turn, so many times."""
    asked = [ours("errqueue"), ours("raw", user=User.ROOT), *PEERS]
    able = [peer for peer in asked if protocol in peer.arguments and peer.installed]
    values: dict[str, list[float]] = {peer.name: [] for peer in able}
    failed: set[str] = set()
    for _ in range(runs):
        for peer in able:
            took = None if peer.name in failed else seconds(lab, peer, protocol)
            if took is None:
                failed.add(peer.name)
            else:
                values[peer.name].append(took)
    missing = [peer for peer in asked if protocol in peer.arguments and not peer.installed]
    return [
        *(table.Row(name, times, "" if times else "did not end well") for name, times in values.items()),
        *(table.Row(peer.name, (), "not installed") for peer in missing),
    ]


def main() -> None:
    """Measure and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    for title, scenario in PATHS.items():
        with tun_lab(scenario) as lab:
            idle = [seconds(lab, NOTHING, "-") or 0 for _ in range(runs)]
            for protocol in ("icmp", "udp", "tcp"):
                rows = measure(lab, protocol, runs)
                table.show(
                    f"{title}: {protocol}, {runs} runs in turn",
                    "seconds",
                    [*rows, table.Row("nothing, in the same place", idle)],
                )


if __name__ == "__main__":
    main()
