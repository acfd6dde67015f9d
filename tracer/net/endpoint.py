"""One socket that probes leave from, and what its queues tell: UDP, ping and TCP.

An endpoint turns system calls into values: what became of a send, and the replies, stamps and failures read
from its error queue and its receive queue. What differs between the protocols is how a probe is sent and how
an answer names its probe; the rest stands once.
"""

from __future__ import annotations

import errno
import socket
from abc import ABC, abstractmethod
from collections.abc import Iterator

from tracer.errors import DecodeError
from tracer.interfaces import (
    FailedLate,
    Malformed,
    NotSent,
    PortInUse,
    Received,
    SendProbe,
    Sent,
    TransmitStamp,
)
from tracer.model import Address, Extension, Icmp, Identity, Probe, Quoted, Reply, ReplyKind, Route, Stamp
from tracer.net import binding, linux
from tracer.net.failures import Phase
from tracer.net.linux import OPTIONS, Ancillary, ExtendedError
from tracer.net.local_errors import local_failure
from tracer.net.timestamps import STAMPS_AWAITED, KernelClock, packet_in
from tracer.wire import extensions
from tracer.wire.icmp import reply_kind

_ERROR_QUEUE, _AT_ONCE = int(socket.MSG_ERRQUEUE), int(socket.MSG_DONTWAIT)
"""As numbers: the flags of Python's socket module are added up by a function in Python."""

_LAST_COUNT = 0xFFFFFFFF
"""The kernel counts the sends of a socket in 32 bits (sk_tskey)."""

_ICMP_ORIGINS = (linux.SO_EE_ORIGIN_ICMP, linux.SO_EE_ORIGIN_ICMP6)

PENDING_ERRORS = 64
"""How many errors of earlier probes a send may meet before it is believed to fail by itself. Each must have
brought an entry of the error queue, so this only bounds a flood."""

DATAGRAMS_AT_ONCE = 256
"""So many messages of a queue are read in a row before the rest of the program runs: whoever floods the port
of a probe must not keep this process."""


class Datagram:
    """One message of a socket's queue."""

    __slots__ = ("ancillary", "data", "peer")

    def __init__(self, data: bytes, ancillary: Ancillary, peer: tuple[str, int]) -> None:
        self.data = data
        self.ancillary = ancillary
        self.peer = peer


