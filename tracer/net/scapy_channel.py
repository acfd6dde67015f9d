"""The same channel over Scapy's layer-3 sockets, for systems with neither error queue nor usable raw sockets.

Packets leave and arrive whole. Scapy gives an answer the kernel's stamp where the system has one and knows
nothing of when a probe left: the send stamp is this process's, so a busy machine shows in the numbers. Every
packet that comes to this host is looked at. On Linux it is there to be tested, and slower than the others.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import sys
from collections.abc import Iterator
from typing import Any

import msgspec
import scapy.layers.inet
import scapy.layers.inet6
from scapy.config import conf

from tracer.errors import DecodeError, LocalError
from tracer.interfaces import (
    Clock,
    Malformed,
    Notice,
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
    Family,
    Probe,
    Protocol,
    Reply,
    Route,
    Stamp,
    StampClock,
    TraceId,
)
from tracer.net import binding, linux
from tracer.net.failures import Phase, no_family
from tracer.net.raw_ports import SourcePorts
from tracer.net.raw_source import SourceAddress
from tracer.net.timestamps import KernelClock, restamped
from tracer.net.whole_packets import is_about_us, judged
from tracer.wire.build import probe_packet
from tracer.wire.decode import decode_reply
from tracer.wire.ip import PROTOCOL_NUMBERS

POLL_NS = 5_000_000
"""How often sockets are read that no selector can wait for."""

PACKETS_AT_ONCE = 256
"""So many are read before the rest of the program has its turn."""

_SOL_PACKET, _PACKET_STATISTICS = 263, 6
"""linux/if_packet.h: two unsigned numbers, packets seen and packets dropped, since they were last read."""

_SO_TIMESTAMPNS = 35
"""asm-generic/socket.h. Scapy asks for it on its IPv4 sockets only."""

_PROTOCOL_AT = {Family.IPV4: 9, Family.IPV6: 6}
"""Where an IP header says what it carries."""

_IP: dict[Family, Any] = {Family.IPV4: scapy.layers.inet.IP, Family.IPV6: scapy.layers.inet6.IPv6}


class ScapySockets:
    """Scapy's layer-3 sockets, one a family, opened while this process may. Raises OSError."""

    channel = "scapy"

    def __init__(self) -> None:
        self.by_family: dict[Family, Any] = {}
        with contextlib.ExitStack() as opened:
            opened.callback(self.close)
            for family in Family:
                self.by_family[family] = _open(family)
            opened.pop_all()

    def close(self) -> None:
        """Close them all."""
        for sock in self.by_family.values():
            sock.close()


def _open(family: Family) -> Any:
    """A socket that leaves routing to the kernel where there is one, else what Scapy thinks best."""
    if not sys.platform.startswith("linux"):
        return {Family.IPV4: conf.L3socket, Family.IPV6: conf.L3socket6}[family]()
    from scapy.supersocket import L3RawSocket, L3RawSocket6  # noqa: PLC0415 - only Linux has them

    sock = {Family.IPV4: L3RawSocket, Family.IPV6: L3RawSocket6}[family]()
    sock.ins.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    linux.enlarge(
        sock.ins
    )  # Scapy's own queue takes some eighty packets, fewer than a round of a few targets
    sock.auxdata_available = True
    return sock


