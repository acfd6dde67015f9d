"""The sockets that need CAP_NET_RAW, opened once and kept for the life of the process.

Everything that comes later, filters, stamps, interfaces, another protocol or another target, needs no
privilege, so the process may give up all it has as soon as these are open.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator, Sequence
from functools import lru_cache
from struct import Struct

import msgspec

from tracer.interfaces import TransmitStamp
from tracer.model import Address, Family, Probe, Protocol
from tracer.net import linux
from tracer.net.linux import OPTIONS, Ancillary
from tracer.net.raw_filter import attach, nothing_filter
from tracer.net.timestamps import RECEIVE_FLAGS, STAMPS_AWAITED, KernelClock
from tracer.wire.ip import PROTOCOL_NUMBERS

_WAYS_OUT = 256
"""Remembered: a host has few addresses and interfaces to send from."""

DATAGRAMS_AT_ONCE = 256
"""So many answers are read in a row before the rest of the program runs."""

ERRORS_AT_ONCE = 64
"""A receive may fail for reasons of its own so often in a row before the queue is left for the next time."""

_SCM_TS_OPT_ID = 81
_IP_PKTINFO = 8
_UNSIGNED = Struct("@I")
_PKTINFO4 = Struct("@i4s4x")
_PKTINFO6 = Struct("@16sI")
_STAMPS = linux.TX_SOFTWARE | linux.SOFTWARE | linux.OPT_ID | linux.OPT_CMSG | linux.OPT_TSONLY
_CONSUMES_A_NUMBER = frozenset({errno.EPERM, errno.ENOBUFS})
"""Refused after the kernel has numbered the packet (EPERM is measured; ENOBUFS is a full queue behind it)."""

_FIRST_GIVEN = 1 << 31
_LAST_COUNTED = _FIRST_GIVEN - 1
"""Numbers we give have the highest bit; the kernel's count does not come so far while its probes matter."""

_ERRORS = int(socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT)
"""As a number: the flags of Python's socket module are added up by a function in Python."""

_Message = tuple[int, int, bytes]

_LARGEST = {Protocol.ICMP: 65535, Protocol.TCP: linux.PACKET_ROOM, Protocol.UDP: 65535}
"""Bytes of the largest answer; an echo is as large as the probe that asks for it, and one cut short would not
verify. One buffer for all would be slower: the bytes are kept, so they would have to be copied out of it."""


