"""What a probe costs, from the decision to its number: ``python -m bench.sending [SECONDS [ROW...]]``.

Whole traces of many targets over one channel, on a path of kernel routers whose work is steered to the last
core while this program keeps to the first: the CPU time told is its own. Three tables: channels and protocols
at about 1000 probes a second, 256 targets of 16 hops at one round a second, and rates offered to one channel
until something gives. Needs root. Prints; judges nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bench.measured import ENVIRONMENT, ROOT
from tests.lab.labkit.chain import NEAR, Chain, chain
from tracer import prepare
from tracer.config import MS, ChannelChoice, ProtocolChoice, TraceConfig
from tracer.events import DuplicateReply, Event, Health, Load, ProbeSent, ReplyReceived, SendFailed
from tracer.report.fold import Fold
from tracer.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUTERS = 15
HOPS = ROUTERS + 1
WARM_UP_S = 3.7
"""By then every window knows where its path ends, and most code has been specialised. Rounds of a second have
sent what they will, so that a window of whole seconds holds whole rounds."""
SETTLE_S = 1.0
"""So long after the window its probes may still be answered."""
NEVER_NS = 1 << 62
MANY = 256
OFFERED = ((64, 1000), (128, 1000), (256, 800), (256, 400), (256, 200))
"""Targets, and milliseconds from one of their rounds to the next."""
WAYS = (
    ("errqueue", "icmp"), ("errqueue", "udp"), ("errqueue", "tcp"),
    ("raw", "icmp"), ("raw", "udp"), ("raw", "tcp"),
)  # fmt: skip
OURS, THEIRS = 0, (os.cpu_count() or 1) - 1
"""The core of this program, and that of the routers."""


class Offer(msgspec.Struct, frozen=True):
    """What one run is asked for."""

    channel: str
    protocol: str
    targets: int
    interval_ms: int
    seconds: float

    @property
    def rate(self) -> float:
        """Probes per second."""
        return self.targets * HOPS * 1000 / self.interval_ms


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it in the measured seconds."""

    user_s: float
    system_s: float
    sent: int
    answered: int
    refused_here: int
    kernel_drops: int
    waited_s: float
    """How long it was kept from its core by other programs: what it did not send then is not its doing."""
    lag_ms: float
    """How late this program woke at the worst; rounds of all targets begin at once."""
    peak_mb: float

    @property
    def busy_s(self) -> float:
        """CPU time of the process."""
        return self.user_s + self.system_s


class Tally:
    """What became of the probes that left in a window of the session's clock; costs 0.3 us an event."""

    def __init__(self) -> None:
        self.begin_ns, self.end_ns = NEVER_NS, NEVER_NS
        self.sent = self.answered = self.refused_here = self.kernel_drops = self.lag_ns = 0

    def hear(self, events: Sequence[Event]) -> None:
        """Take the next events."""
        for event in events:
            if isinstance(event, ProbeSent):
                self.sent += self.begin_ns <= event.tx.ns < self.end_ns
            elif isinstance(event, ReplyReceived):
                first = not isinstance(event, DuplicateReply)
                self.answered += first and self.begin_ns <= event.tx.ns < self.end_ns
            elif event.at_ns < self.begin_ns:
                continue
            elif isinstance(event, SendFailed):
                self.refused_here += 1
            elif isinstance(event, Health):
                self.kernel_drops += event.kernel_drops
            elif isinstance(event, Load) and event.at_ns < self.end_ns:
                self.lag_ns = max(self.lag_ns, event.lag_ns)


def waited_s() -> float:
    """How long this process was ready to run and did not (proc(5), schedstat)."""
    return int(Path("/proc/self/schedstat").read_text(encoding="ascii").split()[1]) / 1e9


