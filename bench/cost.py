"""What a probe costs in steady state, and what a process needs of memory.

``python -m bench.cost [PROBES [ROUNDS [RUNS]]]``: so many probes for the growth of memory, rounds and runs
for the time of one. Growth over a million probes is ``python -m bench.cost 1000000``.

CPU time is the process's own, that of a short run taken off, so that start-up does not count. The growth of
memory is measured over many probes in the in-memory internet, in virtual time. The first table needs root.
"""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import tracer
from bench import table
from bench.measured import COMMAND, ENVIRONMENT, ROOT
from tests.lab.labkit.families import Family
from tests.lab.labkit.namespace import User
from tests.lab.labkit.tun import tun_lab

if TYPE_CHECKING:
    from collections.abc import Sequence

SHORT = 5
"""Rounds of the run that is taken off."""
ROUNDS = 150
"""So many more has the one it is taken off from."""
PROBES = 200_000
PATH = "clean"
RUNS = 3
CPU_US, HEADLESS_MB = 80.0, 35.0
"""What a probe may cost, and what a process may hold."""
SETTLED = 100_000
"""After so many probes every window is full."""
MEGABYTE = 1 << 20


class Spent(NamedTuple):
    """What one process used."""

    cpu_s: float
    peak_mb: float


def spend(line: Sequence[str]) -> Spent:
    """Run a command to its end."""
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, env=ENVIRONMENT, cwd=ROOT)
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0
    return Spent(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def per_probe(channel: str, user: User, protocol: str, more: int, runs: int) -> tuple[list[float], float]:
    """Microseconds of CPU per probe, once per run, and the peak of memory in MB."""
    found, peak = [], 0.0
    with tun_lab(PATH) as lab:
        hops = len(lab.scenario.hops) + 1

        def run(rounds: int) -> Spent:
            options = ["-m", "json", f"--{protocol}", "--channel", channel, "-C", str(rounds)]
            fast = ["-i", "30ms", "-T", "50ms", "-g", "10ms", "--max-rate", "10000"]
            target = lab.target_address(Family.IPV4)
            return spend(lab.namespace.command([*COMMAND, target, *options, *fast], user))

        for _ in range(runs):
            short, long = run(SHORT), run(SHORT + more)
            found.append((long.cpu_s - short.cpu_s) * 1e6 / (more * hops))
            peak = max(peak, long.peak_mb)
    return found, peak


async def growth(probes: int) -> tuple[float, float, float]:
    """Resident MB after the windows have filled and at the end, and CPU microseconds per probe between."""
    sent = 0
    filled_mb = begun_s = 0.0
    options = tracer.TraceConfig(max_rate=100_000)
    async with tracer.trace(sim=PATH, config=options, clock=tracer.VirtualClock()) as trace:
        async for event in trace:
            sent += isinstance(event, tracer.ProbeSent)
            if sent == min(SETTLED, probes // 2) and not filled_mb:
                filled_mb, begun_s = _resident_mb(), time.process_time()
            if sent >= probes:
                break
    spent_us = (time.process_time() - begun_s) * 1e6 / max(probes - min(SETTLED, probes // 2), 1)
    return filled_mb, _resident_mb(), spent_us


def _resident_mb() -> float:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / MEGABYTE


def main() -> None:
    """Measure and print."""
    given = [int(one) for one in sys.argv[1:]]
    probes, rounds, runs = (*given, *(PROBES, ROUNDS, RUNS)[len(given) :])
    if os.geteuid() == 0:
        rows = []
        for channel, user in (("errqueue", User.NOBODY), ("raw", User.ROOT)):
            for protocol in ("icmp", "udp", "tcp"):
                found, peak = per_probe(channel, user, protocol, rounds, runs)
                marks = f"{table.mark(statistics.median(found), CPU_US)} us"
                memory = f"{peak:.0f} MB resident at most: {table.mark(peak, HEADLESS_MB)} MB"
                rows.append(table.Row(f"{channel}, {protocol}", found, f"{marks}; {memory}"))
        table.show("CPU per probe: sending, its answer, the numbers", "us", rows, digits=0)
    filled, end, spent = asyncio.run(growth(probes))
    print(f"\nMemory over {probes} probes in the in-memory internet")
    print(f"  resident with windows full {filled:8.1f} MB")
    print(f"  resident at the end        {end:8.1f} MB   {table.mark(end, HEADLESS_MB)} MB")
    print(
        f"  growth                     {end - filled:+8.1f} MB   {table.mark(round(end - filled, 1), 0)} MB"
    )
    print(f"  engine, statistics, simulator and reading program: {spent:.0f} us of CPU per probe")


if __name__ == "__main__":
    main()
