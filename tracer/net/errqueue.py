"""The channel that needs no privilege: Linux's error queue.

UDP and ICMP probes of a trace leave one socket, or one each where the source port moves; a TCP probe is a
connect of its own. ICMP errors, send stamps and drops come back on the sockets' error queues. One epoll
descriptor stands for all of them.
"""

from __future__ import annotations

import contextlib
import heapq
import select
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from tracer.interfaces import (
    Clock,
    NotSent,
    PortInUse,
    Received,
    SendProbe,
    SendResult,
    Sent,
    SourceMoved,
)
from tracer.model import (
    ChannelInfo,
    ClockInfo,
    FlowId,
    PortPlanKind,
    Probe,
    Protocol,
    Route,
    StampClock,
    TraceId,
)
from tracer.net import binding
from tracer.net.endpoint import DatagramEndpoint, Endpoint
from tracer.net.protocols import KERNEL_RESENDS_NS, PingEndpoint, TcpEndpoint, UdpEndpoint
from tracer.net.timestamps import transmit_flags
from tracer.net.watch import Watch

EVENTS_AT_ONCE = 1024
POLLS_AT_ONCE = 16
"""How often receive looks again after draining, before it lets the rest of the program run."""
FOUND_AT_ONCE = 512
"""It does not look again after so many answers and stamps: the queues keep the rest."""

_DATAGRAM: dict[Protocol, Callable[..., DatagramEndpoint]] = {
    Protocol.UDP: UdpEndpoint,
    Protocol.ICMP: PingEndpoint,
}


class _ProbeKey(NamedTuple):
    """What an endpoint serves: one probe, or (sequence None) all of a flow."""

    trace: TraceId
    flow: FlowId
    sequence: int | None


_LATE = f"answers later than {KERNEL_RESENDS_NS / 10**9:g} s count as loss"
"""Of TCP, whatever the timeout: the kernel would resend the SYN."""

_SYN = "a SYN is stamped in the middle of connect; the handshake is timed by the kernel (TCP_INFO)"


