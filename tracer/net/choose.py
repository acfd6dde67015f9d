"""Which channel and which protocol a configuration gets on this host, and why."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Callable, Iterable
from typing import cast

import msgspec

from tracer.config import ChannelChoice, ProtocolChoice, TraceConfig
from tracer.errors import HopscopeError, LocalError, NotPermittedError
from tracer.interfaces import Channel, Clock, OpenSockets
from tracer.model import Family, Protocol
from tracer.net import host
from tracer.net.binding import bind_device
from tracer.net.failures import no_descriptor
from tracer.net.linux import OPTIONS
from tracer.net.unprivileged import needs_raw

_WHOLE_PACKETS = {
    ChannelChoice.RAW: "whole packets over raw sockets, opened before all privileges were given up",
    ChannelChoice.SCAPY: "whole packets over Scapy's sockets, as asked",
}
_UNPRIVILEGED = "no privilege needed: answers are read from the sockets' error queues"


class Choice(msgspec.Struct, frozen=True):
    """A protocol and a channel, with the reason in a sentence."""

    protocol: Protocol
    reason: str
    channel: ChannelChoice = ChannelChoice.ERRQUEUE
    """Never ``auto``."""


def open_privileged(wanted: ChannelChoice) -> OpenSockets | None:
    """The sockets that need CAP_NET_RAW; None without it, and on systems that have no such sockets.

    Raises LocalError where this process may open no more files.
    """
    scapy = wanted is ChannelChoice.SCAPY
    if not scapy and not sys.platform.startswith("linux"):
        return None
    try:
        return _scapy_sockets() if scapy else _raw_sockets()
    except PermissionError:
        return None
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise LocalError(no_descriptor(error)) from error
        return None


def _raw_sockets() -> OpenSockets:
    from tracer.net.raw_sockets import RawSockets  # noqa: PLC0415 - not for everybody who may not

    return RawSockets()


def _scapy_sockets() -> OpenSockets:
    from tracer.net.scapy_channel import ScapySockets  # noqa: PLC0415 - Scapy takes half a second to load

    return ScapySockets()


def choose(config: TraceConfig, families: Iterable[Family], opened: OpenSockets | None = None) -> Choice:
    """Decide for this host. Raises NotPermittedError where the user asks for what is not permitted."""
    given = None if opened is None else ChannelChoice(opened.channel)
    if config.channel in _PRIVILEGED and config.channel is not given:
        raise NotPermittedError(_PRIVILEGED[config.channel], _HOW_TO_GRANT)
    if given is not None and config.channel is not ChannelChoice.ERRQUEUE:
        return _by_whole_packets(config, given)
    _only_where_it_runs()
    protocol, reason = _protocol(config, families)
    if (refusal := needs_raw(config, protocol)) is not None:
        raise refusal
    if config.interface is not None and not _may_bind_device(config.interface):
        reason += (
            f"; this user may not bind interface {config.interface}, so only its address was chosen and the "
            "routes decide where the probes leave"
        )
    return Choice(protocol, reason)


_PRIVILEGED = {
    ChannelChoice.RAW: "Raw sockets need the capability CAP_NET_RAW, which this process does not have.",
    ChannelChoice.SCAPY: "Scapy's sockets need the capability CAP_NET_RAW, and to be asked for at the start.",
}

_HOW_TO_GRANT = (
    "Run `sudo setpriv --reuid=$(id -u) --regid=$(id -g) --init-groups --inh-caps=+net_raw "
    "--ambient-caps=+net_raw hopscope ...`, run hopscope as root, or leave --channel out: errqueue needs no "
    "privilege."
)


def _by_whole_packets(config: TraceConfig, channel: ChannelChoice) -> Choice:
    asked = config.protocol is not ProtocolChoice.AUTO
    protocol = Protocol(config.protocol.value) if asked else Protocol.ICMP
    why = "as asked" if asked else "the default"
    return Choice(protocol, f"{protocol.upper()}, {why}; {_WHOLE_PACKETS[channel]}", channel)


def _only_where_it_runs() -> None:
    if not sys.platform.startswith("linux"):
        raise HopscopeError(
            f"Real paths are traced on Linux only so far, not on {sys.platform}.",
            "The simulated internet works everywhere: try --sim wan.",
        )


def _protocol(config: TraceConfig, families: Iterable[Family]) -> tuple[Protocol, str]:
    ping = all(_may_ping(family) for family in set(families) or {Family.IPV4})
    if config.protocol is ProtocolChoice.AUTO:
        if ping:
            return (Protocol.ICMP, f"ICMP, as ping sockets are permitted; {_UNPRIVILEGED}")
        refused = f"{_ping_groups()} does not admit this user's groups to ping sockets"
        return (Protocol.UDP, f"UDP, as {refused}; {_UNPRIVILEGED}")
    if config.protocol is ProtocolChoice.ICMP and not ping:
        groups = ", ".join(str(group) for group in sorted(host.group_ids()))
        raise NotPermittedError(
            f"ICMP needs a ping socket, and {_ping_groups()} does not admit this user's groups ({groups}).",
            'Run `sysctl -w net.ipv4.ping_group_range="0 2147483647"` as root, or trace with --udp or --tcp, '
            "which need no permission.",
        )
    return (Protocol(config.protocol.value), f"{config.protocol.upper()} as asked; {_UNPRIVILEGED}")


def _ping_groups() -> str:
    groups = host.ping_groups()
    told = "unknown: it cannot be read here" if groups is None else f"{groups[0]} {groups[1]}"
    return f"net.ipv4.ping_group_range ({told})"


def open_channel(choice: Choice, clock: Clock, opened: OpenSockets | None = None) -> Channel:
    """Open the chosen channel. Raises LocalError where this process may open no more files."""
    if choice.channel is not ChannelChoice.ERRQUEUE and opened is not None:
        return _OVER_SOCKETS[choice.channel](opened, clock, choice)
    from tracer.net.errqueue import ErrqueueChannel  # noqa: PLC0415 - needs Linux's epoll

    return ErrqueueChannel(clock, choice.protocol, choice.reason)


def _over_raw(opened: OpenSockets, clock: Clock, choice: Choice) -> Channel:
    from tracer.net.raw import RawChannel  # noqa: PLC0415 - not for everybody who may not
    from tracer.net.raw_sockets import RawSockets  # noqa: PLC0415

    return RawChannel(clock, cast(RawSockets, opened), choice.protocol, choice.reason)


def _over_scapy(opened: OpenSockets, clock: Clock, choice: Choice) -> Channel:
    from tracer.net.scapy_channel import ScapyChannel, ScapySockets  # noqa: PLC0415 - loads Scapy

    return ScapyChannel(clock, cast(ScapySockets, opened), choice.protocol, choice.reason)


_OVER_SOCKETS: dict[ChannelChoice, Callable[[OpenSockets, Clock, Choice], Channel]] = {
    ChannelChoice.RAW: _over_raw,
    ChannelChoice.SCAPY: _over_scapy,
}


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
