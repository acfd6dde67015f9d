"""Notices that addresses, links or routes of this host have changed, without a privilege and without asking.

rtnetlink(7) multicasts every change. Of what it says only the destinations of routes are read: where probes
leave from, the kernel is asked anew.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Callable, Mapping
from functools import cache

from tracer.errors import HopscopeError
from tracer.interfaces import RouteMoved, SourceMoved
from tracer.model import Address, Family, Route, SourceInfo, TraceId
from tracer.net.addresses import find_source, own_addresses, routed_source
from tracer.net.rtnetlink import LONGEST, changed_route

_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400
"""RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE: linux/rtnetlink.h."""

_ROOM = 16_384
"""Bytes of the receive queue: where routes change all the time the rest is dropped, which tells as well."""

_READS = 32
"""Messages drained at once."""

SETTLING_NS = 200_000_000
"""Changes come in bunches; the kernel is asked at most this often."""


class NetworkWatch:
    """Says when the source of a trace, or the route to its target, has moved.

    A host that has no rtnetlink never says anything.
    """

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._routes: dict[TraceId, Route] = {}
        self._sources: dict[TraceId, SourceInfo | None] = {}
        self._targets: dict[TraceId, tuple[int, int]] = {}
        """Bits of an address of the target's family, and the address."""
        self._rerouted: set[TraceId] = set()
        self._dirty = False
        self._next_ns = 0
        with contextlib.suppress(OSError, AttributeError):  # other systems, or no descriptor is left
            opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
            try:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
                opened.bind((0, _GROUPS))
            except OSError:
                opened.close()
                raise
            self._socket = opened

    def fileno(self) -> int | None:
        """Readable when something has changed."""
        return None if self._socket is None else self._socket.fileno()

    def watch(self, route: Route) -> None:
        """Mind the source of one more trace."""
        self._routes[route.trace] = route
        self._sources[route.trace] = route.source
        target = ipaddress.ip_address(route.target)
        self._targets[route.trace] = target.max_prefixlen, int(target)

    def forget(self, trace: TraceId) -> None:
        """Mind it no more."""
        self._routes.pop(trace, None)
        self._sources.pop(trace, None)
        self._targets.pop(trace, None)
        self._rerouted.discard(trace)

    def deadline(self) -> int | None:
        """When ``moved`` has something to find out."""
        return self._next_ns if self._dirty else None

    def heard(self) -> None:
        """``fileno`` is readable: something has changed."""
        self._dirty = self._drained() or self._dirty

    def moved(self, now_ns: int) -> list[SourceMoved]:
        """Traces whose probes leave from elsewhere since the last call, as far as was ``heard``."""
        if not self._dirty or now_ns < self._next_ns:
            return []
        self._dirty = False
        self._next_ns = now_ns + SETTLING_NS
        before, self._sources = self._sources, sources_of(self._routes)
        return [
            SourceMoved(trace=trace, destination=self._routes[trace].target, source=source)
            for trace, source in self._sources.items()
            if source != before[trace]
        ]

    def rerouted(self) -> list[RouteMoved]:
        """Traces whose targets a changed route leads to, since the last call, as far as was ``heard``."""
        if not self._rerouted:
            return []
        rerouted, self._rerouted = self._rerouted, set()
        return [RouteMoved(trace=trace, destination=self._routes[trace].target) for trace in rerouted]

    def _drained(self) -> bool:
        """Something came in."""
        anything = False
        if self._socket is None:
            return False
        for _ in range(_READS):
            try:
                self._note(self._socket.recv(LONGEST))
            except BlockingIOError:
                break
            except OSError:  # ENOBUFS: more came than there is room for
                self._rerouted.update(self._routes)
                return True
            anything = True
        return anything

    def _note(self, message: bytes) -> None:
        prefix = changed_route(message)
        if prefix is not None:
            covered = (trace for trace, target in self._targets.items() if prefix.covers(*target))
            self._rerouted.update(covered)

    def close(self) -> None:
        """Let go of the socket."""
        if self._socket is not None:
            self._socket.close()


def sources_of(routes: Mapping[TraceId, Route]) -> dict[TraceId, SourceInfo | None]:
    """Where the probes of each trace leave from at this moment; None where there is nowhere."""
    own = cache(own_addresses)
    return {trace: _source(route, own) for trace, route in routes.items()}


def _source(route: Route, own: Callable[[Family], dict[Address, str]]) -> SourceInfo | None:
    if route.bind_source and not route.bind_device:
        return None if _is_gone(route.source, own(route.family)) else route.source
    try:
        if route.bind_device and route.source is not None:
            return find_source(route.target, route.family, None, route.source.interface)
        address = routed_source(route.target, route.family)
    except (HopscopeError, OSError, ValueError):  # ValueError: netifaces, of an interface that has just gone
        return None
    return SourceInfo(address, own(route.family).get(address))


def _is_gone(chosen: SourceInfo | None, own: Mapping[Address, str]) -> bool:
    """The address the user chose was ours and is not any more.

    Another one than ours may be meant to be (ip_nonlocal_bind); no address at all is what a kernel says that
    cannot be asked.
    """
    return chosen is not None and chosen.interface is not None and bool(own) and chosen.address not in own
