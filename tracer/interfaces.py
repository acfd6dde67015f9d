"""What crosses the lines between the engine, the channel and the clock.

Commands go from the engine to a channel; each SendProbe is answered at once by Sent, PortInUse or NotSent,
none of which is an exception. What comes back later is Received. A channel never raises because of what
the network sent, and keeps no opinion: matching is the engine's.
"""

from __future__ import annotations

from typing import Protocol as Interface

import msgspec

from tracer.model import (
    Address,
    ChannelInfo,
    ClockInfo,
    Failure,
    Identity,
    Port,
    Probe,
    Protocol,
    Reply,
    Route,
    SourceInfo,
    Stamp,
    TraceId,
)


class SendProbe(msgspec.Struct, frozen=True, gc=False):
    """Send this probe now."""

    probe: Probe
    lap_ends: bool = False
    """Every other port of the plan's range was tried: a port in use is exhaustion this time."""


class ReleaseProbe(msgspec.Struct, frozen=True, gc=False):
    """No answer to this probe is of interest any more: what it holds may be closed."""

    probe: Probe


Command = SendProbe | ReleaseProbe


class Sent(msgspec.Struct, frozen=True, gc=False):
    """The probe left; ``at`` is the best stamp known so far."""

    at: Stamp
    source_port: Port
    """The port (or ICMP identifier) it left from, where the channel chose it."""


class PortInUse(msgspec.Struct, frozen=True):
    """Another socket holds the probe's source port (EADDRINUSE); nothing was sent."""

    port: Port


class NotSent(msgspec.Struct, frozen=True):
    """Something local kept the probe from the network."""

    failure: Failure


SendResult = Sent | PortInUse | NotSent


class TransmitStamp(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The kernel tells when a probe left; refines Sent."""

    protocol: Protocol
    destination: Address
    identity: Identity
    mark: int = 0
    at: Stamp
    packet: bytes | None = None
    """The IP packet as it left, where the kernel shows it."""


class FailedLate(msgspec.Struct, frozen=True, kw_only=True):
    """A probe thought to be sent was stopped on this host (local firewall, neighbour without ARP answer)."""

    protocol: Protocol
    destination: Address
    identity: Identity
    mark: int = 0
    failure: Failure


class Malformed(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that could not be decoded."""

    destination: Address | None
    """The target whose socket received them, where a socket belongs to one."""
    reason: str
    raw: bytes | None = None


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something the channel noticed that belongs to no single packet."""

    kernel_drops: int = 0
    clock_steps: int = 0


class SourceMoved(msgspec.Struct, frozen=True, kw_only=True):
    """The probes of a trace leave from another address from now on; None where there is none."""

    trace: TraceId
    destination: Address
    source: SourceInfo | None


class RouteMoved(msgspec.Struct, frozen=True, kw_only=True):
    """This host's route to the target of a trace has changed, wherever the probes leave from now."""

    trace: TraceId
    destination: Address


class Slept(msgspec.Struct, frozen=True, kw_only=True):
    """The machine was suspended; told to every trace."""

    trace: TraceId
    destination: Address
    slept_ns: int


Received = Reply | TransmitStamp | FailedLate | Malformed | Notice | SourceMoved | RouteMoved | Slept


class Channel(Interface):
    """Sends probes and yields what comes back. One channel serves every trace of a session."""

    @property
    def info(self) -> ChannelInfo: ...

    @property
    def clock_info(self) -> ClockInfo: ...

    def open_trace(self, route: Route) -> None:
        """Make ready for probes of this trace. Raises LocalError where this host cannot send at all."""
        ...

    def close_trace(self, trace: TraceId) -> None:
        """Close everything that belongs to this trace."""
        ...

    def send(self, command: SendProbe) -> SendResult: ...

    def release(self, probe: Probe) -> None: ...

    def receive(self, now_ns: int) -> list[Received]:
        """Everything that has come in, oldest first; empty when nothing has."""
        ...

    def deadline(self) -> int | None:
        """When ``receive`` should be called even if ``fileno`` is silent; None for never."""
        ...

    def fileno(self) -> int | None:
        """Becomes readable when ``receive`` has something; None where only ``deadline`` tells."""
        ...

    def close(self) -> None: ...


class OpenSockets(Interface):
    """Sockets that needed a privilege, opened before it was given up; they outlive the channels over them."""

    @property
    def channel(self) -> str:
        """Name of the channel they are for."""
        ...

    def close(self) -> None: ...


class Clock(Interface):
    """Tells the time of a session and waits; virtual in tests."""

    def now_ns(self) -> int:
        """Monotonic nanoseconds since the session's start."""
        ...

    def utc(self) -> str:
        """The wall clock, RFC 3339 in UTC with microseconds."""
        ...

    async def wait(self, deadline_ns: int | None, fileno: int | None) -> None:
        """Return when the deadline has come, ``fileno`` is readable, or ``wake`` was called."""
        ...

    def wake(self) -> None:
        """End the current wait, or the next one, at once."""
        ...
