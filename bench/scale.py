"""How much one process can take: ``python -m bench.scale [SECONDS [ROUNDS [CHANNEL]]]``.

First the path of an answer alone, fed from memory: what each part of it takes (decoding with its checksum,
matching and the event, the statistics), then all of it at offered rates. Then, as root only, the whole
command with 64 targets of 16 hops each over one channel, one round a second, on a TUN device in a namespace
of its own: its CPU time and its memory.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import subprocess
import sys
import time
from statistics import median
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from bench import table
from bench.measured import COMMAND, ENVIRONMENT, ROOT
from tracer.config import ProtocolChoice, TraceConfig
from tracer.engine.engine import Engine
from tracer.engine.ports import port_plans
from tracer.engine.spec import TraceSpec
from tracer.interfaces import SendProbe, Sent, TransmitStamp
from tracer.model import (
    Address,
    Family,
    PacketShape,
    Protocol,
    Reply,
    SourceInfo,
    Stamp,
    StampClock,
    TargetInfo,
    TraceId,
)
from tracer.stats.tracker import Tracker
from tracer.wire.build import icmp_error, probe_packet
from tracer.wire.decode import decode_reply
from tracer.wire.icmp import IcmpError
from tracer.wire.ip import forwarded

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from tests.lab.labkit.tun import TunLab

Measured = TypeVar("Measured")

OFFERED = (1_000, 10_000, 100_000, 500_000, 1_000_000)
"""Answers per second."""
SOURCE, ROUTER, TARGET = Address("198.18.0.1"), Address("198.18.1.1"), Address("203.0.113.80")
BATCH = 256
"""So many answers are prepared at a time, outside of what is measured."""
RUNS = 5
"""Every figure is the median of so many runs, each with an engine of its own."""


class Parts(NamedTuple):
    """What the parts of an answer's path take, in microseconds of CPU time."""

    decode: float
    event: float
    """Finding the probe, comparing the quote, making the event, what the engine learns from it."""
    statistics: float

    @property
    def whole(self) -> float:
        """From bytes to numbers."""
        return sum(self)


class Answers:
    """An engine with probes on their way, and the packets that answer them.

    As over the raw channel: every answer quotes the probe, whose packet the engine has been told.
    """

    def __init__(self) -> None:
        config = TraceConfig(protocol=ProtocolChoice.UDP, max_rate=100_000, max_inflight=255, max_ttl=254)
        spec = TraceSpec(
            trace=TraceId(0),
            label=TARGET,
            target=TARGET,
            protocol=Protocol.UDP,
            shape=PacketShape(size=84),
            first_sequence=1,
            source=SourceInfo(SOURCE, None),
        )
        self._now = 0
        plans = port_plans(Protocol.UDP, Family.IPV4, config, range(40000, 50000), 1)
        self._engine = Engine(spec, config, plans, 0)
        self._tracker = Tracker(TargetInfo(label=TARGET, query=TARGET, address=TARGET))

    def prepare(self) -> list[bytes]:
        """Send a batch of probes; returns their answers."""
        packets: list[bytes] = []
        while len(packets) < BATCH:
            self._now += 1_000_000
            self._engine.tick(self._now)
            for command in self._engine.take_commands():
                if isinstance(command, SendProbe):
                    probe, left = command.probe, Stamp(self._now, StampClock.KERNEL)
                    self._engine.answer(command, Sent(left, probe.source_port), self._now)
                    packet = probe_packet(probe, SOURCE)
                    stamp = TransmitStamp(
                        protocol=probe.protocol,
                        destination=probe.target,
                        identity=probe.identity,
                        mark=probe.mark,
                        at=left,
                        packet=packet,
                    )
                    self._engine.receive(stamp, self._now)
                    quote = forwarded(packet, ttl=1, tos=0)
                    packets.append(icmp_error(IcmpError.TIME_EXCEEDED, ROUTER, SOURCE, quote))
        for event in self._engine.take_events():
            self._tracker.apply(event)
        return packets

    def take(self, packet: bytes) -> None:
        """The path of one answer, from bytes to numbers."""
        reply = decode_reply(packet, Stamp(self._now, StampClock.KERNEL))
        if isinstance(reply, Reply):
            self._engine.receive(reply, self._now)
            for event in self._engine.take_events():
                self._tracker.apply(event)

    def take_apart(self, packets: list[bytes]) -> Parts:
        """The same for a batch, part by part."""
        rx = Stamp(self._now, StampClock.KERNEL)
        begun = time.thread_time_ns()
        replies = [decode_reply(packet, rx) for packet in packets]
        decoded = time.thread_time_ns()
        for reply in replies:
            if isinstance(reply, Reply):
                self._engine.receive(reply, self._now)
        events = self._engine.take_events()
        told = time.thread_time_ns()
        for event in events:
            self._tracker.apply(event)
        counted = time.thread_time_ns()
        each = 1000 * len(packets)
        return Parts((decoded - begun) / each, (told - decoded) / each, (counted - told) / each)


class Load(NamedTuple):
    """What became of an offered rate."""

    rate: float
    """Answers per second of the time that was spent on them."""
    late: float
    """Share of answers that would have been overtaken by more than a batch: what a real queue loses."""
    mean_us: float
    p99_us: float


