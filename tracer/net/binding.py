"""Opens the socket of a probe: its source port, and what it means when that fails.

The one place where a source port is bound. A port in use is skipped, a range without a free port is
exhaustion, and neither is ever an exception (see failures.TABLE).
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct

from tracer.interfaces import NotSent, PortInUse
from tracer.model import Address, Failure, Port, PortPlanKind, Probe, Protocol, Route
from tracer.net import linux
from tracer.net.failures import SKIP, Attempt, Phase, PortChoice, explain
from tracer.net.linux import OPTIONS, PMTUDISC_PROBE
from tracer.net.reuseport import THIS, Transport, share

RECEIVE_BUFFER = 1 << 20
"""The error queue is bounded by SO_RCVBUF; the kernel cuts this down to net.core.rmem_max."""

_TRANSPORTS = {
    Protocol.TCP: (int(socket.SOCK_STREAM | socket.SOCK_NONBLOCK), Transport.STREAM),
    Protocol.UDP: (int(socket.SOCK_DGRAM | socket.SOCK_NONBLOCK), Transport.DATAGRAM),
    Protocol.ICMP: (int(socket.SOCK_DGRAM | socket.SOCK_NONBLOCK), Transport.DATAGRAM),
}
"""Kinds as numbers: the flags of Python's socket module are added up by a function in Python."""

_IDENTIFIERS_TRIED = 4
"""Others of this host may have some; with so many in use that four in a row are, the kernel finds one."""

_RESET_ON_CLOSE = struct.pack("@ii", 1, 0)
"""SO_LINGER on, zero seconds: close sends a reset, nothing of ours stays in TIME-WAIT."""


def attempt_of(
    route: Route, probe: Probe, phase: Phase, *, lap_ends: bool = False, mtu: int | None = None
) -> Attempt:
    """What is being tried, for the error table; ``mtu`` is what the kernel told of a packet too large."""
    choice = PortChoice.FIXED
    if probe.source_port == 0:
        choice = PortChoice.KERNEL
    elif route.plan is PortPlanKind.FIXED_TARGET:
        choice = PortChoice.MOVING
    return Attempt(
        phase=phase,
        protocol=probe.protocol,
        family=route.family,
        choice=choice,
        source=source_of(route),
        source_port=probe.source_port,
        target=probe.target,
        target_port=probe.target_port,
        lap_ends=lap_ends,
        mtu=mtu,
    )


def source_of(route: Route) -> Address:
    """The address to bind: the user's choice, else any, so that the route decides probe for probe."""
    if route.bind_source and route.source is not None:
        return route.source.address
    return OPTIONS[route.family].wildcard


def refusal(attempt: Attempt, error: OSError) -> PortInUse | NotSent:
    """The channel's answer to a probe that an error kept here."""
    found = explain(attempt, error)
    return (
        PortInUse(attempt.source_port) if found is SKIP or not isinstance(found, Failure) else NotSent(found)
    )


def open_socket(route: Route, probe: Probe, *, lap_ends: bool) -> socket.socket | PortInUse | NotSent:
    """A non-blocking socket bound to the probe's source, or why there is none."""
    kind, transport = _TRANSPORTS[route.protocol]
    options = OPTIONS[route.family]
    number = options.icmp if route.protocol is Protocol.ICMP else 0
    try:
        sock = socket.socket(options.socket_family, kind, number)
    except OSError as error:
        return refusal(attempt_of(route, probe, Phase.SOCKET), error)
    try:
        _prepare(sock, route, probe, transport)
        if route.protocol is Protocol.ICMP and not probe.source_port:
            _bind_identifier(sock, source_of(route))
        else:
            sock.bind((source_of(route), probe.source_port))
    except OSError as error:
        sock.close()
        return refusal(attempt_of(route, probe, Phase.BIND, lap_ends=lap_ends), error)
    return sock


def _bind_identifier(sock: socket.socket, source: Address) -> None:
    """Give a ping socket an identifier nobody can guess: the kernel counts upwards (net/ipv4/ping.c).

    Ping sockets are born with SO_REUSEADDR (INET_PROTOSW_REUSE in net/ipv4/af_inet.c): two of them may then
    have one identifier, and the later one takes all answers of the other.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    for _ in range(_IDENTIFIERS_TRIED):
        with contextlib.suppress(OSError):
            sock.bind((source, int.from_bytes(os.urandom(2)) or 1))
            return
    sock.bind((source, 0))


def _prepare(sock: socket.socket, route: Route, probe: Probe, transport: Transport) -> None:
    options = OPTIONS[route.family]
    if options.socket_family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    share(sock, THIS, transport, route.plan)
    sock.setsockopt(options.level, options.recv_err, 1)
    sock.setsockopt(options.level, options.recv_ttl, 1)
    sock.setsockopt(options.level, options.recv_tos, 1)
    sock.setsockopt(options.level, options.tos, probe.shape.tos)
    if options.socket_family == socket.AF_INET and not probe.shape.dont_fragment:
        sock.setsockopt(socket.IPPROTO_IP, linux.IP_MTU_DISCOVER, linux.IP_PMTUDISC_DONT)
    with contextlib.suppress(OSError):  # Linux before 5.9: no offset of ICMP extensions
        sock.setsockopt(options.level, options.recv_err_rfc4884, 1)
    if transport is Transport.STREAM:
        sock.setsockopt(options.level, options.ttl_default, probe.ttl)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    else:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        if probe.shape.dont_fragment:
            sock.setsockopt(options.level, options.mtu_discover, PMTUDISC_PROBE)
    if route.bind_device and route.source is not None and route.source.interface is not None:
        bind_device(sock, route.source.interface)


def bind_device(sock: socket.socket, interface: str) -> bool:
    """Bind to a device; False where only the address can be chosen (Linux before 5.7 without privilege)."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
    except OSError:
        return False
    return True


def bound_port(sock: socket.socket) -> Port:
    """The local port, or the identifier of a ping socket."""
    return Port(sock.getsockname()[1])
