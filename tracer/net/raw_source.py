"""Where the probes of one trace leave from: asked of the kernel, and asked again."""

from __future__ import annotations

import contextlib
import errno
import socket

from tracer.interfaces import NotSent
from tracer.model import Address, Failure, Probe, Route
from tracer.net import binding
from tracer.net.addresses import DISCOVERY_PORT, NOT_THE_ADDRESS
from tracer.net.failures import Phase, explain
from tracer.net.linux import OPTIONS
from tracer.net.raw_sockets import Leaving

FRESH_NS = 1_000_000_000
"""How long an answer of the kernel is believed. A probe that fails asks at once."""

_IP_BIND_ADDRESS_NO_PORT = 24
_STILL_HOLDS = NOT_THE_ADDRESS | {errno.EADDRINUSE}
"""Errors after which what was known of the address still holds."""


class SourceAddress:
    """The source of a trace: the user's choice as long as it is ours, else what the route says."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._known = Leaving(route.source.address) if route.source is not None else None
        self._asked_ns: int | None = None

    def find(self, probe: Probe, now_ns: int, *, anew: bool = False) -> Leaving | NotSent:
        """Where to send this probe from; why not, where there is nowhere."""
        fresh = self._asked_ns is not None and now_ns - self._asked_ns < FRESH_NS
        if self._known is not None and fresh and not anew:
            return self._known
        try:
            self._known = self._ask()
        except OSError as error:
            if self._known is not None and error.errno in _STILL_HOLDS:
                return self._known
            self._known = None
            return self._refused(probe, error)
        self._asked_ns = now_ns
        return self._known

    def _ask(self) -> Leaving:
        """Raises OSError."""
        route = self._route
        with socket.socket(OPTIONS[route.family].socket_family, socket.SOCK_DGRAM) as asking:
            interface = self._interface(asking)
            if route.bind_source and route.source is not None:
                with contextlib.suppress(OSError):
                    asking.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
                asking.bind(_address(route.source.address, 0, interface))
                return Leaving(route.source.address, interface)
            asking.connect(_address(route.target, DISCOVERY_PORT, interface))
            return Leaving(Address(asking.getsockname()[0].partition("%")[0]), interface)

    def _interface(self, asking: socket.socket) -> int:
        """The index of the interface the user names; 0 for none, and while it is away."""
        named = self._route.source.interface if self._route.source is not None else None
        if not self._route.bind_device or named is None or not binding.bind_device(asking, named):
            return 0
        with contextlib.suppress(OSError):
            return socket.if_nametoindex(named)
        return 0

    def _refused(self, probe: Probe, error: OSError) -> NotSent:
        phase = Phase.BIND if self._route.bind_source else Phase.SEND
        found = explain(binding.attempt_of(self._route, probe, phase, lap_ends=True), error)
        if not isinstance(found, Failure):
            raise TypeError("the last port of a lap is never skipped")
        return NotSent(found)


def _address(address: Address, port: int, interface: int) -> tuple[object, ...]:
    return (address, port, 0, interface) if ":" in address else (address, port)