class Endpoint(ABC):
    """A bound socket of one trace."""

    hidden = 0
    """Bytes of the quoted transport header that the kernel keeps to itself."""

    def __init__(self, sock: socket.socket, route: Route, kernel_clock: KernelClock) -> None:
        self.sock = sock
        self.route = route
        self.options = OPTIONS[route.family]
        self.port = binding.bound_port(sock)
        self._drops = 0
        self._drops_seen = 0
        self._own_mtu: int | None = None
        """What the kernel told of the interface when it refused a packet for its size."""
        self._clock = kernel_clock
        self._early: list[Received] = []

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self.sock.fileno()

    def close(self) -> None:
        """Close the socket; answers that come later are nobody's."""
        self.sock.close()

    @abstractmethod
    def send(self, command: SendProbe) -> Sent | PortInUse | NotSent:
        """Send one probe."""

    @abstractmethod
    def answers(self) -> Iterator[Received]:
        """Everything but ICMP errors and stamps: what the target itself said."""

    @abstractmethod
    def identity_of(self, datagram: Datagram) -> Identity:
        """Which probe an error-queue entry quotes. Raises DecodeError."""

    def receive(self) -> Iterator[Received]:
        """Drain both queues, so far as is done at once; never raises because of what the network sent."""
        yield from self._errors()
        yield from self.answers()

    def take_early(self) -> list[Received]:
        """What was read from the error queue while sending."""
        early, self._early = self._early, []
        return early

    def take_drops(self) -> int:
        """Packets the kernel dropped at this socket since the last call."""
        drops, self._drops = self._drops, 0
        return drops

    def _errors(self) -> Iterator[Received]:
        for datagram in self._read(_ERROR_QUEUE):
            error = datagram.ancillary.error
            if error is None:
                continue
            if error.origin == linux.SO_EE_ORIGIN_TIMESTAMPING:
                yield from self._transmitted(datagram, error)
            elif error.origin == linux.SO_EE_ORIGIN_LOCAL and error.errno == errno.EMSGSIZE:
                self._own_mtu = error.info or None
            elif error.origin in _ICMP_ORIGINS:
                yield self._icmp(datagram, error)

    def _read(self, flags: int) -> Iterator[Datagram]:
        """The messages of a queue, until it is empty or only errors come."""
        errors_left = PENDING_ERRORS
        at_once = flags | _AT_ONCE
        for _ in range(DATAGRAMS_AT_ONCE):
            try:
                data, messages, _, peer = self.sock.recvmsg(linux.PACKET_ROOM, linux.ANCILLARY_ROOM, at_once)
            except OSError as error:
                errors_left -= 1
                if flags or error.errno == errno.EAGAIN or not errors_left:
                    return
                continue  # an ICMP error pending on the socket; its entry is in the error queue
            ancillary = linux.read_ancillary(self.options, messages)
            if ancillary.drops is not None:
                self._drops += (ancillary.drops - self._drops_seen) & 0xFFFFFFFF
                self._drops_seen = ancillary.drops
            yield Datagram(data, ancillary, (str(peer[0]), int(peer[1])) if peer else ("", 0))

    def stamp_of(self, ancillary: Ancillary) -> Stamp:
        """The kernel's stamp, or the present where it took none."""
        return self._clock.now() if ancillary.stamp_ns is None else self._clock.stamp(ancillary.stamp_ns)

    def _icmp(self, datagram: Datagram, error: ExtendedError) -> Received:
        """An ICMP error: a router's answer, or this host's own refusal."""
        kind = reply_kind(self.route.family, error.type, error.code)
        if kind is None or error.offender is None:
            return self._malformed(f"ICMP type {error.type} code {error.code}", datagram)
        try:
            identity = self.identity_of(datagram)
        except DecodeError as problem:
            return self._malformed(str(problem), datagram)
        failure = local_failure(self.route, error.offender, kind, Icmp(error.type, error.code))
        if failure is not None:
            return FailedLate(
                protocol=self.route.protocol,
                destination=self.route.target,
                identity=identity,
                failure=failure,
            )
        return Reply(
            kind=kind,
            responder=error.offender,
            quoted=self.quoted(identity),
            rx=self.stamp_of(datagram.ancillary),
            icmp=Icmp(error.type, error.code),
            reply_ttl=datagram.ancillary.ttl,
            reply_tos=datagram.ancillary.tos,
            mtu=error.info or None if kind is ReplyKind.PACKET_TOO_BIG else None,
            extensions=self._extensions(datagram.data, error),
            raw=datagram.data,
        )

    def _extensions(self, data: bytes, error: ExtendedError) -> tuple[Extension, ...]:
        """The reply's extensions; unreadable ones are none, as the reply itself is sound."""
        located = data[error.extensions_at :] if error.extensions_at is not None else b""
        try:
            return extensions.decode(
                located or extensions.locate(data, 0, self.options.header_length + self.hidden)
            )
        except DecodeError:
            return ()

    def _transmitted(self, datagram: Datagram, error: ExtendedError) -> Iterator[Received]:  # noqa: ARG002
        """A send stamp. Sockets that cannot have one never see it."""
        yield from ()

    def quoted(self, identity: Identity) -> Quoted:
        """What the answer says of its probe: the kernel shows no more of the quoted packet."""
        return Quoted(protocol=self.route.protocol, destination=self.route.target, identity=identity)

    def direct(self, kind: ReplyKind, datagram: Datagram, identity: Identity, icmp: Icmp | None) -> Reply:
        """An answer of the host that was probed."""
        return Reply(
            kind=kind,
            responder=Address(datagram.peer[0].partition("%")[0]),
            quoted=self.quoted(identity),
            rx=self.stamp_of(datagram.ancillary),
            icmp=icmp,
            reply_ttl=datagram.ancillary.ttl,
            reply_tos=datagram.ancillary.tos,
            raw=datagram.data,
        )

    def _malformed(self, reason: str, datagram: Datagram) -> Malformed:
        return Malformed(destination=self.route.target, reason=reason, raw=datagram.data)


