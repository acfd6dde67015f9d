"""The three endpoints: how each protocol sends a probe, and how its answers name it."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from struct import Struct

from tracer.errors import DecodeError
from tracer.interfaces import NotSent, PortInUse, Received, SendProbe, Sent, TransmitStamp
from tracer.model import Address, Family, Icmp, Identity, Probe, Reply, ReplyKind, Route, Stamp
from tracer.net import binding, linux
from tracer.net.endpoint import Datagram, DatagramEndpoint, Endpoint
from tracer.net.failures import Phase
from tracer.net.timestamps import RECEIVE_FLAGS, KernelClock
from tracer.wire.build import echo_request, payload_of
from tracer.wire.cursor import Cursor
from tracer.wire.decode import SentPacket, decode_probe
from tracer.wire.icmp import IcmpMessage
from tracer.wire.ip import HEADER_LENGTH, PROTOCOL_NUMBERS

KERNEL_RESENDS_NS = 950_000_000
"""The kernel resends a SYN after 1 s; an answer to the copy would be stamped as one to the original (1007 ms
on a path of 0.1 ms, measured). The socket is closed before."""

UNDISTURBED_NS = 100_000
"""A connect that takes longer (15 to 40 us are usual) was interrupted: nobody knows when the SYN left."""

_REFUSED = (errno.ECONNREFUSED,)
_PENDING = (0, errno.EINPROGRESS)


_PAIR = Struct("!HH")
_PLAIN_IPV4, _NEXT_HEADER = 0x45, 6
_IPV6_NUMBERS = frozenset(PROTOCOL_NUMBERS[Family.IPV6].values())


def _sent_identity(packet: bytes, at: int) -> Identity:
    """Which probe a packet of our own is; its identity stands ``at`` bytes behind the IP header.

    Raises DecodeError. A header with options or extensions is none that these sockets send by themselves.
    """
    if packet[0] == _PLAIN_IPV4:
        start = HEADER_LENGTH[Family.IPV4] + at
    elif packet[_NEXT_HEADER] in _IPV6_NUMBERS:
        start = HEADER_LENGTH[Family.IPV6] + at
    else:
        start = len(packet)
    if start + _PAIR.size <= len(packet):
        first, second = _PAIR.unpack_from(packet, start)
        return (first, second)
    found = decode_probe(packet)
    if not isinstance(found, SentPacket):
        raise DecodeError("transmit stamp", 0, found.reason)
    return found.identity


class UdpEndpoint(DatagramEndpoint):
    """UDP: the socket's port and the peer's port name the probe."""

    hidden = 8

    def payload(self, probe: Probe) -> bytes:
        return payload_of(probe)

    def sent_identity(self, packet: bytes) -> Identity:
        return _sent_identity(packet, 0)

    def identity_of(self, datagram: Datagram) -> Identity:
        return (self.port, datagram.peer[1])

    def answers(self) -> Iterator[Received]:
        for datagram in self._read(0):
            yield self.direct(ReplyKind.UDP_DATA, datagram, (self.port, datagram.peer[1]), None)


class PingEndpoint(DatagramEndpoint):
    """A ping socket: the kernel sets the identifier, every answer quotes it with the sequence."""

    def payload(self, probe: Probe) -> bytes:
        return echo_request(probe)

    def sent_identity(self, packet: bytes) -> Identity:
        return _sent_identity(packet, 4)

    def identity_of(self, datagram: Datagram) -> Identity:
        return (self.port, self._message(datagram).identity[1])

    def answers(self) -> Iterator[Received]:
        for datagram in self._read(0):
            try:
                message = self._message(datagram)
            except DecodeError as problem:
                yield self._malformed(str(problem), datagram)
                continue
            icmp = Icmp(message.type, message.code)
            yield self.direct(ReplyKind.ECHO_REPLY, datagram, (self.port, message.identity[1]), icmp)

    def _message(self, datagram: Datagram) -> IcmpMessage:
        return IcmpMessage.decode(Cursor(datagram.data, "icmp echo"), self.route.family)


class TcpEndpoint(Endpoint):
    """One connect: the socket is the probe."""

    def __init__(self, sock: socket.socket, route: Route, kernel_clock: KernelClock) -> None:
        super().__init__(sock, route, kernel_clock)
        sock.setsockopt(socket.SOL_SOCKET, linux.SO_TIMESTAMPING, RECEIVE_FLAGS)
        self._identity: Identity = (self.port, 0)
        self._left: Stamp | None = None
        self._began: Stamp | None = None
        self._returned_ns = 0

    def closes_at_ns(self) -> int:
        """When the kernel would be about to resend the SYN."""
        left_ns = self._left.ns if self._left is not None else 0
        return left_ns + min(self.route.timeout_ns, KERNEL_RESENDS_NS)

    def send(self, command: SendProbe) -> Sent | PortInUse | NotSent:
        """Start the connect. No kernel stamps a SYN for its sender: it left in the middle of the call."""
        probe = command.probe
        self._identity = (self.port, probe.target_port)
        address = (probe.target, probe.target_port)
        before = self._left = self._began = self._clock.now()
        number = self.sock.connect_ex(address)
        if number in _PENDING:
            after_ns = self._returned_ns = self._clock.now().ns
            if after_ns - before.ns <= UNDISTURBED_NS:
                self._left = Stamp((before.ns + after_ns) // 2, before.clock)
            return Sent(self._left, self.port)
        if number in _REFUSED:
            self._early.append(self._reset())
            return Sent(before, self.port)
        self._early += self._errors()
        if self._early:
            return Sent(before, self.port)
        attempt = binding.attempt_of(self.route, probe, Phase.CONNECT, lap_ends=command.lap_ends)
        return binding.refusal(attempt, OSError(number, os.strerror(number)))

    def identity_of(self, datagram: Datagram) -> Identity:  # noqa: ARG002 - the socket is the probe
        return self._identity

    def receive(self) -> Iterator[Received]:
        """An ICMP error, else SYN-ACK or RST: port unreachable also fails the connect as a reset does."""
        errors = list(self._errors())
        yield from self._corrected(errors)
        yield from errors or self.answers()

    def _corrected(self, errors: list[Received]) -> Iterator[TransmitStamp]:
        """What was answered before the connect returned may have left as early as that began."""
        for item in errors:
            if isinstance(item, Reply) and self._began is not None and item.rx.ns < self._returned_ns:
                yield TransmitStamp(
                    protocol=self.route.protocol,
                    destination=self.route.target,
                    identity=self._identity,
                    at=self._began,
                )

    def answers(self) -> Iterator[Received]:
        """SYN-ACK or RST."""
        number = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number in _REFUSED:
            yield self._reset()
        elif number == 0 and self._connected():
            yield self._handshake()

    def _connected(self) -> bool:
        with contextlib.suppress(OSError):
            self.sock.getpeername()
            return True
        return False

    def _handshake(self) -> Reply:
        """A SYN-ACK; its round-trip time is the kernel's own measurement."""
        info = linux.tcp_info(self.sock)
        left_ns = self._left.ns if self._left is not None else 0
        return Reply(
            kind=ReplyKind.SYN_ACK,
            responder=self._target(),
            quoted=self.quoted(self._identity),
            rx=self._clock.kernel_moment(left_ns + info.rtt_ns),
            rtt_ns=info.rtt_ns,
            retransmitted=info.total_retrans > 0,
        )

    def _reset(self) -> Reply:
        """A reset; nothing stamps it, so the time is when this process saw it."""
        return Reply(
            kind=ReplyKind.RST,
            responder=self._target(),
            quoted=self.quoted(self._identity),
            rx=self._clock.now(),
        )

    def _target(self) -> Address:
        return self.route.target
