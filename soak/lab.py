"""An hour at 100 probes a second on the kernel lab: ``python -m soak.lab [--seconds S]`` (root).

Ten kernel routers without limits; the real command, headless as nobody over all three protocols, its events
compared with a packet capture on the device the probes leave by. Every lost probe has to be explained: it was
not seen leaving, or no answer to it was seen coming. Every answer told of has to have been seen, too. Ends by
itself; its namespaces go with it, whatever ends it.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import sys
import time
from collections import Counter, defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.table import percentile
from soak import sizes
from tests.lab.labkit.capture import capture
from tests.lab.labkit.chain import SOURCE_DEVICE, chain
from tests.lab.labkit.families import Family
from tests.lab.labkit.namespace import User, remove_leftovers
from tests.lab.labkit.packets import Key, reply_key, sent_key
from tests.lab.labkit.product import ENVIRONMENT, ROOT, hopscope_command

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from subprocess import Popen
    from types import FrameType

    from soak.sizes import Size
    from tests.lab.labkit.capture import Captured
    from tests.lab.labkit.chain import Chain

ROUTERS = 10
PROTOCOLS = {"icmp": 1, "udp": 17, "tcp": 6}
"""IP protocol numbers; a third of the probes each."""
ROUND_S = 3 * (ROUTERS + 1) / 100
TCP_CLOSED = 81
"""A port that refuses: an open one would keep every connection waiting in its listener's queue."""
SETTLED_S = 5.0
"""Until a probe is judged: what was on its way is here, in the capture as in the log."""
NEAR_S = 1.0
"""Identities come again: a packet is a probe's if it left so near to when the probe is told to have left."""
RETRANSMITTED_S = 3.5
"""An unanswered SYN is sent again by the kernel after one second, and after two more."""
PING_ALLOWED = {"net.ipv4.ping_group_range": "0 2147483647"}
GRACE_S, LATER = 30.0, 1.1
"""How much longer than asked the commands may take: a round of a busy machine begins late, and so does the
next one (an hour took 1.5 % longer on a machine with three times the work it had cores for)."""


class Probe(NamedTuple):
    """One probe as the command tells of it."""

    key: Key
    sent_s: float
    """Seconds of the wall clock."""
    told_s: float
    """Of the monotonic clock: when it was told what became of it."""


