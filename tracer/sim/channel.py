"""The simulated internet in memory: a channel without sockets, in virtual or in real time."""

from __future__ import annotations

import random
from heapq import heappop, heappush
from itertools import count

import msgspec

from tracer.errors import DecodeError
from tracer.interfaces import (
    Clock,
    Malformed,
    NotSent,
    PortInUse,
    Received,
    SendProbe,
    SendResult,
    Sent,
    TransmitStamp,
)
from tracer.model import (
    Address,
    ChannelInfo,
    ClockInfo,
    Failure,
    FailureKind,
    Family,
    Port,
    Probe,
    Protocol,
    Route,
    Stamp,
    StampClock,
    TraceId,
)
from tracer.sim.internet import Internet
from tracer.wire.address import family_of
from tracer.wire.build import probe_packet
from tracer.wire.decode import Irrelevant, decode_reply

SOURCE_ADDRESSES = {Family.IPV4: Address("198.18.0.1"), Family.IPV6: Address("2001:db8::1")}
"""Where the simulated probes come from."""

_CHOSEN_PORTS = range(32768, 60999)
_EXHAUSTED = Failure(
    kind=FailureKind.PORTS_EXHAUSTED,
    message="No source port is free: every port of the range is in use.",
    remedy="Wait until ports come free, or widen net.ipv4.ip_local_port_range.",
    errno="EADDRINUSE",
    evidence={"phase": "bind"},
)


class PortsTaken(msgspec.Struct, frozen=True, kw_only=True):
    """Other sockets hold these source ports for a time."""

    ports: frozenset[Port]
    from_ns: int = 0
    until_ns: int | None = None
    """None: for ever."""


class SendsFail(msgspec.Struct, frozen=True, kw_only=True):
    """Every send fails for a time."""

    failure: Failure
    from_ns: int = 0
    until_ns: int | None = None
    """None: for ever."""


Trouble = PortsTaken | SendsFail
"""Something local that goes wrong; the first one of a table that applies counts."""


class SimChannel:
    """Sends probes into an ``Internet``. Every stamp is exact, and as good as the kernel's.

    ``seed`` decides which source port or identifier a trace gets that leaves the choice to the channel.
    """

    def __init__(
        self,
        internet: Internet,
        clock: Clock,
        protocol: Protocol,
        *,
        seed: int = 0,
        troubles: tuple[Trouble, ...] = (),
    ) -> None:
        self.info = ChannelInfo(
            name="sim",
            protocol=protocol,
            privileged=False,
            reason=f"the network is simulated by the scenario {internet.scenario.name}",
        )
        self.clock_info = ClockInfo(tx=StampClock.KERNEL, rx=StampClock.KERNEL)
        self._internet = internet
        self._clock = clock
        self._seed = seed
        self._troubles = troubles
        self._sources: dict[TraceId, Address] = {}
        self._pending: list[tuple[int, int, TransmitStamp | bytes]] = []
        self._order = count()

    def open_trace(self, route: Route) -> None:
        source = route.source.address if route.source is not None else SOURCE_ADDRESSES[route.family]
        self._sources[route.trace] = source

    def close_trace(self, trace: TraceId) -> None:
        self._sources.pop(trace, None)

    def send(self, command: SendProbe) -> SendResult:
        now_ns = self._clock.now_ns()
        probe = self._with_port(command.probe)
        for trouble in self._troubles:
            if not _lasts(trouble, now_ns):
                continue
            if isinstance(trouble, SendsFail):
                return NotSent(trouble.failure)
            if probe.source_port in trouble.ports:
                return NotSent(_EXHAUSTED) if command.lap_ends else PortInUse(probe.source_port)
        if probe.shape.size > self._internet.scenario.link_mtu and probe.protocol is not Protocol.TCP:
            return NotSent(_too_large(self._internet.scenario.link_mtu))
        source = self._sources.get(probe.trace, SOURCE_ADDRESSES[family_of(probe.target)])
        packet = probe_packet(probe, source)
        at = Stamp(now_ns, StampClock.KERNEL)
        stamp = TransmitStamp(
            protocol=probe.protocol,
            destination=probe.target,
            identity=probe.identity,
            mark=probe.mark,
            at=at,
            packet=packet,
        )
        self._queue(now_ns, stamp)
        for delay_ns, answer in self._internet.respond(packet, now_ns):
            self._queue(now_ns + delay_ns, answer)
        return Sent(at, probe.source_port)

    def release(self, probe: Probe) -> None:
        """Nothing is held for a single probe."""

    def receive(self, now_ns: int) -> list[Received]:
        found: list[Received] = []
        while self._pending and self._pending[0][0] <= now_ns:
            due_ns, _, item = heappop(self._pending)
            received = item if isinstance(item, TransmitStamp) else _read(item, due_ns)
            if received is not None:
                found.append(received)
        return found

    def deadline(self) -> int | None:
        return self._pending[0][0] if self._pending else None

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        self._pending.clear()
        self._sources.clear()

    def _queue(self, due_ns: int, item: TransmitStamp | bytes) -> None:
        heappush(self._pending, (due_ns, next(self._order), item))

    def _with_port(self, probe: Probe) -> Probe:
        if probe.source_port:
            return probe
        first = random.Random(f"{self._seed} {probe.trace}").randrange(len(_CHOSEN_PORTS))
        chosen = _CHOSEN_PORTS[(first + probe.flow) % len(_CHOSEN_PORTS)]
        return msgspec.structs.replace(probe, source_port=Port(chosen))


def _too_large(mtu: int) -> Failure:
    return Failure(
        kind=FailureKind.MESSAGE_TOO_LONG,
        message="The probe is larger than the MTU of this host's interface.",
        remedy="Lower --packet-size.",
        errno="EMSGSIZE",
        evidence={"phase": "send", "mtu": mtu},
    )


def _lasts(trouble: Trouble, now_ns: int) -> bool:
    return trouble.from_ns <= now_ns and (trouble.until_ns is None or now_ns < trouble.until_ns)


def _read(packet: bytes, due_ns: int) -> Received | None:
    try:
        reply = decode_reply(packet, Stamp(due_ns, StampClock.KERNEL))
    except DecodeError as error:
        return Malformed(destination=None, reason=str(error), raw=packet)
    return None if isinstance(reply, Irrelevant) else reply
