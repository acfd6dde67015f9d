"""What starting the command takes: to its end, to the first probe on the wire, and in which modules.

``python -m bench.startup [RUNS]``. The first probe is timed from the start of the program, read before it is
executed, to the kernel's stamp on the device it leaves by; ours and the peers in turn. As root; without root
the first probe is left out. Interpreters that do nothing, or import asyncio alone, are yardsticks.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING

from bench import table
from bench.measured import COMMAND, ENVIRONMENT, ROOT
from bench.peers import PEERS, Peer, ours
from tests.lab.labkit.capture import capture
from tests.lab.labkit.families import Family
from tests.lab.labkit.namespace import User
from tests.lab.labkit.tun import DEVICE, tun_lab

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.lab.labkit.capture import Capture
    from tests.lab.labkit.tun import TunLab

BUDGET_MS = 120
PATIENCE_S = 40
LOOKS_EVERY_S = 0.1
"""For whether a program that sends nothing has ended."""
HEAVIEST = 10
MINIMAL = ("127.0.0.1", "-m", "json", "-C", "1")

WHOLE: Mapping[str, Sequence[str]] = {
    "interpreter alone": (sys.executable, "-c", "pass"),
    "import asyncio": (sys.executable, "-c", "import asyncio"),
    "hopscope --version": (*COMMAND, "--version"),
    "hopscope --help": (*COMMAND, "--help"),
    "hopscope -m json, loopback": (*COMMAND, *MINIMAL),
}
"""What is run to its end; the first is what the others are compared with."""

TELLS_TIME = ("sh", "-c", 'date +%s%N >&2; exec "$@"', "sh")
"""Writes CLOCK_REALTIME in nanoseconds, and becomes the program that follows by way of setpriv: what stands
in root's home is out of nobody's reach, but setpriv executes it with the rights it had."""


def in_turn(
    measures: Mapping[str, Callable[[], float | None]], runs: int
) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Every measure so many times, in turn; the values of each, and how many runs gave none."""
    values: dict[str, list[float]] = {name: [] for name in measures}
    failed: dict[str, int] = dict.fromkeys(measures, 0)
    for _ in range(runs):
        for name, measure in measures.items():
            value = measure()
            if value is None:
                failed[name] += 1
            else:
                values[name].append(value)
    return values, failed


def ends_ms(command: Sequence[str]) -> float:
    """From the start of a program to its end."""
    begun = time.monotonic_ns()
    subprocess.run(command, check=True, timeout=PATIENCE_S, env=ENVIRONMENT, cwd=ROOT, capture_output=True)
    return (time.monotonic_ns() - begun) / 1e6


def first_probe_ms(lab: TunLab, peer: Peer) -> float | None:
    """From the start of a program to its first packet on the device, then it is stopped; None without one."""
    target = lab.target_address(Family.IPV4)
    line = lab.namespace.command(peer.line("icmp", target), peer.user)
    inside = line.index(lab.namespace.name) + 1
    timed = [*line[:inside], *TELLS_TIME, *line[inside:]]
    with (
        capture(lab.namespace, DEVICE) as tap,
        subprocess.Popen(
            timed, env=ENVIRONMENT, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        at_ns = _first_sent_ns(tap, target, process)
        process.terminate()
        _, told = process.communicate(timeout=PATIENCE_S)
        return None if at_ns is None else (at_ns - int(told.splitlines()[0])) / 1e6


def _first_sent_ns(tap: Capture, target: str, process: subprocess.Popen[str]) -> int | None:
    """When the first packet to the target left; None where the program ended without."""
    running, until = True, time.monotonic() + PATIENCE_S
    while running and time.monotonic() < until:
        running = process.poll() is None
        if tap.waits(LOOKS_EVERY_S):
            for one in tap.packets():
                if one.outgoing and _goes_to(target, one.packet):
                    return one.at_ns
    return None


def _goes_to(target: str, packet: bytes) -> bool:
    """An IPv4 packet with this destination."""
    return packet[0] >> 4 == 4 and packet[16:20] == socket.inet_aton(target)


def own_times_ms(command: Sequence[str]) -> dict[str, float]:
    """Milliseconds of every module itself, without those it imports, as the interpreter says."""
    line = [sys.executable, "-X", "importtime", *command]
    done = subprocess.run(
        line, check=True, timeout=PATIENCE_S, env=ENVIRONMENT, cwd=ROOT, capture_output=True, text=True
    )
    rows = [text.removeprefix("import time:").split("|") for text in done.stderr.splitlines()]
    return {row[2].strip(): int(row[0]) / 1000 for row in rows if len(row) == 3 and row[0].strip().isdigit()}


def show_whole(runs: int) -> None:
    """The command and the yardsticks, to their end."""
    values, _ = in_turn({name: partial(ends_ms, line) for name, line in WHOLE.items()}, runs)
    rows = [table.Row(name, times) for name, times in values.items()]
    table.show(f"start to end, {runs} runs in turn", "ms", rows)


def show_first_probe(runs: int) -> None:
    """Ours and every peer that traces with ICMP."""
    json = ("-m", "json")
    asked = [ours("errqueue", *json), ours("raw", *json, user=User.ROOT), *PEERS]
    asked = [peer for peer in asked if "icmp" in peer.arguments]
    with tun_lab("lan") as lab:
        able = {peer.name: peer for peer in asked if peer.installed}
        measures = {name: partial(first_probe_ms, lab, peer) for name, peer in able.items()}
        values, failed = in_turn(measures, runs)
    rows = [table.Row(name, values[name], _note(name, values[name], failed[name])) for name in able]
    rows += [table.Row(peer.name, (), "not installed") for peer in asked if not peer.installed]
    table.show(f"start to the first probe on the wire, ICMP, {runs} runs in turn", "ms", rows)


def _note(name: str, times: Sequence[float], failed: int) -> str:
    missing = f"{failed} runs sent nothing" if failed else ""
    if not times or not name.startswith("hopscope"):
        return missing
    return " ".join(filter(None, (table.mark(statistics.median(times), BUDGET_MS), missing)))


def show_imports(runs: int) -> None:
    """The modules that take longest by themselves; under the profile everything takes longer."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(runs):
        times = own_times_ms(("-m", "tui", *MINIMAL))
        found["all together"].append(sum(times.values()))
        for name, own in times.items():
            found[name].append(own)
    heaviest = sorted(found, key=lambda name: -statistics.median(found[name]))[: HEAVIEST + 1]
    title = (
        f"own time of the {HEAVIEST} heaviest of {len(found) - 1} modules, {' '.join(MINIMAL)}, {runs} runs"
    )
    table.show(title, "ms", [table.Row(name, found[name]) for name in heaviest])


def main() -> None:
    """Measure and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    ends_ms(WHOLE["hopscope -m json, loopback"])  # the sources are compiled and cached
    show_whole(runs)
    if os.geteuid() == 0:
        show_first_probe(runs)
    show_imports(runs)


if __name__ == "__main__":
    main()