class Minute:
    """What was told and seen in one stretch of the run."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()
        self.unexplained: list[str] = []
        self.lag_ms: list[float] = []
        self.cpu_ns = 0
        self.memory: dict[str, int] = {}

    def take(self, other: Minute) -> None:
        """Add another stretch."""
        self.count.update(other.count)
        self.unexplained += other.unexplained
        self.lag_ms += other.lag_ms
        self.cpu_ns += other.cpu_ns
        self.memory.update(other.memory)


class Packet:
    """A probe that was seen leaving."""

    __slots__ = ("answered", "left_s")

    def __init__(self, left_s: float) -> None:
        self.left_s = left_s
        self.answered = False


class Seen:
    """What passed the device, by what probe and answer have in common."""

    def __init__(self) -> None:
        self._left: defaultdict[Key, list[Packet]] = defaultdict(list)

    def take(self, packets: Iterable[Captured], minute: Minute) -> None:
        """Enter what was captured since the last time."""
        for one in packets:
            at_s = one.at_ns / 1e9
            if one.outgoing and (key := sent_key(one.packet)) is not None:
                self._take_sent(key, at_s, minute)
            elif not one.outgoing and (key := reply_key(one.packet)) is not None and self._left[key]:
                last = self._left[key][-1]
                minute.count["came"] += not last.answered
                last.answered = True

    def _take_sent(self, key: Key, at_s: float, minute: Minute) -> None:
        before = self._left[key][-1:]
        again = key.protocol == PROTOCOLS["tcp"] and any(
            not packet.answered and at_s < packet.left_s + RETRANSMITTED_S for packet in before
        )
        if not again:
            minute.count["left"] += 1
            self._left[key].append(Packet(at_s))

    def packet_of(self, probe: Probe) -> Packet | None:
        """The packet that a probe was; None where none was seen leaving."""
        near = [one for one in self._left[probe.key] if abs(one.left_s - probe.sent_s) < NEAR_S]
        return min(near, key=lambda one: abs(one.left_s - probe.sent_s), default=None)


class Told:
    """What one command tells, as it comes."""

    def __init__(self, protocol: str, process: Popen[str]) -> None:
        self.protocol = protocol
        self.process = process
        self.ended = False
        self._rest = b""
        self._start_s = 0.0
        self._sent_s: dict[tuple[int, int], float] = {}
        self._lost: dict[tuple[int, int], Probe] = {}
        self._answered: dict[tuple[int, int], Probe] = {}

    def read(self, minute: Minute) -> None:
        """What has come; ``ended`` is set at the end."""
        assert self.process.stdout is not None  # noqa: S101 - it was opened as a pipe
        chunk = os.read(self.process.stdout.fileno(), 1 << 16)
        self.ended = not chunk
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self.enter(json.loads(line), minute)

    def enter(self, event: dict[str, Any], minute: Minute) -> None:
        """One line of the stream."""
        kind = event["event"]
        if kind == "load":
            minute.lag_ms.append(event["lag_ns"] / 1e6)
            minute.cpu_ns += event["cpu_ns"]
            minute.memory[self.protocol] = event["memory"] or 0
            return
        minute.count[kind] += 1
        if kind == "trace_started":
            self._start_s = datetime.fromisoformat(event["started_at"]).timestamp() - event["at_ns"] / 1e9
        elif kind == "probe_sent":
            self._sent_s[_number(event)] = self._start_s + event["tx"]["ns"] / 1e9
        elif kind == "probe_lost":
            self._lost[_number(event)] = self._probe(event)
        elif kind == "reply":
            self._answered[_number(event)] = self._probe(event)
        elif kind == "late" and (probe := self._lost.pop(_number(event), None)) is not None:
            self._answered[_number(event)] = probe

    def _probe(self, event: dict[str, Any]) -> Probe:
        second = event["sequence"] if self.protocol == "icmp" else event["target_port"]
        key = Key(PROTOCOLS[self.protocol], event["target"], event["source_port"], second)
        return Probe(key, self._sent_s.pop(_number(event)), time.monotonic())

    def judge(self, seen: Seen, minute: Minute, *, everything: bool) -> None:
        """Compare what has settled with what was seen."""
        until_s = time.monotonic() - (0 if everything else SETTLED_S)
        for probe in _settled(self._lost, until_s):
            packet = seen.packet_of(probe)
            if packet is not None and packet.answered:
                minute.unexplained.append(f"{self.protocol} {probe}: its answer was seen")
            else:
                minute.count["never left" if packet is None else "never answered"] += 1
        for probe in _settled(self._answered, until_s):
            packet = seen.packet_of(probe)
            if packet is None or not packet.answered:
                minute.unexplained.append(f"{self.protocol} {probe}: told answered, no answer seen")


def _number(event: dict[str, Any]) -> tuple[int, int]:
    """What tells a probe of one command from all others."""
    return event["round"], event["sequence"]


def _settled(waiting: dict[tuple[int, int], Probe], until_s: float) -> list[Probe]:
    """Those that have waited long enough, taken out."""
    numbers = [number for number, probe in waiting.items() if probe.told_s <= until_s]
    return [waiting.pop(number) for number in numbers]


@contextlib.contextmanager
def commands(lab: Chain, seconds: float) -> Iterator[list[Told]]:
    """The command, once for each protocol."""
    target = lab.target_address(Family.IPV4)
    pace = (
        "-i",
        f"{ROUND_S * 1000:.0f}ms",
        "-T",
        f"{ROUND_S * 1000:.0f}ms",
        "-C",
        str(round(seconds / ROUND_S)),
    )
    with contextlib.ExitStack() as running:
        yield [
            Told(
                protocol,
                running.enter_context(
                    lab.source.start(
                        hopscope_command("-m", "stream", "-p", protocol, *ports, *pace, target),
                        user=User.NOBODY,
                        environment=ENVIRONMENT,
                        directory=ROOT,
                    )
                ),
            )
            for protocol, ports in (("icmp", ()), ("udp", ()), ("tcp", ("-P", str(TCP_CLOSED))))
        ]


def run(size: Size) -> Minute:
    """The whole run; prints a line for each stretch."""
    whole, minute, seen = Minute(), Minute(), Seen()
    with contextlib.ExitStack() as opened:
        lab = opened.enter_context(chain(ROUTERS))
        lab.source.write_sysctls(PING_ALLOWED)
        tap = opened.enter_context(capture(lab.source, SOURCE_DEVICE))
        told = opened.enter_context(commands(lab, size.seconds))
        reading = opened.enter_context(selectors.DefaultSelector())
        for one in told:
            reading.register(one.process.stdout, selectors.EVENT_READ, one)  # type: ignore[arg-type] # a pipe
        begun = last = time.monotonic()
        while reading.get_map() and time.monotonic() < begun + size.seconds * LATER + GRACE_S:
            for key, _ in reading.select(timeout=0.2):
                key.data.read(minute)
                if key.data.ended:
                    reading.unregister(key.fileobj)
            seen.take(tap.packets(), minute)
            if time.monotonic() >= last + size.told_every_s or not reading.get_map():
                for one in told:
                    one.judge(seen, minute, everything=not reading.get_map())
                now = time.monotonic()
                _tell(now - begun, now - last, minute)
                whole.take(minute)
                minute, last = Minute(), now
        whole.unexplained += [f"{one.protocol} did not end in time" for one in told if not one.ended]
    return whole


COLUMNS = ("probe_sent", "left", "reply", "came", "probe_lost", "never left", "never answered")


def _tell(at_s: float, over_s: float, minute: Minute) -> None:
    counts = " ".join(f"{minute.count[column]:>7,}" for column in COLUMNS)
    lag = percentile(minute.lag_ms, 0.99) if minute.lag_ms else 0.0
    memory = max(minute.memory.values(), default=0) / (1 << 20)
    cpu = minute.cpu_ns / 1e9 / over_s
    print(
        f"{at_s:7.0f} {counts} {len(minute.unexplained):>11} {memory:7.1f} {cpu:6.1%} {lag:8.1f}", flush=True
    )


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run, print, judge."""
    size = sizes.asked(__doc__ or "")
    if os.geteuid() != 0:
        print("The lab needs root.", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _interrupted)
    signal.signal(signal.SIGHUP, _interrupted)
    remove_leftovers()
    print(
        f"{size.seconds:.0f} s on {ROUTERS} kernel routers, {len(PROTOCOLS)} commands, 100 probes/s together"
    )
    heads = " ".join(
        f"{head:>7}" for head in ("sent", "left", "replies", "came", "lost", "no left", "no answ")
    )
    print(f"{'s':>7} {heads} {'unexplained':>11} {'RSS MB':>7} {'CPU':>6} {'lag p99':>8}", flush=True)
    try:
        whole = run(size)
    except KeyboardInterrupt:
        print("interrupted: the namespaces are gone, nothing is judged")
        return 130
    _tell(size.seconds, size.seconds, whole)
    print(dict(sorted(whole.count.items())))
    for text in whole.unexplained[:20]:
        print(text)
    print(f"unexplained losses: {len(whole.unexplained)}")
    return int(bool(whole.unexplained) or not whole.count["reply"])


if __name__ == "__main__":
    sys.exit(main())
