"""Probes over loopback: routes, probes, a channel of real sockets, and what came in so far."""

from __future__ import annotations

import contextlib
import os
import select
import socket
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tracer.clock import SystemClock
from tracer.interfaces import Channel, SendProbe, SendResult
from tracer.model import (
    Address,
    Family,
    FlowId,
    PacketShape,
    Port,
    PortPlanKind,
    Probe,
    Protocol,
    Reply,
    RoundId,
    Route,
    Sequence,
    SourceInfo,
    TraceId,
    Ttl,
)
from tracer.net.errqueue import ErrqueueChannel
from tracer.net.linux import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tracer.interfaces import Received

LOOPBACK = {Family.IPV4: Address("127.0.0.1"), Family.IPV6: Address("::1")}
TRACE = TraceId(0)
PATIENCE_MS = 2_000
"""Far more than loopback takes: only a failing test waits so long."""


def route(family: Family, protocol: Protocol, **changes: Any) -> Route:
    """A trace of loopback."""
    fields: dict[str, Any] = {
        "trace": TRACE,
        "target": LOOPBACK[family],
        "family": family,
        "protocol": protocol,
        "plan": PortPlanKind.FIXED_TARGET if protocol is Protocol.TCP else PortPlanKind.FIXED_SOURCE,
        "source": SourceInfo(LOOPBACK[family], "lo"),
        "bind_source": False,
        "bind_device": False,
        "timeout_ns": 2_000_000_000,
    }
    return Route(**{**fields, **changes})


def probe(of: Route, target_port: int = 0, sequence: int = 1, source_port: int = 0) -> Probe:
    """A probe of that trace that goes all the way."""
    return Probe(
        trace=of.trace,
        target=of.target,
        protocol=of.protocol,
        round=RoundId(0),
        ttl=Ttl(64),
        flow=FlowId(0),
        sequence=Sequence(sequence),
        source_port=Port(source_port),
        target_port=Port(target_port),
        shape=PacketShape(size=84),
    )


Opened = TypeVar("Opened", bound=Channel)


class Wired(Generic[Opened]):
    """A channel over real sockets, its clock, and its trace."""

    def __init__(self, route: Route, open_channel: Callable[[SystemClock, Protocol, str], Opened]) -> None:
        self.route = route
        self.clock = SystemClock()
        self.channel = open_channel(self.clock, route.protocol, "loopback")
        self.channel.open_trace(route)

    def send(self, target_port: int = 0, sequence: int = 1, source_port: int = 0) -> SendResult:
        """Send one probe."""
        return self.channel.send(SendProbe(probe(self.route, target_port, sequence, source_port)))

    def ready(self, patience_ms: int = 0) -> bool:
        """Whether the channel asks to be read, now or within a while."""
        poll = select.poll()
        poll.register(self.channel.fileno() or -1, select.POLLIN)
        return bool(poll.poll(patience_ms))

    def receive(self, enough: Callable[[list[Received]], bool]) -> list[Received]:
        """Everything that comes in until it is enough."""
        found = self.channel.receive(self.clock.now_ns())
        while not enough(found):
            assert self.ready(PATIENCE_MS), f"nothing more came after {found}"
            found += self.channel.receive(self.clock.now_ns())
        return found

    def reply(self) -> Reply:
        """The first reply."""
        return replies(self.receive(lambda found: bool(replies(found))))[0]


class Wire(Wired[ErrqueueChannel]):
    """The unprivileged channel."""

    def __init__(self, route: Route) -> None:
        super().__init__(route, ErrqueueChannel)


def replies(found: list[Received]) -> list[Reply]:
    """The replies among what came in."""
    return [item for item in found if isinstance(item, Reply)]


@contextlib.contextmanager
def wire(route: Route) -> Iterator[Wire]:
    """A channel for one trace, closed at the end."""
    opened = Wire(route)
    try:
        yield opened
    finally:
        opened.channel.close()


def descriptors() -> set[str]:
    """Everything this process has open."""
    return set(os.listdir("/proc/self/fd"))


def closed_port(family: Family, kind: int) -> int:
    """A port that nobody has bound, below those the kernel hands out to probes."""
    for port in range(20_000, 20_100):
        with socket.socket(OPTIONS[family].socket_family, kind) as sock, contextlib.suppress(OSError):
            sock.bind((LOOPBACK[family], port))
            return port
    raise AssertionError("a hundred ports in a row are in use")


@contextlib.contextmanager
def server(family: Family, kind: int) -> Iterator[socket.socket]:
    """A bound socket, listening if it can."""
    with socket.socket(OPTIONS[family].socket_family, kind) as sock:
        sock.bind((LOOPBACK[family], 0))
        if kind == socket.SOCK_STREAM:
            sock.listen(64)
        yield sock


@contextlib.contextmanager
def silent_server(family: Family) -> Iterator[int]:
    """The port of a TCP server whose backlog is full: Linux answers no further SYN."""
    with contextlib.ExitStack() as held:
        listener = held.enter_context(socket.socket(OPTIONS[family].socket_family, socket.SOCK_STREAM))
        listener.bind((LOOPBACK[family], 0))
        listener.listen(0)
        port = int(listener.getsockname()[1])
        for _ in range(3):
            filler = held.enter_context(socket.socket(OPTIONS[family].socket_family, socket.SOCK_STREAM))
            filler.settimeout(0)
            filler.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            filler.connect_ex((LOOPBACK[family], port))
        yield port
