"""Which channel and which protocol a configuration gets on this host, and why."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterable

import msgspec

from tracer.config import ProtocolChoice, TraceConfig
from tracer.errors import HopscopeError, NotPermittedError
from tracer.interfaces import Channel, Clock
from tracer.model import Family, Protocol
from tracer.net import host
from tracer.net.binding import bind_device
from tracer.net.linux import OPTIONS
from tracer.net.unprivileged import needs_raw

_UNPRIVILEGED = "no privilege needed: answers are read from the sockets' error queues"


class Choice(msgspec.Struct, frozen=True):
    """A protocol and a channel, with the reason in a sentence."""

    protocol: Protocol
    reason: str


def choose(config: TraceConfig, families: Iterable[Family]) -> Choice:
    """Decide for this host. Raises NotPermittedError where the user asks for what is not permitted."""
    protocol, reason = _protocol(config, families)
    if (refusal := needs_raw(config, protocol)) is not None:
        raise refusal
    if config.interface is not None and not _may_bind_device(config.interface):
        reason += (
            f"; this user may not bind interface {config.interface}, so only its address was chosen and the "
            "routes decide where the probes leave"
        )
    return Choice(protocol, reason)


def _protocol(config: TraceConfig, families: Iterable[Family]) -> tuple[Protocol, str]:
    if not sys.platform.startswith("linux"):
        raise HopscopeError(
            f"Real paths are traced on Linux only so far, not on {sys.platform}.",
            "The simulated internet works everywhere: try --sim wan.",
        )
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


def open_channel(choice: Choice, clock: Clock) -> Channel:
    """Open the chosen channel. Raises LocalError where this process may open no more files."""
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
