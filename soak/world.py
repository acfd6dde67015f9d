"""A network that misbehaves in every way at once, cheap enough for ten million probes.

Answers are made from the probe without packets, but every sixteenth goes through real bytes and the decoder.
There is loss, a silent hop, one that limits its rate, one with many routers, a path that changes and grows,
and answers that come late, twice, from strangers or damaged; now and then this host cannot send.
"""

from __future__ import annotations

import random
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from tracer.interfaces import Malformed, NotSent, PortInUse, Received, SendProbe, SendResult, Sent
from tracer.model import (
    Address,
    ChannelInfo,
    ClockInfo,
    Failure,
    FailureKind,
    Icmp,
    MplsLabel,
    MplsStack,
    Port,
    Probe,
    Protocol,
    Quoted,
    Reply,
    ReplyKind,
    Route,
    Stamp,
    StampClock,
    TraceId,
)
from tracer.wire.build import icmp_error, probe_packet
from tracer.wire.decode import decode_reply
from tracer.wire.icmp import IcmpError

if TYPE_CHECKING:
    from tracer.interfaces import Clock

MS, S = 1_000_000, 1_000_000_000
SOURCE = Address("198.18.0.1")
SEED = 20260101
HOPS = 11
"""Routers before a target; one more while the path is the longer one."""
SILENT, LIMITED, CHANGING, MANY, LABELLED = 3, 5, 6, 8, 9
"""TTLs of the hops that are something special."""
CHANGE_NS, LONGER_NS = S, 2 * S
"""So often a hop's router is another, and the path another length."""
TOKENS_PER_S, MOST_TOKENS = 8, 10
"""Of the hop that limits its answers, for each target."""
LOST, LATE, TWICE, STRANGE, DAMAGED, TAKEN = 0.02, 0.015, 0.015, 0.01, 0.01, 0.01
JITTER_MS = 3
LATE_BY_NS = 2_500 * MS
OUTAGE_EVERY_NS, OUTAGE_NS = 61 * S, 1 * S
"""For so long, this often, the local queue is full."""
THROUGH_BYTES = 16
QUEUE_FULL = Failure(
    kind=FailureKind.QUEUE_FULL,
    message="The queue of the interface is full.",
    remedy="Lower --max-rate.",
    errno="ENOBUFS",
    evidence={"phase": "send"},
)
AT_TARGET = {
    Protocol.ICMP: (ReplyKind.ECHO_REPLY, Icmp(0, 0)),
    Protocol.UDP: (ReplyKind.UNREACHABLE, Icmp(3, 3)),
    Protocol.TCP: (ReplyKind.SYN_ACK, None),
}
LABELS = (MplsStack((MplsLabel(24_015, 0, 1, 1),)),)