class DatagramEndpoint(Endpoint):
    """What UDP and ping sockets share: many probes leave one socket, each with its own TTL and stamp."""

    def __init__(self, sock: socket.socket, route: Route, kernel_clock: KernelClock, stamping: int) -> None:
        super().__init__(sock, route, kernel_clock)
        sock.setsockopt(socket.SOL_SOCKET, linux.SO_TIMESTAMPING, stamping)
        sock.setsockopt(socket.SOL_SOCKET, linux.SO_RXQ_OVFL, 1)
        self._counts_sends = bool(stamping & linux.OPT_TSONLY)
        self._sends = 0
        self._by_count: dict[int, Identity] = {}

    @abstractmethod
    def payload(self, probe: Probe) -> bytes:
        """The bytes the socket is given."""

    @abstractmethod
    def sent_identity(self, packet: bytes) -> Identity:
        """Which probe a sent packet is. Raises DecodeError."""

    def send(self, command: SendProbe) -> Sent | PortInUse | NotSent:
        """Send one probe; errors of earlier probes that surface here are drained, not mistaken for ours."""
        probe = command.probe
        payload = self.payload(probe)
        control = [linux.ttl_message(self.options, probe.ttl)]
        address = (probe.target, probe.target_port)
        for _ in range(PENDING_ERRORS):
            # An answer to an earlier probe would fail this send. Its entry stays in the error queue, for the
            # next receive; what comes in from here on still does fail it.
            self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            before = self._clock.now()
            try:
                self.sock.sendmsg([payload], control, 0, address)
            except OSError as error:
                self._count_send(probe, consumed=error.errno == errno.EPERM)
                pending = list(self._errors())
                refused = self._refused_here(probe, pending)
                if refused is not None:
                    return refused
                self._early += pending
                if not any(isinstance(item, (Reply, FailedLate, Malformed)) for item in pending):
                    mtu = self._own_mtu if error.errno == errno.EMSGSIZE else None
                    return binding.refusal(binding.attempt_of(self.route, probe, Phase.SEND, mtu=mtu), error)
            else:
                self._count_send(probe, consumed=True)
                return Sent(before, self.port)
        return binding.refusal(
            binding.attempt_of(self.route, probe, Phase.SEND), OSError(errno.ENOBUFS, "flooded with errors")
        )

    def _refused_here(self, probe: Probe, pending: list[Received]) -> NotSent | None:
        """A firewall's reject fails the send and answers it at once: the failure is this probe's own."""
        own = (self.port, probe.identity[1])
        for item in pending:
            if isinstance(item, FailedLate) and item.identity == own:
                pending.remove(item)
                self._early += pending
                return NotSent(item.failure)
        return None

    def _count_send(self, probe: Probe, *, consumed: bool) -> None:
        """Keep up with the kernel's counter: a send refused with EPERM consumes a number, others do not."""
        if self._counts_sends and consumed:
            self._by_count[self._sends] = (self.port, probe.identity[1])
            self._sends = (self._sends + 1) & _LAST_COUNT
            if len(self._by_count) > STAMPS_AWAITED:
                del self._by_count[next(iter(self._by_count))]

    def _transmitted(self, datagram: Datagram, error: ExtendedError) -> Iterator[Received]:
        if datagram.ancillary.stamp_ns is None:
            return
        packet = None
        identity = self._by_count.pop(error.data, None)
        if identity is None:
            packet = packet_in(datagram.data)
            if packet is None:
                return
            try:
                identity = self.sent_identity(packet)
            except DecodeError:
                return
        yield TransmitStamp(
            protocol=self.route.protocol,
            destination=self.route.target,
            identity=identity,
            at=self._clock.stamp(datagram.ancillary.stamp_ns),
            packet=packet,
        )