def offer(rate: int, seconds: float) -> Load:
    """Feed answers at a rate for so long; the clock stands still while the next batch is prepared."""
    answers = Answers()
    spent = due = 0.0
    latencies: list[float] = []
    taken = late = 0
    while due < seconds and spent < 4 * seconds:
        for packet in answers.prepare():
            spent = max(spent, due)
            begun = time.thread_time()
            answers.take(packet)
            spent += time.thread_time() - begun
            latencies.append((spent - due) * 1e6)
            late += spent - due > BATCH / rate
            due += 1 / rate
            taken += 1
    return Load(taken / spent, late / taken, sum(latencies) / taken, table.percentile(latencies, 0.99))


def parts(seconds: float) -> Parts:
    """What each part takes: the least of many batches, as whatever else the machine does only adds to it."""
    answers, batches, begun = Answers(), list[Parts](), time.thread_time()
    while not batches or time.thread_time() - begun < seconds:
        batches.append(answers.take_apart(answers.prepare()))
    return Parts(*(min(part) for part in zip(*batches, strict=True)))


def _in_turn(measure: Callable[[], Measured]) -> list[Measured]:
    runs = []
    for _ in range(RUNS):
        gc.collect()
        runs.append(measure())
    return runs


def decoder(seconds: float) -> None:
    """The path of an answer: its parts, then all of it at every offered rate."""
    runs = _in_turn(lambda: parts(seconds / RUNS))
    rows = [table.Row(name, [getattr(run, name) for run in runs]) for name in ("whole", *Parts._fields)]
    table.show(f"One answer, from memory, one core: medians of {RUNS} runs", "us", rows)
    columns = f"{'taken/s':>10} {'least':>9} {'most':>9} {'late':>7} {'mean us':>9} {'p99 us':>9}"
    print(f"\n  {'offered/s':>10} {columns}")
    for rate in OFFERED:
        loads = _in_turn(lambda rate=rate: offer(rate, seconds / RUNS))  # type: ignore[misc]
        middle = Load(*(median(figures) for figures in zip(*loads, strict=True)))
        rates = f"{middle.rate:10,.0f} {min(loads).rate:9,.0f} {max(loads).rate:9,.0f}"
        waited = f"{middle.mean_us:9,.1f} {middle.p99_us:9,.1f}"
        print(f"  {rate:10,} {rates} {middle.late:7.1%} {waited}", flush=True)
    print(f"  {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB in all")


SCENARIO = ROOT / "tests/scenarios/many.toml"
TARGETS, HOPS = 64, 16
ROUNDS = 10
CHANNELS = {"raw": ("icmp", "udp", "tcp"), "errqueue": ("icmp", "udp", "tcp"), "scapy": ("icmp",)}


class Cost(NamedTuple):
    """What one run took."""

    cpu_s: float
    peak_mb: float
    answered: float
    """Share of the probes on the path that were answered."""


def many_targets(rounds: int, channels: Collection[str]) -> None:
    """CPU and memory of so many targets at one round a second, by channel and protocol."""
    from tests.lab.labkit.tun import DEVICE, tun_lab  # noqa: PLC0415 - only where there is a laboratory

    print(
        f"\n{TARGETS} targets, {HOPS} hops each, one process, one round a second: {TARGETS * HOPS} probes/s"
    )
    print(f"  {'':16} {'CPU %':>7} {'us/probe':>9} {'peak MB':>8} {'answered':>9}")
    with tun_lab(str(SCENARIO)) as lab:
        lab.namespace.ip(f"link set {DEVICE} txqueuelen 10000")
        for channel in channels:
            for protocol in CHANNELS[channel]:
                begun, whole = (_cost(lab, channel, protocol, number) for number in (1, 1 + rounds))
                busy = (whole.cpu_s - begun.cpu_s) / rounds
                each = busy / (TARGETS * HOPS) * 1e6
                figures = f"{busy:7.1%} {each:9.0f} {whole.peak_mb:8.0f} {whole.answered:9.2%}"
                print(f"  {channel:9}{protocol:7} {figures}", flush=True)


def _cost(lab: TunLab, channel: str, protocol: str, rounds: int) -> Cost:
    """One run to its end; what it takes to start is in it."""
    from tests.lab.labkit.namespace import User  # noqa: PLC0415 - only where there is a laboratory

    asked = ("-m", "json", "--channel", channel, "-p", protocol, "-C", str(rounds), "-U", str(HOPS))
    command = [*COMMAND, *asked, *map(str, lab.scenario.target.addresses)]
    user = User.NOBODY if channel == "errqueue" else User.NET_RAW
    with subprocess.Popen(
        lab.namespace.command(command, user), stdout=subprocess.PIPE, env=ENVIRONMENT, cwd=ROOT
    ) as process:
        reports = json.loads(process.stdout.read() if process.stdout else b"")
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    hops = [hop for report in reports for hop in report["hops"]]
    answered = sum(hop["received"] for hop in hops) / sum(hop["sent"] for hop in hops)
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, answered)


def main() -> None:
    """Measure and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    decoder(seconds)
    if os.geteuid() == 0:
        rounds = int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
        many_targets(rounds, sys.argv[3:] or CHANNELS)


if __name__ == "__main__":
    main()
