"""Plain sockets for measuring the kernel: constants the socket module lacks, stamps, the error queue."""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.lab.labkit.families import Family

if TYPE_CHECKING:
    from collections.abc import Callable

# linux/net_tstamp.h
SO_TIMESTAMPING = 37
TX_SOFTWARE, RX_SOFTWARE, SOFTWARE, OPT_ID, OPT_CMSG, OPT_TSONLY = (
    1 << 1,
    1 << 3,
    1 << 4,
    1 << 7,
    1 << 10,
    1 << 11,
)
RX_STAMPS = RX_SOFTWARE | SOFTWARE
ALL_STAMPS = TX_SOFTWARE | RX_SOFTWARE | SOFTWARE | OPT_ID | OPT_CMSG

# linux/errqueue.h: who put an entry on the error queue
LOCAL, ICMP, ICMP6, TIMESTAMPING = 1, 2, 3, 4

IP_RECVTOS, IPV6_RECVTCLASS = 13, 66
IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, PMTUDISC_PROBE = 10, 23, 3
SO_RXQ_OVFL = 40
TCP_INFO_RTT_OFFSET, TCP_INFO_TOTAL_RETRANS_OFFSET = 68, 100
"""Of tcpi_rtt (microseconds) and tcpi_total_retrans in struct tcp_info (linux/tcp.h)."""


@dataclass(frozen=True)
class FamilyOptions:
    """The socket options of one IP version that mean the same in the other."""

    level: int
    receive_errors: int
    ttl: int
    receive_ttl: int
    receive_tos: int
    mtu_discover: int
    rfc4884: int
    icmp_protocol: int
    echo_request: int


OPTIONS = {
    Family.IPV4: FamilyOptions(
        socket.IPPROTO_IP, 11, socket.IP_TTL, 12, IP_RECVTOS, IP_MTU_DISCOVER, 26, 1, 8
    ),
    Family.IPV6: FamilyOptions(
        socket.IPPROTO_IPV6,
        25,
        socket.IPV6_UNICAST_HOPS,
        socket.IPV6_RECVHOPLIMIT,
        IPV6_RECVTCLASS,
        IPV6_MTU_DISCOVER,
        31,
        58,
        128,
    ),
}


@dataclass(frozen=True)
class QueuedError:
    """One entry of a socket's error queue."""

    errno: int
    origin: int
    type: int
    code: int
    info: int
    """Next-hop MTU of a too-big entry; the kind of stamp (0 = sent) of a timestamping entry."""
    data: int
    """The OPT_ID number of a timestamping entry."""
    offender: str | None
    payload: bytes
    stamp_ns: int | None
    ttl: int | None
    """TTL left in the ICMP message, where IP_RECVTTL asked for it."""


def errno_of(action: Callable[[], object]) -> str:
    """The name of the error the action raises; ``none`` if it succeeds."""
    try:
        action()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "none"


def receive_errors(sock: socket.socket, family: Family) -> None:
    """Ask for ICMP errors on the error queue."""
    sock.setsockopt(OPTIONS[family].level, OPTIONS[family].receive_errors, 1)


def set_ttl(sock: socket.socket, family: Family, ttl: int) -> None:
    """TTL of everything the socket sends from now on."""
    sock.setsockopt(OPTIONS[family].level, OPTIONS[family].ttl, ttl)


def next_error(sock: socket.socket, seconds: float = 2) -> QueuedError | None:
    """The oldest entry of the error queue, waited for; None if none comes.

    The wait is on POLLERR by a poll of nothing else: a readable socket must not end it.
    """
    poller = select.poll()
    poller.register(sock, 0)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(BlockingIOError):
            return _read_error(sock)
        poller.poll(max(0.0, deadline - time.monotonic()) * 1000)
    return None


def drain_errors(sock: socket.socket) -> list[QueuedError]:
    """Everything on the error queue now."""
    entries = []
    with contextlib.suppress(BlockingIOError):
        while True:
            entries.append(_read_error(sock))
    return entries


def wait_for(sock: socket.socket, origin: int, seconds: float = 2) -> QueuedError:
    """The first entry of that origin, past any other. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while (entry := next_error(sock, deadline - time.monotonic())) is not None:
        if entry.origin == origin:
            return entry
    raise TimeoutError(f"no error queue entry of origin {origin}")


def _read_error(sock: socket.socket) -> QueuedError:
    payload, ancillary, _, _ = sock.recvmsg(4096, 1024, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT)
    for level, kind, data in ancillary:
        for family, options in OPTIONS.items():
            if (level, kind) == (options.level, options.receive_errors):
                number, origin, type_, code, info, extra = struct.unpack("=IBBBxII", data[:16])
                offender = _address(family, data[16:])
                stamp = stamp_ns(ancillary)
                ttl = _ttl(ancillary)
                return QueuedError(number, origin, type_, code, info, extra, offender, payload, stamp, ttl)
    raise AssertionError(f"an error queue entry without its error: {ancillary}")


def _address(family: Family, sockaddr: bytes) -> str | None:
    """The address in a sockaddr_in or sockaddr_in6; the kernel leaves its family 0 where there is none."""
    if len(sockaddr) < 8 or int.from_bytes(sockaddr[:2], "little") != family.af:
        return None
    return socket.inet_ntop(family.af, {Family.IPV4: sockaddr[4:8], Family.IPV6: sockaddr[8:24]}[family])


def stamp_ns(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    """The software stamp among the control messages, nanoseconds of CLOCK_REALTIME."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPING):
            seconds, nanoseconds = struct.unpack("=qq", data[:16])
            if seconds:
                return int(seconds * 1_000_000_000 + nanoseconds)
    return None


def _ttl(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    for level, kind, data in ancillary:
        if (level, kind) in {(socket.IPPROTO_IP, socket.IP_TTL), (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT)}:
            return int(struct.unpack("=i", data[:4])[0])
    return None


def wait_for_stamping() -> None:
    """Return once the kernel stamps what it receives: it starts to some milliseconds after being asked.

    The socket that asked is kept for the life of the process, so that stamping does not stop again.
    """
    if not _holders:
        holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        holder.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, RX_STAMPS)
        holder.bind(("127.0.0.1", 0))
        _holders.append(holder)
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            holder.sendto(b"", holder.getsockname())
            if stamp_ns(holder.recvmsg(1, 256)[1]) is not None:
                return
        raise TimeoutError("the kernel does not stamp received packets")


_holders: list[socket.socket] = []
