"""Linux's socket interface where Python has no names for it, one table for both families.

Numbers from the kernel's uapi headers: linux/in.h, linux/in6.h, linux/errqueue.h, linux/net_tstamp.h,
asm-generic/socket.h, linux/tcp.h.
"""

from __future__ import annotations

import socket
from struct import Struct, unpack_from

import msgspec

from tracer.model import Address, Family

IP_MTU_DISCOVER = 10
IP_PMTUDISC_DONT = 0
SO_RCVBUFFORCE = 33
SO_TIMESTAMPING = 37
SO_RXQ_OVFL = 40
SO_EE_ORIGIN_LOCAL = 1
SO_EE_ORIGIN_ICMP = 2
SO_EE_ORIGIN_ICMP6 = 3
SO_EE_ORIGIN_TIMESTAMPING = 4

PMTUDISC_PROBE = 3

TX_SOFTWARE = 1 << 1
RX_SOFTWARE = 1 << 3
SOFTWARE = 1 << 4
OPT_ID = 1 << 7
OPT_CMSG = 1 << 10
OPT_TSONLY = 1 << 11

_TIMESPEC = Struct("@qq")
_EXTENDED_ERROR = Struct("@IBBBBII")
_RFC4884_INVALID = 1
_INT = Struct("@i")
_UNSIGNED = Struct("@I")
_TCP_INFO_RTT = 68
_TCP_INFO_TOTAL_RETRANS = 100
_TCP_INFO_SIZE = 104

ANCILLARY_ROOM = 512
"""Fits every control message asked for here, with their headers."""

PACKET_ROOM = 2048
"""Fits the largest probe of a round (1024 bytes) with its link header, and any ICMP error (1280 bytes)."""

RECEIVE_QUEUE = 4 << 20
"""Bytes of a large receive queue where the privilege to ask for it is there, else what rmem_max allows."""


class FamilyOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The names of one family for what both can do."""

    socket_family: int
    level: int
    ttl: int
    """Socket option and control message that set, and control message that tells, the TTL."""
    ttl_default: int
    """Socket option for the TTL of all packets."""
    tos: int
    recv_ttl: int
    recv_tos: int
    recv_err: int
    recv_err_rfc4884: int
    mtu_discover: int
    """Socket option: with ``PMTUDISC_PROBE`` packets leave whole, with DF, whatever MTU is remembered."""
    icmp: int
    wildcard: Address
    header_length: int
    offender: tuple[int, int]
    """Where the address lies in the socket address behind an extended error, first byte and one past."""


OPTIONS: dict[Family, FamilyOptions] = {
    Family.IPV4: FamilyOptions(
        socket_family=socket.AF_INET,
        level=socket.IPPROTO_IP,
        ttl=socket.IP_TTL,
        ttl_default=socket.IP_TTL,
        tos=socket.IP_TOS,
        recv_ttl=12,
        recv_tos=13,
        recv_err=11,
        recv_err_rfc4884=26,
        mtu_discover=10,
        icmp=socket.IPPROTO_ICMP,
        wildcard=Address("0.0.0.0"),  # noqa: S104 - the kernel picks the source by route
        header_length=20,
        offender=(4, 8),
    ),
    Family.IPV6: FamilyOptions(
        socket_family=socket.AF_INET6,
        level=socket.IPPROTO_IPV6,
        ttl=socket.IPV6_HOPLIMIT,
        ttl_default=socket.IPV6_UNICAST_HOPS,
        tos=socket.IPV6_TCLASS,
        recv_ttl=socket.IPV6_RECVHOPLIMIT,
        recv_tos=socket.IPV6_RECVTCLASS,
        recv_err=25,
        recv_err_rfc4884=31,
        mtu_discover=23,
        icmp=socket.IPPROTO_ICMPV6,
        wildcard=Address("::"),
        header_length=40,
        offender=(8, 24),
    ),
}


class ExtendedError(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an error-queue entry says (struct sock_extended_err and the offender behind it)."""

    errno: int
    origin: int
    type: int
    code: int
    info: int
    """The MTU, for errors that tell one."""
    data: int
    """Counter of the send, for transmit stamps."""
    offender: Address | None
    extensions_at: int | None
    """Offset of the ICMP extensions in the payload, where the kernel found some (Linux 5.9)."""


class Ancillary(msgspec.Struct, gc=False):
    """The control messages of one received datagram."""

    stamp_ns: int | None = None
    """CLOCK_REALTIME of the kernel's software stamp."""
    ttl: int | None = None
    tos: int | None = None
    drops: int | None = None
    """Packets this socket's receive queue has dropped so far."""
    error: ExtendedError | None = None


