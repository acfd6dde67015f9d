"""Packets that leave until a path, or all its parallel ways, are known.

``python -m bench.packets [RUNS [TOOL]]``, where TOOL is how the names of tools begin.

They are counted on the device they leave by, whoever sent them: every packet to the target, a kernel's
answers to it included. What a tool found is any address of a router that stands in what it printed. No time
is measured, so paths are traced at the same time, each in a laboratory of its own; a tool that goes on until
it hears of the target sends more where that takes longer. Needs root.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from bench import table
from bench.measured import COMMAND, ENVIRONMENT, ROOT, clean_path
from bench.peers import PEERS, TTL_ALONE, Peer, ours
from bench.turns import Taken, in_turn
from tests.lab.labkit.capture import capture
from tests.lab.labkit.families import Family
from tests.lab.labkit.namespace import User
from tests.lab.labkit.tun import DEVICE, TunLab, tun_lab
from tracer.sim.load import load

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Executor, Future

PROTOCOLS = ("icmp", "udp", "tcp")
DIAMONDS = {
    "two by two routers, then four": str(ROOT / "tests/scenarios/ecmp.toml"),
    "two by four routers, a silent one, then two": str(ROOT / "tests/scenarios/diamonds.toml"),
}
PATIENCE_S = 60
SETTLE_S = 0.25
"""What a tool left behind, and the kernel's answers to it, is not counted as the next one's."""
ENOUGH_S = 2.5
"""A tool whose runs along one path have taken so long together is not run again."""
AT_ONCE = 12
"""Laboratories at the same time; what runs in them mostly waits."""
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_TARGET_AT = slice(16, 20)
"""The destination in an IPv4 header (RFC 791 section 3.1)."""


class Search(NamedTuple):
    """What one run took and found."""

    packets: int
    told: set[str]
    """Addresses."""


def search(lab: TunLab, line: Sequence[str], user: User) -> Search | None:
    """One run; None where it did not end in time or well."""
    target = bytes(map(int, lab.target_address(Family.IPV4).split(".")))
    with capture(lab.namespace, DEVICE) as tap:
        try:
            done = lab.namespace.run(line, user, PATIENCE_S, environment=ENVIRONMENT, directory=ROOT)
        except subprocess.TimeoutExpired:
            return None
        left = sum(one.outgoing and one.packet[_TARGET_AT] == target for one in tap.packets())
    well = done.returncode == 0 and left > 0
    return Search(left, set(_ADDRESS.findall(done.stdout))) if well else None


class Path(NamedTuple):
    """Where a path is traced, and with what."""

    title: str
    scenario: str
    protocol: str


def along(path: Path, runs: int, beginning: str) -> OnPath:
    """What every tool took for the path, and who may answer at each of its hops."""
    tools = [ours("errqueue"), ours("raw", user=User.ROOT), *(peer.hurried for peer in PEERS)]
    able = [one for one in tools if path.protocol in one.arguments and one.name.startswith(beginning)]
    with tun_lab(path.scenario) as lab:
        hops = list(filter(None, lab.responders(Family.IPV4)))

        def run(tool: Peer) -> Search | None:
            done = search(lab, tool.line(path.protocol, lab.target_address(Family.IPV4)), tool.user)
            time.sleep(SETTLE_S)
            return done if done is not None and _known(done, hops) > len(hops) / 2 else None

        return in_turn(able, run, runs, ENOUGH_S), hops


OnPath = tuple[dict[str, Taken[Search]], list[set[str]]]
"""What every tool took for a path, and who may answer at each of its hops."""
InDiamond = tuple[dict[str, Taken[Search]], set[str]]
"""What every tool took for a diamond, and its parallel routers."""


def begin_paths(pool: Executor, clean: str, runs: int, beginning: str) -> Mapping[Path, Future[OnPath]]:
    """Trace every path with every protocol."""
    titles = {"16 hops that all answer": clean, "16 hops, 100 ms, two silent": "wan"}
    asked = [Path(title, scenario, one) for title, scenario in titles.items() for one in PROTOCOLS]
    return {path: pool.submit(along, path, runs, beginning) for path in asked}


def show_paths(done: Mapping[Path, Future[OnPath]], runs: int) -> None:
    """Packets until a path is known."""
    for path, one_path in done.items():
        taken, hops = one_path.result()
        rows = [
            table.Row(name, [run.packets for run in one.found], _note(one, hops))
            for name, one in taken.items()
        ]
        table.show(f"{path.title}, {path.protocol}: one trace, {runs} runs", "packets", rows, digits=0)


def _known(run: Search, hops: Sequence[set[str]]) -> int:
    return sum(bool(hop & run.told) for hop in hops)


def _note(taken: Taken[Search], hops: Sequence[set[str]]) -> str:
    known = [_known(run, hops) for run in taken.found]
    told = f"told {statistics.fmean(known):.1f} of {len(hops)} hops" if known else ""
    return ", ".join(filter(None, (told, taken.note)))


def _finders() -> list[Peer]:
    """Every tool that looks for parallel ways, with as many flows, or rounds, as its name says."""
    flows = (16, 8, 32)
    fast = ["-i", "100ms", "-g", "100ms"]
    paris = ["-m", "json", "-C", "1", "-g", "100ms", "-R", "paris"]
    trip = ["-m", "flows", "-i", "10ms", "-g", "100ms", "--udp"]
    ttl = [*TTL_ALONE, "--json", "-c", "1", "--timeout", "0.5", "-p", "udp"]
    return [
        _finder(
            "hopscope, UDP as nobody, 16 rounds",
            [*COMMAND, "-m", "json", "-C", "16", *fast, "--udp", "--channel", "errqueue"],
            User.NOBODY,
        ),
        *(
            _finder(f"hopscope, UDP, {n} flows", [*COMMAND, *paris, "--udp", "--flows", str(n)])
            for n in flows
        ),
        _finder(
            "hopscope, ICMP as nobody, 16 flows",
            [*COMMAND, *paris, "--icmp", "--channel", "errqueue", "--flows", "16"],
            User.NOBODY,
        ),
        _finder(
            "scamper tracelb (MDA 95 %)",
            ["scamper", "-O", "json", "-p", "1000", "-c", "tracelb -P UDP-dport -W 15 -w 1", "-i", "TARGET"],
        ),
        *(
            _finder(f"trip {strategy}, {n} rounds", ["trip", *trip, "-R", strategy, "-C", str(n)])
            for strategy in ("paris", "dublin")
            for n in flows[:2]
        ),
        _finder("ttl, 16 flows", ["ttl", *ttl, "--flows", "16"]),
    ]


def _finder(name: str, line: Sequence[str], user: User = User.ROOT) -> Peer:
    return Peer(name, {"-": line[1:]}, user, executable=line[:1])


def all_once(scenario: str, beginning: str) -> InDiamond:
    """What every tool that looks for parallel ways took and found, and which routers there are."""
    with tun_lab(scenario) as lab:

        def run(finder: Peer) -> Search | None:
            return search(lab, finder.line("-", lab.target_address(Family.IPV4)), finder.user)

        parallel = [hop for hop in lab.responders(Family.IPV4) if len(hop) > 1]
        able = [finder for finder in _finders() if finder.name.startswith(beginning)]
        return in_turn(able, run, 1, PATIENCE_S), set().union(*parallel)


def begin_branches(pool: Executor, runs: int, beginning: str) -> Mapping[str, Sequence[Future[InDiamond]]]:
    """Look for the parallel ways through every diamond, so many times."""
    return {
        title: [pool.submit(all_once, scenario, beginning) for _ in range(runs)]
        for title, scenario in DIAMONDS.items()
    }


def show_branches(done: Mapping[str, Sequence[Future[InDiamond]]], runs: int) -> None:
    """Packets until all parallel ways are known, and how often they are."""
    for title, each_run in done.items():
        each = [one.result() for one in each_run]
        rows = [
            table.Row(name, *_packets([taken[name] for taken, _ in each], each[0][1])) for name in each[0][0]
        ]
        table.show(f"{title}: all parallel routers, {runs} runs", "packets", rows, digits=0)


def _packets(taken: Sequence[Taken[Search]], exist: set[str]) -> tuple[list[float], str]:
    """Packets of each run, and what they found."""
    found = [run for one in taken for run in one.found]
    if not found:
        return [], taken[0].note
    known = [len(exist & run.told) for run in found]
    complete = sum(one == len(exist) for one in known)
    failed = f", {len(taken) - len(found)} failed" * (len(found) < len(taken))
    told = (
        f"found {statistics.fmean(known):.1f} of {len(exist)}, all of them in {complete} of {len(found)} runs"
    )
    return [run.packets for run in found], told + failed


def main() -> None:
    """Measure and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    beginning = "".join(sys.argv[2:3])
    load("wan")  # msgspec learns what a scenario is made of: not safe to do in two threads at once
    with clean_path(16) as clean, ThreadPoolExecutor(AT_ONCE) as pool:
        along_paths = begin_paths(pool, clean, min(runs, 3), beginning)
        in_diamonds = begin_branches(pool, runs, beginning)
        show_paths(along_paths, min(runs, 3))
        show_branches(in_diamonds, runs)


if __name__ == "__main__":
    main()