class ErrqueueChannel:
    """Implements interfaces.Channel."""

    def __init__(self, clock: Clock, protocol: Protocol, reason: str) -> None:
        self._watch = Watch(clock)
        self._stamping = transmit_flags()
        self._protocol = protocol
        self._reason = reason
        self._routes: dict[TraceId, Route] = {}
        self._endpoints: dict[_ProbeKey, Endpoint] = {}
        self._by_fileno: dict[int, Endpoint] = {}
        self._closings: list[tuple[int, int, _ProbeKey]] = []
        self._found: list[Received] = []

    @property
    def info(self) -> ChannelInfo:
        reason = f"{self._reason}; {_LATE}" if self._protocol is Protocol.TCP else self._reason
        return ChannelInfo(name="errqueue", protocol=self._protocol, privileged=False, reason=reason)

    @property
    def clock_info(self) -> ClockInfo:
        tcp = self._protocol is Protocol.TCP
        notes = (self._watch.rx_note, _SYN if tcp else "")
        return ClockInfo(
            tx=StampClock.USER if tcp else StampClock.KERNEL,
            rx=self._watch.rx_clock,
            note="; ".join(note for note in notes if note),
        )

    def open_trace(self, route: Route) -> None:
        self._routes[route.trace] = route
        self._watch.network.watch(route)

    def close_trace(self, trace: TraceId) -> None:
        for key in [key for key in self._endpoints if key.trace == trace]:
            self._close(key)
        self._routes.pop(trace, None)
        self._watch.network.forget(trace)

    def send(self, command: SendProbe) -> SendResult:
        key = self._key(command.probe)
        endpoint = self._endpoints.get(key) or self._open(command)
        if not isinstance(endpoint, Endpoint):
            return endpoint
        result = endpoint.send(command)
        self._found += endpoint.take_early()
        if key not in self._endpoints:
            if isinstance(result, Sent):
                self._keep(key, endpoint)
            else:
                endpoint.close()
        return result

    def _key(self, probe: Probe) -> _ProbeKey:
        """UDP and ping sockets are shared unless each probe has a source port of its own."""
        route = self._routes[probe.trace]
        shared = route.protocol is not Protocol.TCP and route.plan is not PortPlanKind.FIXED_TARGET
        return _ProbeKey(probe.trace, probe.flow, None if shared else probe.sequence)

    def _open(self, command: SendProbe) -> Endpoint | PortInUse | NotSent:
        probe = command.probe
        route = self._routes[probe.trace]
        sock = binding.open_socket(route, probe, lap_ends=command.lap_ends)
        if isinstance(sock, (PortInUse, NotSent)):
            return sock
        if route.protocol is Protocol.TCP:
            return TcpEndpoint(sock, route, self._watch.clock)
        return _DATAGRAM[route.protocol](sock, route, self._watch.clock, self._stamping)

    def _keep(self, key: _ProbeKey, endpoint: Endpoint) -> None:
        """Wait for its queues. A TCP socket tells once; registered before its connect it would hang up."""
        self._endpoints[key] = endpoint
        self._by_fileno[endpoint.fileno()] = endpoint
        if isinstance(endpoint, TcpEndpoint):
            events = select.EPOLLIN | select.EPOLLOUT | select.EPOLLONESHOT
            heapq.heappush(self._closings, (endpoint.closes_at_ns(), endpoint.fileno(), key))
        else:
            events = select.EPOLLIN
        self._watch.epoll.register(endpoint.fileno(), events)

    def release(self, probe: Probe) -> None:
        if probe.trace in self._routes and (key := self._key(probe)).sequence is not None:
            self._close(key)

    def _close(self, key: _ProbeKey) -> None:
        endpoint = self._endpoints.pop(key, None)
        if endpoint is not None:
            self._by_fileno.pop(endpoint.fileno(), None)
            with contextlib.suppress(OSError):
                self._watch.epoll.unregister(endpoint.fileno())
            endpoint.close()

    def receive(self, now_ns: int) -> list[Received]:
        disturbance = self._watch.disturbance()
        found, self._found = self._found, []
        drops = 0
        for _ in range(POLLS_AT_ONCE):
            ready = self._watch.epoll.poll(0, EVENTS_AT_ONCE)
            if not ready:
                break
            for fileno, _ in ready:
                endpoint = self._by_fileno.get(fileno)
                if endpoint is None:
                    self._watch.network.heard()
                else:
                    found.extend(endpoint.receive())
                    drops += endpoint.take_drops()
            if len(found) >= FOUND_AT_ONCE:
                break
        self._close_due(now_ns)
        found = self._watch.told(found, drops, disturbance, self._routes.values())
        return [*found, *self._moved(now_ns), *self._watch.network.rerouted()]

    def _moved(self, now_ns: int) -> list[SourceMoved]:
        """Sockets that are bound to an address the interface has no more give way to new ones."""
        moved = self._watch.network.moved(now_ns)
        for item in moved:
            route = self._routes[item.trace]
            if route.bind_source and item.source is not None:
                self._routes[item.trace] = msgspec.structs.replace(route, source=item.source)
                for key in [
                    key for key in self._endpoints if key.trace == item.trace and key.sequence is None
                ]:
                    self._close(key)
        return moved

    def _close_due(self, now_ns: int) -> None:
        while self._closings and self._closings[0][0] <= now_ns:
            _, fileno, key = heapq.heappop(self._closings)
            endpoint = self._endpoints.get(key)
            if endpoint is not None and endpoint.fileno() == fileno:
                self._close(key)

    def deadline(self) -> int | None:
        if self._found:
            return 0
        while self._closings and self._closings[0][2] not in self._endpoints:
            heapq.heappop(self._closings)
        closing = self._closings[0][0] if self._closings else None
        return min((at for at in (closing, self._watch.network.deadline()) if at is not None), default=None)

    def fileno(self) -> int | None:
        return self._watch.epoll.fileno()

    def close(self) -> None:
        for key in list(self._endpoints):
            self._close(key)
        self._watch.close()