class World:
    """A channel whose answers are invented where they are asked for."""

    clock_info = ClockInfo(tx=StampClock.KERNEL, rx=StampClock.KERNEL)
    info = ChannelInfo(name="sim", protocol=Protocol.ICMP, privileged=False, reason="the network is invented")

    def __init__(self, clock: Clock) -> None:
        self.sent = 0
        """Probes that left."""
        self._clock = clock
        self._chance = random.Random(SEED)
        self._pending: list[tuple[int, int, Reply | Malformed]] = []
        self._order = count()
        self._tokens: dict[TraceId, tuple[int, float]] = {}

    def open_trace(self, route: Route) -> None:
        """A bucket for the hop that limits its answers."""
        self._tokens[route.trace] = (self._clock.now_ns(), MOST_TOKENS)

    def close_trace(self, trace: TraceId) -> None:
        self._tokens.pop(trace, None)

    def send(self, command: SendProbe) -> SendResult:
        now_ns, probe = self._clock.now_ns(), command.probe
        if now_ns % OUTAGE_EVERY_NS > OUTAGE_EVERY_NS - OUTAGE_NS:
            return NotSent(QUEUE_FULL)
        if probe.protocol is Protocol.TCP and self._chance.random() < TAKEN:
            return PortInUse(probe.source_port)
        self.sent += 1
        port = probe.source_port or Port(40_000 + probe.trace)
        self._answer(probe, (port, probe.identity[1]), now_ns)
        return Sent(Stamp(now_ns, StampClock.KERNEL), port)

    def release(self, probe: Probe) -> None:
        """Nothing is held for a single probe."""

    def receive(self, now_ns: int) -> list[Received]:
        found: list[Received] = []
        while self._pending and self._pending[0][0] <= now_ns:
            found.append(heappop(self._pending)[2])
        return found

    def deadline(self) -> int | None:
        return self._pending[0][0] if self._pending else None

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        self._pending.clear()

    def _answer(self, probe: Probe, identity: tuple[int, int], now_ns: int) -> None:
        """What comes back, and when."""
        roll = self._chance.random()
        at_target = probe.ttl > HOPS + now_ns // LONGER_NS % 2
        if roll < LOST or (not at_target and not self._speaks(probe, now_ns)):
            return
        roll -= LOST
        due_ns = now_ns + probe.ttl * 2 * MS + self._chance.randrange(JITTER_MS) * MS
        due_ns -= due_ns % MS  # answers of several probes come together, as on a busy interface
        if roll < LATE:
            due_ns += LATE_BY_NS
        elif roll < LATE + DAMAGED:
            self._queue(due_ns, Malformed(destination=probe.target, reason="cut short", raw=b"\x45"))
            return
        elif roll < LATE + DAMAGED + STRANGE:
            stranger = Address(f"203.0.{self._chance.randrange(256)}.{self._chance.randrange(256)}")
            self._queue(due_ns, _reply(probe, (1, 1), stranger, due_ns, at_target=False))
        reply = self._reply(probe, identity, due_ns, at_target=at_target)
        self._queue(due_ns, reply)
        if roll > 1 - LOST - TWICE:
            self._queue(due_ns + MS, reply)

    def _reply(self, probe: Probe, identity: tuple[int, int], due_ns: int, *, at_target: bool) -> Reply:
        responder = probe.target if at_target else self._router(probe, due_ns)
        if self.sent % THROUGH_BYTES or at_target or not probe.source_port:
            return _reply(probe, identity, responder, due_ns, at_target=at_target)
        quoted = probe_packet(probe, SOURCE)
        packet = icmp_error(IcmpError.TIME_EXCEEDED, responder, SOURCE, quoted, quote_length=None)
        decoded = decode_reply(packet, Stamp(due_ns, StampClock.KERNEL))
        assert isinstance(decoded, Reply)  # noqa: S101 - we built it; the type says less
        return decoded

    def _speaks(self, probe: Probe, now_ns: int) -> bool:
        """Whether the hop of this TTL answers at all now."""
        if probe.ttl != LIMITED:
            return probe.ttl != SILENT
        filled_ns, tokens = self._tokens[probe.trace]
        tokens = min(tokens + (now_ns - filled_ns) * TOKENS_PER_S / S, MOST_TOKENS)
        self._tokens[probe.trace] = (now_ns, tokens - (tokens >= 1))
        return tokens >= 1

    def _router(self, probe: Probe, now_ns: int) -> Address:
        number = 1
        if probe.ttl == CHANGING:
            number += now_ns // CHANGE_NS % 2
        elif probe.ttl == MANY:
            number += self._chance.randrange(200)
        return Address(f"198.18.{probe.ttl}.{number}")

    def _queue(self, due_ns: int, item: Reply | Malformed) -> None:
        heappush(self._pending, (due_ns, next(self._order), item))


def _reply(
    probe: Probe, identity: tuple[int, int], responder: Address, due_ns: int, *, at_target: bool
) -> Reply:
    kind, icmp = AT_TARGET[probe.protocol] if at_target else (ReplyKind.TIME_EXCEEDED, Icmp(11, 0))
    return Reply(
        kind=kind,
        responder=responder,
        quoted=Quoted(
            protocol=probe.protocol,
            destination=probe.target,
            identity=(Port(identity[0]), Port(identity[1])),
            ttl=1,
            tos=0,
            mark=probe.mark or None,
        ),
        rx=Stamp(due_ns, StampClock.KERNEL),
        icmp=icmp,
        reply_ttl=64 - probe.ttl,
        extensions=LABELS if probe.ttl == LABELLED and not at_target else (),
    )
