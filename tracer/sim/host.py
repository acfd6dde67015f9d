"""What a host answers to a packet addressed to it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tracer.model import Address, Protocol
from tracer.sim.flight import Flight
from tracer.sim.scenario import Ports, PortState
from tracer.wire.build import echo_reply, icmp_error, tcp_answer, udp_answer
from tracer.wire.icmp import IcmpError
from tracer.wire.tcp import TcpFlags

_FLAGS = {PortState.OPEN: TcpFlags.SYN | TcpFlags.ACK, PortState.CLOSED: TcpFlags.RST | TcpFlags.ACK}


class Draft(msgspec.Struct, frozen=True):
    """An answer that has not set out yet."""

    responder: Address
    protocol: Protocol
    """Of the answer: rate limits are for ICMP."""
    packet: bytes


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """The target, or a router that is pinged itself."""

    icmp: bool = True
    tcp: Ports = Ports()
    udp: Ports = Ports()
    errors_from: Address
    """Source of its ICMP errors; everything else comes from the address that was probed."""
    quote_length: int | None
    """Bytes behind the IP header that its errors quote; None for all that fits."""
    reply_ttl: int
    """TTL its answers have left when they arrive at the source."""

    def answer(self, flight: Flight) -> Draft | None:
        """Its answer; None where it keeps silent."""
        return _SERVICES[flight.probe.protocol](self, flight)


def _pinged(host: Host, flight: Flight) -> Draft | None:
    if not host.icmp:
        return None
    packet = echo_reply(flight.bytes_for_answer, host.reply_ttl)
    return Draft(flight.probe.destination, Protocol.ICMP, packet)


def _connected(host: Host, flight: Flight) -> Draft | None:
    flags = _FLAGS.get(host.tcp.state(flight.probe.identity[1]))
    if flags is None:
        return None
    packet = tcp_answer(flight.bytes_for_answer, flags, host.reply_ttl)
    return Draft(flight.probe.destination, Protocol.TCP, packet)


def _sent_to(host: Host, flight: Flight) -> Draft | None:
    state = host.udp.state(flight.probe.identity[1])
    if state is PortState.FILTERED:
        return None
    if state is PortState.OPEN:
        packet = udp_answer(flight.bytes_for_answer, flight.probe.payload, host.reply_ttl)
        return Draft(flight.probe.destination, Protocol.UDP, packet)
    packet = icmp_error(
        IcmpError.PORT_UNREACHABLE,
        host.errors_from,
        flight.probe.source,
        flight.bytes_here,
        quote_length=host.quote_length,
        ttl=host.reply_ttl,
    )
    return Draft(host.errors_from, Protocol.ICMP, packet)


_SERVICES: dict[Protocol, Callable[[Host, Flight], Draft | None]] = {
    Protocol.ICMP: _pinged,
    Protocol.TCP: _connected,
    Protocol.UDP: _sent_to,
}
