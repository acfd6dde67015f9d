"""Whether a probe's socket shares its source port: a table by platform, socket type and port plan.

SO_REUSEPORT means something else on every system and for every socket type, so nothing here is derived:
each row is a decision with its reason. Linux rows are measured; the others follow the systems' manuals and
sources.
"""

from __future__ import annotations

import contextlib
import socket
import sys
from enum import StrEnum

import msgspec

from tracer.model import PortPlanKind


class Platform(StrEnum):
    """The systems whose SO_REUSEPORT differs."""

    LINUX = "linux"
    MACOS = "macos"
    FREEBSD = "freebsd"
    WINDOWS = "windows"


class Transport(StrEnum):
    """The socket types that bind ports."""

    STREAM = "stream"
    DATAGRAM = "datagram"


class Sharing(msgspec.Struct, frozen=True):
    """One row: the socket option to set, or None, and why."""

    option: str | None
    reason: str


_MOVES = PortPlanKind.FIXED_TARGET
_FIXED = PortPlanKind.FIXED_SOURCE
_PAIR = PortPlanKind.FIXED_BOTH
_TUPLE = PortPlanKind.FIXED_TUPLE_MARKED

_SKIP_CLEANLY = (
    "each probe has its own port: without the option a port in use fails at bind with EADDRINUSE and is "
    "skipped; with it the clash would move to connect as EADDRNOTAVAIL"
)
_ONE_SOURCE = (
    "several probes to different target ports leave one source port at the same time; each socket must set"
    " it, or the second bind fails with EADDRINUSE"
)
_ONE_AT_A_TIME = "one probe at a time uses the pair and is closed with a reset, so the port is free again"
_HELD = "raw sockets send the probes; a socket that only holds the flow's port shares it with nobody"
_STEALS = (
    "sockets of one user in a reuseport group share incoming datagrams by hash: a tracer bound to a port "
    "that a local server uses would take its traffic"
)
_BSD_STEALS = (
    "identical bindings are allowed when every socket sets it, but only one of them gets a datagram: a local "
    "server on the port could lose its own"
)
_EXCLUSIVE = (
    "Windows has no SO_REUSEPORT, and its SO_REUSEADDR lets anybody take the port over; "
    "SO_EXCLUSIVEADDRUSE keeps it ours"
)

SHARING: dict[tuple[Platform, Transport, PortPlanKind], Sharing] = {
    (Platform.LINUX, Transport.STREAM, _MOVES): Sharing(None, _SKIP_CLEANLY),
    (Platform.LINUX, Transport.STREAM, _FIXED): Sharing("SO_REUSEPORT", _ONE_SOURCE),
    (Platform.LINUX, Transport.STREAM, _PAIR): Sharing(None, _ONE_AT_A_TIME),
    (Platform.LINUX, Transport.STREAM, _TUPLE): Sharing(None, _HELD),
    (Platform.LINUX, Transport.DATAGRAM, _MOVES): Sharing(None, _STEALS),
    (Platform.LINUX, Transport.DATAGRAM, _FIXED): Sharing(None, _STEALS),
    (Platform.LINUX, Transport.DATAGRAM, _PAIR): Sharing(None, _STEALS),
    (Platform.LINUX, Transport.DATAGRAM, _TUPLE): Sharing(None, _HELD),
    (Platform.MACOS, Transport.STREAM, _MOVES): Sharing(None, _SKIP_CLEANLY),
    (Platform.MACOS, Transport.STREAM, _FIXED): Sharing("SO_REUSEPORT", _ONE_SOURCE),
    (Platform.MACOS, Transport.STREAM, _PAIR): Sharing(None, _ONE_AT_A_TIME),
    (Platform.MACOS, Transport.STREAM, _TUPLE): Sharing(None, _HELD),
    (Platform.MACOS, Transport.DATAGRAM, _MOVES): Sharing(None, _BSD_STEALS),
    (Platform.MACOS, Transport.DATAGRAM, _FIXED): Sharing(None, _BSD_STEALS),
    (Platform.MACOS, Transport.DATAGRAM, _PAIR): Sharing(None, _BSD_STEALS),
    (Platform.MACOS, Transport.DATAGRAM, _TUPLE): Sharing(None, _HELD),
    (Platform.FREEBSD, Transport.STREAM, _MOVES): Sharing(None, _SKIP_CLEANLY),
    (Platform.FREEBSD, Transport.STREAM, _FIXED): Sharing(
        "SO_REUSEPORT", f"{_ONE_SOURCE}; SO_REUSEPORT_LB would balance connections, which nobody wants here"
    ),
    (Platform.FREEBSD, Transport.STREAM, _PAIR): Sharing(None, _ONE_AT_A_TIME),
    (Platform.FREEBSD, Transport.STREAM, _TUPLE): Sharing(None, _HELD),
    (Platform.FREEBSD, Transport.DATAGRAM, _MOVES): Sharing(None, _BSD_STEALS),
    (Platform.FREEBSD, Transport.DATAGRAM, _FIXED): Sharing(None, _BSD_STEALS),
    (Platform.FREEBSD, Transport.DATAGRAM, _PAIR): Sharing(None, _BSD_STEALS),
    (Platform.FREEBSD, Transport.DATAGRAM, _TUPLE): Sharing(None, _HELD),
    (Platform.WINDOWS, Transport.STREAM, _MOVES): Sharing("SO_EXCLUSIVEADDRUSE", _EXCLUSIVE),
    (Platform.WINDOWS, Transport.STREAM, _FIXED): Sharing("SO_EXCLUSIVEADDRUSE", _EXCLUSIVE),
    (Platform.WINDOWS, Transport.STREAM, _PAIR): Sharing("SO_EXCLUSIVEADDRUSE", _EXCLUSIVE),
    (Platform.WINDOWS, Transport.STREAM, _TUPLE): Sharing("SO_EXCLUSIVEADDRUSE", _EXCLUSIVE),
    (Platform.WINDOWS, Transport.DATAGRAM, _MOVES): Sharing("SO_EXCLUSIVEADDRUSE", _EXCLUSIVE),
    (Platform.WINDOWS, Transport.DATAGRAM, _FIXED): Sharing("SO_EXCLUSIVEADDRUSE", _EXCLUSIVE),
    (Platform.WINDOWS, Transport.DATAGRAM, _PAIR): Sharing("SO_EXCLUSIVEADDRUSE", _EXCLUSIVE),
    (Platform.WINDOWS, Transport.DATAGRAM, _TUPLE): Sharing("SO_EXCLUSIVEADDRUSE", _EXCLUSIVE),
}

_PLATFORMS = {"linux": Platform.LINUX, "darwin": Platform.MACOS, "win32": Platform.WINDOWS}


def platform_of(sys_platform: str) -> Platform:
    """The row group for a value of ``sys.platform``; the BSDs follow FreeBSD."""
    return _PLATFORMS.get(sys_platform, Platform.FREEBSD)


THIS = platform_of(sys.platform)
"""The platform this process runs on."""


def share(sock: socket.socket, platform: Platform, transport: Transport, plan: PortPlanKind) -> None:
    """Set what the table says, before bind. A system without the option keeps its default."""
    option = SHARING[platform, transport, plan].option
    if option is not None and hasattr(socket, option):
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, getattr(socket, option), 1)