async def trace(offer: Offer) -> Found:
    """Trace inside the lab; the start and the end are not measured."""
    config = TraceConfig(
        channel=ChannelChoice(offer.channel),
        protocol=ProtocolChoice(offer.protocol),
        min_round_duration_ns=offer.interval_ms * MS,
        max_round_duration_ns=offer.interval_ms * MS,
        max_rate=10_000,
        max_ttl=HOPS,
    )
    targets = [f"198.19.0.{number}" for number in range(offer.targets)]
    sockets = prepare.open_privileged(config.channel)
    prepared = await prepare.real(targets, config, sockets)
    fold, tally = Fold(), Tally()
    session = Session(prepared, config, [fold.apply, tally.hear])
    running = asyncio.create_task(session.run())
    await asyncio.sleep(WARM_UP_S)
    tally.begin_ns = prepared.clock.now_ns()
    begun, waited = resource.getrusage(resource.RUSAGE_SELF), waited_s()
    await asyncio.sleep(offer.seconds)
    ended, waited = resource.getrusage(resource.RUSAGE_SELF), waited_s() - waited
    tally.end_ns = prepared.clock.now_ns()
    await asyncio.sleep(SETTLE_S)
    session.stop()
    await running
    prepared.channel.close()
    return Found(
        user_s=ended.ru_utime - begun.ru_utime,
        system_s=ended.ru_stime - begun.ru_stime,
        sent=tally.sent,
        answered=tally.answered,
        refused_here=tally.refused_here,
        kernel_drops=tally.kernel_drops,
        waited_s=waited,
        lag_ms=tally.lag_ns / MS,
        peak_mb=ended.ru_maxrss / 1024,
    )


def run(path: Chain, offer: Offer) -> Found:
    """One run in a process of its own."""
    asked = ["taskset", "-c", str(OURS), sys.executable, "-m", "bench.sending"]
    done = subprocess.run(
        path.source.command([*asked, msgspec.json.encode(offer).decode()]),
        env=ENVIRONMENT, cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=60 + 2 * offer.seconds,
    )  # fmt: skip
    return msgspec.json.decode(done.stdout, type=Found)


def prepare_path(path: Chain) -> None:
    """Give the path its targets, and the routers' work to another core."""
    for line in ("route add local 198.19.0.0/24 dev lo", "-6 route add local 2001:db8:7f00::/48 dev lo"):
        path.target.run(["ip", *line.split()])
    path.target.write_sysctls({"net.ipv4.icmp_ratemask": "0"})
    path.source.write_sysctls({"net.ipv4.ping_group_range": "0 65534"})
    steer = f"echo {1 << THEIRS:x} > /sys/class/net/{NEAR}/queues/rx-0/rps_cpus"
    path.routers[0].run(["sh", "-c", steer])


def line(name: str, offer: Offer, found: Found) -> None:
    """One row."""
    wanted = offer.rate * offer.seconds
    each, kernel = found.busy_s / max(found.sent, 1) * 1e6, found.system_s / max(found.sent, 1) * 1e6
    print(
        f"  {name:16} {found.sent / offer.seconds:8,.0f} {found.sent / wanted:7.1%}"
        f" {found.answered / max(found.sent, 1):9.2%} {found.refused_here:7} {found.kernel_drops:7}"
        f" {found.busy_s / offer.seconds:7.1%} {found.waited_s / offer.seconds:7.1%} {each:9.1f}"
        f" {kernel:7.1f} {found.lag_ms:7.1f}"
        f" {found.peak_mb:6.0f}",
        flush=True,
    )


def head(title: str) -> None:
    """The head of a table."""
    print(f"\n{title}")
    print(
        f"  {'':16} {'sent/s':>8} {'of it':>7} {'answered':>9} {'refused':>7} {'dropped':>7} {'CPU':>7}"
        f" {'waited':>7} {'us/probe':>9} {'kernel':>7} {'lag ms':>7} {'MB':>6}"
    )


def tables(seconds: float) -> dict[str, list[tuple[str, Offer]]]:
    """The rows of each table, by its heading."""
    return {
        "About 1000 probes a second: 64 targets, 16 hops, one round a second": [
            (f"{channel} {protocol}", Offer(channel, protocol, 64, 1000, seconds))
            for channel, protocol in WAYS
        ],
        f"{MANY} targets, 16 hops, one round a second": [
            (f"{channel} {protocol}", Offer(channel, protocol, MANY, 1000, seconds))
            for channel, protocol in WAYS
        ],
        "Offered to one channel: raw, icmp": [
            (f"{offer.rate:,.0f}/s", offer)
            for offer in (Offer("raw", "icmp", targets, ms, seconds) for targets, ms in OFFERED)
        ],
    }


def main(seconds: float, rows: Sequence[str]) -> None:
    """Measure and print the rows of these names, or all."""
    with chain(ROUTERS) as path:
        prepare_path(path)
        for heading, offers in tables(seconds).items():
            head(heading)
            for name, offer in offers:
                if not rows or name in rows:
                    line(name, offer, run(path, offer))


if __name__ == "__main__":
    argument = sys.argv[1] if len(sys.argv) > 1 else "5"
    if argument.startswith("{"):
        print(json.dumps(msgspec.to_builtins(asyncio.run(trace(msgspec.json.decode(argument, type=Offer))))))
    else:
        main(float(argument), sys.argv[2:])
