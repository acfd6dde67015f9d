"""Source ports and ICMP identifiers of our own, kept from everybody else for as long as a probe needs them.

A port is held by a bound socket that neither listens nor receives: the kernel gives it to nobody, answers a
SYN-ACK to it with a reset, and tells no sender of a datagram that nobody is there.
"""

from __future__ import annotations

import errno
import os
import random
import socket

import msgspec

from tracer.interfaces import NotSent, PortInUse
from tracer.model import (
    Address,
    Family,
    FlowId,
    Port,
    PortPlanKind,
    Probe,
    Protocol,
    Route,
    Sequence,
    TraceId,
)
from tracer.net import binding, host
from tracer.net.failures import Phase
from tracer.net.linux import OPTIONS
from tracer.net.raw_filter import BLOCK_BITS, attach, nothing_filter

_KINDS = {
    Protocol.TCP: int(socket.SOCK_STREAM | socket.SOCK_NONBLOCK),
    Protocol.UDP: int(socket.SOCK_DGRAM | socket.SOCK_NONBLOCK),
}
"""As numbers: the flags of Python's socket module are added up by a function in Python."""
_LAST_IDENTIFIER = 65535


class _Probes(msgspec.Struct, frozen=True, gc=False):
    """Whom a port serves: one probe (sequence), or all of a flow that ask for it (sequence None)."""

    trace: TraceId
    flow: FlowId
    asked: Port
    sequence: Sequence | None


class _Place(msgspec.Struct, frozen=True):
    family: Family
    protocol: Protocol
    port: Port


class _Held:
    """A place, the socket that keeps it, and who uses it towards which target."""

    def __init__(self, place: _Place, sock: socket.socket | None) -> None:
        self.place = place
        self.sock = sock
        """None for a port below ip_unprivileged_port_start, which the kernel gives to nobody anyway."""
        self.users: dict[_Probes, Address] = {}


class SourcePorts:
    """The ports and identifiers that the probes of a channel leave from."""

    def __init__(self) -> None:
        self._places: dict[_Place, _Held] = {}
        self._held: dict[_Probes, _Held] = {}
        self._identifiers: dict[_Probes, tuple[Family, Port]] = {}
        self._blocks: dict[Family, set[int]] = {family: set() for family in Family}
        self._random = random.Random()
        self.unfiltered: set[Family] = set()
        """Families with ports or identifiers that no filter was told of yet."""

    def take(self, route: Route, probe: Probe, *, lap_ends: bool) -> Port | PortInUse | NotSent:
        """The port or identifier this probe leaves from, reserved if it is not yet."""
        probes = _served(route, probe)
        if route.protocol is Protocol.ICMP:
            return self._identifier(route.family, probes)
        held = self._held.get(probes)
        if held is None:
            shared = self._places.get(_Place(route.family, route.protocol, probe.source_port))
            if shared is not None and route.target in shared.users.values():
                return _in_use(route, probe, lap_ends=lap_ends)
            reserved = shared or _reserve(route, probe, lap_ends=lap_ends)
            if not isinstance(reserved, _Held):
                return reserved
            held = self._hold(reserved, probes, route)
        return held.place.port

    def _hold(self, held: _Held, probes: _Probes, route: Route) -> _Held:
        held.users[probes] = route.target
        self._places[held.place] = self._held[probes] = held
        block = held.place.port >> BLOCK_BITS
        if probes.sequence is None or block not in self._blocks[route.family]:
            self.unfiltered.add(route.family)
        if probes.sequence is not None:
            # A block stays: there are 256 of them at the most, and a late answer may still come.
            self._blocks[route.family].add(block)
        return held

    def _identifier(self, family: Family, probes: _Probes) -> Port:
        found = self._identifiers.get(probes)
        if found is None:
            found = self._identifiers[probes] = (family, probes.asked or self._unused_identifier(family))
            self.unfiltered.add(family)
        return found[1]

    def _unused_identifier(self, family: Family) -> Port:
        taken = {*self.identifiers(family), *host.ping_identifiers(family)}
        start = self._random.randrange(_LAST_IDENTIFIER)
        candidates = ((start + step) % _LAST_IDENTIFIER + 1 for step in range(_LAST_IDENTIFIER))
        return Port(next((number for number in candidates if number not in taken), start + 1))

    def release(self, probe: Probe) -> None:
        """The probe needs its port no more; ports of whole flows stay."""
        if self._held:
            self._let_go(_Probes(probe.trace, probe.flow, probe.source_port, probe.sequence))

    def close_trace(self, trace: TraceId) -> None:
        """Let go of everything this trace holds."""
        for probes in [probes for probes in self._held if probes.trace == trace]:
            self._let_go(probes)
        for probes in [probes for probes in self._identifiers if probes.trace == trace]:
            del self._identifiers[probes]

    def _let_go(self, probes: _Probes) -> None:
        held = self._held.pop(probes, None)
        if held is None:
            return
        del held.users[probes]
        if not held.users:
            del self._places[held.place]
            if held.sock is not None:
                held.sock.close()

    def owns(self, family: Family, protocol: Protocol, port: int) -> bool:
        """A probe of ours may be answered at this port."""
        return _Place(family, protocol, Port(port)) in self._places

    def identifiers(self, family: Family) -> frozenset[int]:
        """Every identifier of a family that is ours."""
        return frozenset(number for of, number in self._identifiers.values() if of is family)

    def staying(self, family: Family) -> frozenset[int]:
        """Every port that serves a flow."""
        return frozenset(
            held.place.port
            for probes, held in self._held.items()
            if probes.sequence is None and held.place.family is family
        )

    def blocks(self, family: Family) -> frozenset[int]:
        """Where the ports that serve one probe each are."""
        return frozenset(self._blocks[family])

    def close(self) -> None:
        """Let go of everything."""
        for probes in list(self._held):
            self._let_go(probes)
        self._identifiers.clear()


