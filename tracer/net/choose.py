"""Which channel and which protocol a configuration gets on this host, and why."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from tracer.config import ChannelChoice, ProtocolChoice, TraceConfig
from tracer.errors import HopscopeError, LocalError, NotPermittedError
from tracer.interfaces import Channel, Clock
from tracer.model import Family, Protocol
from tracer.net import host
from tracer.net.binding import bind_device
from tracer.net.failures import no_descriptor
from tracer.net.linux import OPTIONS

if TYPE_CHECKING:
    from tracer.net.raw_sockets import RawSockets

_RAW = "every byte is sent and read over raw sockets, opened before all privileges were given up"
_UNPRIVILEGED = "no privilege needed: answers are read from the sockets' error queues"


class Choice(msgspec.Struct, frozen=True):
    """A protocol and a channel, with the reason in a sentence."""

    protocol: Protocol
    reason: str
    channel: ChannelChoice = ChannelChoice.ERRQUEUE
    """Never ``auto``."""


def open_raw() -> RawSockets | None:
    """The sockets that need CAP_NET_RAW; None without it, and on systems other than Linux.

    Raises LocalError where this process may open no more files.
    """
    if not sys.platform.startswith("linux"):
        return None
    from tracer.net.raw_sockets import RawSockets  # noqa: PLC0415 - not for everybody who may not

    try:
        return RawSockets()
    except PermissionError:
        return None
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise LocalError(no_descriptor(error)) from error
        return None


def choose(config: TraceConfig, families: Iterable[Family], raw: RawSockets | None = None) -> Choice:
    """Decide for this host. Raises NotPermittedError where the user asks for what is not permitted."""
    _only_where_it_runs()
    if config.channel is ChannelChoice.RAW and raw is None:
        raise NotPermittedError(
            "Raw sockets need the capability CAP_NET_RAW, which this process does not have.",
            _HOW_TO_GRANT,
        )
    if raw is not None and config.channel is not ChannelChoice.ERRQUEUE:
        return _by_raw(config)
    protocol, reason = _protocol(config, families)
    if config.interface is not None and not _may_bind_device(config.interface):
        reason += (
            f"; this user may not bind interface {config.interface}, so only its address was chosen and the "
            "routes decide where the probes leave"
        )
    return Choice(protocol, reason)


_HOW_TO_GRANT = (
    "Run `sudo setpriv --reuid=$(id -u) --regid=$(id -g) --init-groups --inh-caps=+net_raw "
    "--ambient-caps=+net_raw hopscope ...`, run hopscope as root, or leave --channel out: errqueue needs no "
    "privilege."
)


def _by_raw(config: TraceConfig) -> Choice:
    asked = config.protocol is not ProtocolChoice.AUTO
    protocol = Protocol(config.protocol.value) if asked else Protocol.ICMP
    why = "as asked" if asked else "the default"
    return Choice(protocol, f"{protocol.upper()}, {why}; {_RAW}", ChannelChoice.RAW)


def _only_where_it_runs() -> None:
    if not sys.platform.startswith("linux"):
        raise HopscopeError(
            f"Real paths are traced on Linux only so far, not on {sys.platform}.",
            "The simulated internet works everywhere: try --sim wan.",
        )


def _protocol(config: TraceConfig, families: Iterable[Family]) -> tuple[Protocol, str]:
    ping = all(_may_ping(family) for family in set(families) or {Family.IPV4})
    low, high = host.ping_groups()
    if config.protocol is ProtocolChoice.AUTO:
        if ping:
            return (Protocol.ICMP, f"ICMP, as ping sockets are permitted; {_UNPRIVILEGED}")
        refused = (
            f"net.ipv4.ping_group_range ({low} {high}) does not admit this user's groups to ping sockets"
        )
        return (Protocol.UDP, f"UDP, as {refused}; {_UNPRIVILEGED}")
    if config.protocol is ProtocolChoice.ICMP and not ping:
        groups = ", ".join(str(group) for group in sorted(host.group_ids()))
        raise NotPermittedError(
            f"ICMP needs a ping socket, and net.ipv4.ping_group_range ({low} {high}) does not admit this "
            f"user's groups ({groups}).",
            'Run `sysctl -w net.ipv4.ping_group_range="0 2147483647"` as root, or trace with --udp or --tcp, '
            "which need no permission.",
        )
    return (Protocol(config.protocol.value), f"{config.protocol.upper()} as asked; {_UNPRIVILEGED}")


def open_channel(choice: Choice, clock: Clock, raw: RawSockets | None = None) -> Channel:
    """Open the chosen channel. Raises LocalError where this process may open no more files."""
    if choice.channel is ChannelChoice.RAW and raw is not None:
        from tracer.net.raw import RawChannel  # noqa: PLC0415 - not for everybody who may not

        return RawChannel(clock, raw, choice.protocol, choice.reason)
    from tracer.net.errqueue import ErrqueueChannel  # noqa: PLC0415 - needs Linux's epoll

    return ErrqueueChannel(clock, choice.protocol, choice.reason)


def _may_bind_device(interface: str) -> bool:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            return bind_device(sock, interface)
    except OSError:
        return True  # descriptors are short: told when the first probe is sent


def _may_ping(family: Family) -> bool:
    options = OPTIONS[family]
    try:
        socket.socket(options.socket_family, socket.SOCK_DGRAM, options.icmp).close()
    except PermissionError:
        return False
    except OSError:
        return True  # the family is off, or descriptors are short: told when the first probe is sent
    return True