def enlarge(sock: socket.socket) -> None:
    """Give a socket a large receive queue."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_QUEUE)
    except OSError:  # needs CAP_NET_ADMIN
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_QUEUE)


def ttl_message(options: FamilyOptions, ttl: int) -> tuple[int, int, bytes]:
    """The control message that gives one datagram its TTL."""
    return (options.level, options.ttl, _INT.pack(ttl))


def read_ancillary(options: FamilyOptions, messages: list[tuple[int, int, bytes]]) -> Ancillary:
    """Decode the control messages of one recvmsg; one that was cut short tells nothing."""
    found = Ancillary()
    for level, kind, data in messages:
        if level == socket.SOL_SOCKET:
            if kind == SO_TIMESTAMPING and len(data) >= _TIMESPEC.size:
                seconds, nanoseconds = _TIMESPEC.unpack_from(data)
                found.stamp_ns = seconds * 1_000_000_000 + nanoseconds or None
            elif kind == SO_RXQ_OVFL and len(data) >= _UNSIGNED.size:
                found.drops = _UNSIGNED.unpack_from(data)[0]
        elif level == options.level:
            if kind == options.ttl:
                found.ttl = _byte_or_int(data)
            elif kind == options.tos:
                found.tos = _byte_or_int(data)
            elif kind == options.recv_err and len(data) >= _EXTENDED_ERROR.size:
                found.error = _read_error(options, data)
    return found


def read_transmit_stamp(
    options: FamilyOptions, messages: list[tuple[int, int, bytes]]
) -> tuple[int, int] | None:
    """The number of a sent packet and when it left (CLOCK_REALTIME); None for other error-queue entries."""
    number = stamp_ns = None
    for level, kind, data in messages:
        if kind == SO_TIMESTAMPING and level == socket.SOL_SOCKET and len(data) >= _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            stamp_ns = seconds * 1_000_000_000 + nanoseconds
        elif kind == options.recv_err and level == options.level and len(data) >= _EXTENDED_ERROR.size:
            _, origin, _, _, _, _, extra = _EXTENDED_ERROR.unpack_from(data)
            number = extra if origin == SO_EE_ORIGIN_TIMESTAMPING else None
    return (number, stamp_ns) if number is not None and stamp_ns else None


def _byte_or_int(data: bytes) -> int | None:
    """IPv4 tells the TOS as a byte, all else comes as an int."""
    if len(data) >= _INT.size:
        return int(_INT.unpack_from(data)[0])
    return data[0] if len(data) == 1 else None


def _read_error(options: FamilyOptions, data: bytes) -> ExtendedError:
    errno, origin, kind, code, _, info, extra = _EXTENDED_ERROR.unpack_from(data)
    if origin == SO_EE_ORIGIN_TIMESTAMPING:  # nobody offends, and every probe has one
        return ExtendedError(
            errno=errno,
            origin=origin,
            type=kind,
            code=code,
            info=info,
            data=extra,
            offender=None,
            extensions_at=None,
        )
    start, end = _EXTENDED_ERROR.size + options.offender[0], _EXTENDED_ERROR.size + options.offender[1]
    family = unpack_from("@H", data, _EXTENDED_ERROR.size)[0] if len(data) >= end else socket.AF_UNSPEC
    offender = None
    if family == options.socket_family:
        offender = Address(socket.inet_ntop(options.socket_family, data[start:end]))
    extensions_at, flags = unpack_from("@HB", data, _EXTENDED_ERROR.size - 4)
    is_icmp = origin in (SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6)
    located = is_icmp and extensions_at and not flags & _RFC4884_INVALID
    return ExtendedError(
        errno=errno,
        origin=origin,
        type=kind,
        code=code,
        info=info,
        data=extra,
        offender=offender,
        extensions_at=extensions_at if located else None,
    )


class TcpInfo(msgspec.Struct, frozen=True):
    """What the kernel measured of a handshake (struct tcp_info)."""

    rtt_ns: int
    """tcpi_rtt; the kernel keeps microseconds."""
    total_retrans: int


def tcp_info(sock: socket.socket) -> TcpInfo:
    """Read TCP_INFO of a connected socket."""
    data = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
    (rtt_us,) = unpack_from("@I", data, _TCP_INFO_RTT)
    (total_retrans,) = unpack_from("@I", data, _TCP_INFO_TOTAL_RETRANS)
    return TcpInfo(rtt_us * 1_000, total_retrans)