def _served(route: Route, probe: Probe) -> _Probes:
    moves = route.plan is PortPlanKind.FIXED_TARGET and probe.protocol is not Protocol.ICMP
    return _Probes(probe.trace, probe.flow, probe.source_port, probe.sequence if moves else None)


def _reserve(route: Route, probe: Probe, *, lap_ends: bool) -> _Held | PortInUse | NotSent:
    """Bind a socket of its own to the probe's source port."""
    options = OPTIONS[route.family]
    try:
        sock = socket.socket(options.socket_family, _KINDS[probe.protocol])
    except OSError as error:
        return binding.refusal(binding.attempt_of(route, probe, Phase.SOCKET), error)
    try:
        if probe.protocol is Protocol.UDP:
            attach(sock, nothing_filter())
        if route.family is Family.IPV6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if route.bind_device and route.source is not None and route.source.interface is not None:
            binding.bind_device(sock, route.source.interface)
        sock.bind((binding.source_of(route), probe.source_port))
    except OSError as error:
        sock.close()
        return _without_socket(route, probe, error, lap_ends=lap_ends)
    port = probe.source_port or binding.bound_port(sock)
    return _Held(_Place(route.family, probe.protocol, port), sock)


def _without_socket(
    route: Route, probe: Probe, error: OSError, *, lap_ends: bool
) -> _Held | PortInUse | NotSent:
    """What a refused bind means. A low port needs no privilege here unless somebody uses it."""
    if error.errno == errno.EACCES:
        port = probe.source_port
        if host.ports_in_use(probe.protocol, port, port):
            return _in_use(route, probe, lap_ends=lap_ends)
        return _Held(_Place(route.family, probe.protocol, port), None)
    return binding.refusal(binding.attempt_of(route, probe, Phase.BIND, lap_ends=lap_ends), error)


def _in_use(route: Route, probe: Probe, *, lap_ends: bool) -> PortInUse | NotSent:
    error = OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    return binding.refusal(binding.attempt_of(route, probe, Phase.BIND, lap_ends=lap_ends), error)