class ScapyChannel:
    """Implements interfaces.Channel over sockets that outlive it."""

    def __init__(self, clock: Clock, sockets: ScapySockets, protocol: Protocol, reason: str) -> None:
        self._clock = clock
        self._kernel_clock = KernelClock(clock)
        self._sockets = sockets
        self._protocol = protocol
        self._reason = reason
        self._ports = SourcePorts()
        self._routes: dict[TraceId, Route] = {}
        self._sources: dict[TraceId, SourceAddress] = {}
        self._selector = selectors.DefaultSelector()
        self._left: list[Received] = []
        """The probes that left since the last look at the answers, as they left."""

    @property
    def info(self) -> ChannelInfo:
        return ChannelInfo(name="scapy", protocol=self._protocol, privileged=True, reason=self._reason)

    @property
    def clock_info(self) -> ClockInfo:
        note = "Scapy does not tell when a probe left; this process says when it was handed over"
        return ClockInfo(tx=StampClock.USER, rx=StampClock.KERNEL, note=note)

    def open_trace(self, route: Route) -> None:
        if route.family not in self._sockets.by_family:
            raise LocalError(no_family(route.family))
        self._routes[route.trace] = route
        self._sources[route.trace] = SourceAddress(route)
        sock = self._sockets.by_family[route.family]
        if sock not in self._selector.get_map():
            self._skip_waiting(sock)
            self._selector.register(sock, selectors.EVENT_READ, route.family)

    @staticmethod
    def _skip_waiting(sock: Any) -> None:
        """What came before the trace began answers nothing of it."""
        for _ in range(PACKETS_AT_ONCE):
            if not sock.select([sock], 0):
                return
            sock.recv()

    def close_trace(self, trace: TraceId) -> None:
        self._ports.close_trace(trace)
        self._routes.pop(trace, None)
        self._sources.pop(trace, None)

    def send(self, command: SendProbe) -> SendResult:
        probe = command.probe
        route = self._routes[probe.trace]
        port = self._ports.take(route, probe, lap_ends=command.lap_ends)
        if isinstance(port, (PortInUse, NotSent)):
            return port
        leaving = self._sources[probe.trace].find(probe, self._clock.now_ns())
        if isinstance(leaving, NotSent):
            self._ports.release(probe)
            return leaving
        numbered = msgspec.structs.replace(probe, source_port=port)
        packet = probe_packet(numbered, leaving.source)
        before = self._kernel_clock.now()
        try:
            self._hand_over(route.family, packet, probe.target)
        except OSError as error:
            self._ports.release(probe)
            return binding.refusal(binding.attempt_of(route, numbered, Phase.SEND), error)
        self._left.append(_as_it_left(numbered, before, packet))
        return Sent(before, port)

    def _hand_over(self, family: Family, packet: bytes, target: Address) -> None:
        """Raises OSError; Scapy's own ``send`` would log it and go on."""
        sock = self._sockets.by_family[family]
        if sys.platform.startswith("linux"):
            sock.outs.sendto(packet, (target, 0))
        else:
            sock.send(_IP[family](packet))

    def release(self, probe: Probe) -> None:
        self._ports.release(probe)

    def receive(self, now_ns: int) -> list[Received]:  # noqa: ARG002 - the kernel stamps what comes in
        stepped = self._kernel_clock.stepped()
        found, self._left = self._left, []
        for key in self._selector.get_map().values():
            found.extend(self._read(key.data, key.fileobj))
        if stepped:
            found = restamped(found, self._kernel_clock)
        drops = sum(_drops(key.fileobj) for key in self._selector.get_map().values())
        if drops or stepped:
            found.append(Notice(kernel_drops=drops, clock_steps=int(stepped)))
        return found

    def _read(self, family: Family, sock: Any) -> Iterator[Received]:
        targets = {route.target: route for route in self._routes.values()}
        for _ in range(PACKETS_AT_ONCE):
            if not sock.select([sock], 0):
                return
            packet = sock.recv()
            if packet is None:  # one that leaves this host
                continue
            whole, rx = bytes(packet), self._kernel_clock.stamp(round(float(packet.time) * 1e9))
            try:
                reply = decode_reply(whole, rx)
            except DecodeError as error:
                if _is_icmp(family, whole):
                    yield Malformed(destination=None, reason=str(error), raw=whole)
                continue
            if isinstance(reply, Reply) and is_about_us(reply, family, targets, self._ports):
                yield judged(reply, targets)

    def deadline(self) -> int | None:
        return None if self.fileno() is not None else self._clock.now_ns() + POLL_NS

    def fileno(self) -> int | None:
        descriptor = getattr(self._selector, "fileno", None)
        return None if descriptor is None else int(descriptor())

    def close(self) -> None:
        self._ports.close()
        self._selector.close()


def _is_icmp(family: Family, packet: bytes) -> bool:
    """What a packet says it carries; one that ends before it says so carries nothing."""
    at = _PROTOCOL_AT[family]
    return packet[at : at + 1] == bytes((PROTOCOL_NUMBERS[family][Protocol.ICMP],))


def _drops(sock: Any) -> int:
    """How many packets found the receive queue full since the last look; 0 where nobody tells."""
    if not sys.platform.startswith("linux"):
        return 0
    told = sock.ins.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
    return int.from_bytes(told[4:8], sys.byteorder)


def _as_it_left(probe: Probe, at: Stamp, packet: bytes) -> TransmitStamp:
    """What the answers to a probe are compared with."""
    return TransmitStamp(
        protocol=probe.protocol,
        destination=probe.target,
        identity=probe.identity,
        mark=probe.mark,
        at=at,
        packet=packet,
    )