class Leaving(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """Where a packet leaves this host: a source address for the routes, and the interface if one is bound."""

    source: Address
    interface: int = 0
    """Index; 0 lets the route decide."""


class Sender:
    """Sends whole packets of one family and pairs them with their transmit stamps.

    Each send carries a number of its own that comes back with the stamp (Linux 6.13); an older kernel counts,
    and the count is followed.
    """

    def __init__(self, family: Family) -> None:
        self.family = family
        options = OPTIONS[family]
        self._options = options
        # IPPROTO_RAW: the header is ours, and nothing but protocol 255 is ever received.
        self._sock = socket.socket(
            options.socket_family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_RAW
        )
        self._sock.setsockopt(options.level, options.mtu_discover, linux.PMTUDISC_PROBE)
        # With it a full queue behind the socket is told (ENOBUFS) instead of passed over in silence.
        self._sock.setsockopt(options.level, options.recv_err, 1)
        self._sock.setsockopt(socket.SOL_SOCKET, linux.SO_TIMESTAMPING, _STAMPS)
        linux.enlarge(self._sock)
        self._gives_numbers = True
        self._given = _FIRST_GIVEN
        self._counted = 0
        self._scoped = family is Family.IPV6
        self._awaited: dict[int, tuple[Probe, bytes]] = {}
        """Probes by the number of their stamp, as they left."""

    def send(self, packet: bytes, probe: Probe, leaving: Leaving) -> None:
        """Send the packet of a probe; ``stamps`` will tell when it left. Raises OSError."""
        target = probe.target
        address = (target, 0, 0, leaving.interface) if self._scoped else (target, 0)
        number = self._hand_over(packet, _packet_info(self.family, leaving), address)
        self._awaited[number] = (probe, packet)
        if len(self._awaited) > STAMPS_AWAITED:
            del self._awaited[next(iter(self._awaited))]

    def _hand_over(self, packet: bytes, info: _Message, address: tuple[object, ...]) -> int:
        """Send; returns the number the stamp will carry."""
        if self._gives_numbers:
            number = self._given
            named = (socket.SOL_SOCKET, _SCM_TS_OPT_ID, _UNSIGNED.pack(number))
            try:
                self._sock.sendmsg([packet], [info, named], 0, address)
            except OSError as error:
                # Either this kernel does not know the message, or the route is a black hole.
                if error.errno != errno.EINVAL:
                    raise
            else:
                self._given = _FIRST_GIVEN | (number + 1) & _LAST_COUNTED
                return number
        number = self._counted
        try:
            self._sock.sendmsg([packet], [info], 0, address)
        except OSError as error:
            if error.errno in _CONSUMES_A_NUMBER:
                self._counted = (number + 1) & _LAST_COUNTED
            raise
        self._counted = (number + 1) & _LAST_COUNTED
        self._gives_numbers = False
        return number

    def stamps(self, clock: KernelClock) -> Iterator[TransmitStamp]:
        """The stamps that have come, oldest first."""
        while self._awaited:
            try:
                _, messages, _, _ = self._sock.recvmsg(0, linux.ANCILLARY_ROOM, _ERRORS)
            except OSError:
                return
            stamped = linux.read_transmit_stamp(self._options, messages)
            awaited = self._awaited.pop(stamped[0], None) if stamped is not None else None
            if awaited is not None and stamped is not None:
                probe, packet = awaited
                yield TransmitStamp(
                    protocol=probe.protocol,
                    destination=probe.target,
                    identity=probe.identity,
                    mark=probe.mark,
                    at=clock.stamp(stamped[1]),
                    packet=packet,
                )

    def forget(self) -> None:
        """Stamps still to come are nobody's."""
        self._awaited.clear()

    def close(self) -> None:
        """Close it."""
        self._sock.close()


@lru_cache(_WAYS_OUT)
def _packet_info(family: Family, leaving: Leaving) -> _Message:
    """The control message by which routes are chosen as for a socket bound to this address and interface.

    SO_BINDTODEVICE would bind all traces of the socket, and undoing it takes a privilege.
    """
    source = socket.inet_pton(OPTIONS[family].socket_family, leaving.source)
    if family is Family.IPV4:
        return (socket.IPPROTO_IP, _IP_PKTINFO, _PKTINFO4.pack(leaving.interface, source))
    return (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, _PKTINFO6.pack(source, leaving.interface))


class Datagram(msgspec.Struct, frozen=True, gc=False):
    """One packet of a receive queue."""

    data: bytes
    """From the IP header on (IPv4) or from the transport header on (IPv6)."""
    source: Address
    destination: Address | None
    """IPv6 only: in IPv4 it stands in the header."""
    ancillary: Ancillary


class Receiver:
    """Receives what of one protocol comes in over one family, behind a filter."""

    def __init__(self, family: Family, protocol: Protocol) -> None:
        self.family = family
        self.protocol = protocol
        options = OPTIONS[family]
        self._options = options
        number = PROTOCOL_NUMBERS[family][protocol]
        self._sock = socket.socket(options.socket_family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, number)
        attach(self._sock, nothing_filter())
        linux.enlarge(self._sock)
        self._sock.setsockopt(socket.SOL_SOCKET, linux.SO_TIMESTAMPING, RECEIVE_FLAGS)
        self._sock.setsockopt(socket.SOL_SOCKET, linux.SO_RXQ_OVFL, 1)
        if family is Family.IPV6:
            for option in (options.recv_ttl, options.recv_tos, socket.IPV6_RECVPKTINFO):
                self._sock.setsockopt(options.level, option, 1)
        self._program = b""
        self._drops = 0
        self._drops_seen = 0
        self.rest()

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._sock.fileno()

    def admit(self, programs: Sequence[bytes]) -> None:
        """Receive what a filter passes: the first of these that the kernel takes.

        It may have no room for a long one (net.core.optmem_max).
        """
        if not self._program:
            self._sock.bind((self._options.wildcard, 0))
        for program in programs:
            if program == self._program:
                return
            with contextlib.suppress(OSError):
                attach(self._sock, program)
                self._program = program
                return

    def rest(self) -> None:
        """Receive nothing; packets of other programs are not even copied for a filter to look at."""
        attach(self._sock, nothing_filter())
        self._program = b""
        while sum(1 for _ in self.datagrams()) == DATAGRAMS_AT_ONCE:
            pass
        self.take_drops()
        with contextlib.suppress(OSError):
            self._sock.bind((_SILENT[self.family], 0))

    def datagrams(self) -> Iterator[Datagram]:
        """What is in the queue, oldest first; never raises because of what the network sent."""
        errors_left = ERRORS_AT_ONCE
        room = _LARGEST[self.protocol]
        for _ in range(DATAGRAMS_AT_ONCE):
            try:
                data, messages, _, peer = self._sock.recvmsg(room, linux.ANCILLARY_ROOM)
            except BlockingIOError:
                return
            except OSError:
                errors_left -= 1
                if not errors_left:
                    return
                continue
            ancillary = linux.read_ancillary(self._options, messages)
            if ancillary.drops is not None:
                self._drops += (ancillary.drops - self._drops_seen) & 0xFFFFFFFF
                self._drops_seen = ancillary.drops
            source = Address(str(peer[0]).partition("%")[0])
            yield Datagram(data, source, _destination(messages), ancillary)

    def take_drops(self) -> int:
        """Packets the kernel dropped at this socket since the last call."""
        drops, self._drops = self._drops, 0
        return drops

    def close(self) -> None:
        """Close it."""
        self._sock.close()


def _destination(messages: list[_Message]) -> Address | None:
    for level, kind, data in messages:
        if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO) and len(data) >= _PKTINFO6.size:
            return Address(socket.inet_ntop(socket.AF_INET6, data[:16]))
    return None


_SILENT = {Family.IPV4: "127.255.255.254", Family.IPV6: "::1"}
"""Addresses of this host that hardly anybody sends to: a socket bound to one is passed over."""


class RawSockets:
    """One sender a family and one receiver a family and protocol, as far as this host has them.

    Raises OSError: EPERM without CAP_NET_RAW.
    """

    channel = "raw"

    def __init__(self) -> None:
        self.senders: dict[Family, Sender] = {}
        self.receivers: dict[tuple[Family, Protocol], Receiver] = {}
        with contextlib.ExitStack() as opened:
            opened.callback(self.close)
            for family in Family:
                self._open(family)
            opened.pop_all()

    def _open(self, family: Family) -> None:
        try:
            self.senders[family] = Sender(family)
        except OSError as error:
            if error.errno == errno.EAFNOSUPPORT:
                return
            raise
        for protocol in Protocol:
            self.receivers[family, protocol] = Receiver(family, protocol)

    def close(self) -> None:
        """Close all; they cannot be opened again without the privilege."""
        for sender in self.senders.values():
            sender.close()
        for receiver in self.receivers.values():
            receiver.close()
