"""Drives an Engine by hand: what it sends is kept, and answered as the test says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tracer.config import MS, ProtocolChoice, TraceConfig
from tracer.engine.engine import Engine
from tracer.engine.ports import port_plans
from tracer.engine.spec import TraceSpec
from tracer.events import TargetEvent
from tracer.interfaces import PortInUse, ReleaseProbe, SendProbe, SendResult, Sent
from tracer.model import (
    Address,
    Failure,
    FailureKind,
    Family,
    Icmp,
    PacketShape,
    Probe,
    Protocol,
    Quoted,
    Reply,
    ReplyKind,
    Stamp,
    StampClock,
    TraceId,
)

TARGET = Address("203.0.113.9")
LABEL = "target.example"
USABLE = range(40_000, 60_000)
FULL = Failure(
    kind=FailureKind.QUEUE_FULL, message="The queue is full.", remedy="Send less.", errno="ENOBUFS"
)
NO_ROUTE = Failure(kind=FailureKind.NO_ROUTE, message="No way leads there.", remedy="Look.")
EXHAUSTED = Failure(kind=FailureKind.PORTS_EXHAUSTED, message="No port is free.", remedy="Wait.")

EventT = TypeVar("EventT", bound=TargetEvent)
Answering = Callable[[SendProbe, int], SendResult]


def router(ttl: int) -> Address:
    return Address(f"198.18.{ttl}.1")


def kernel(ns: int) -> Stamp:
    return Stamp(ns, StampClock.KERNEL)


def leaves(command: SendProbe, now: int) -> SendResult:
    return Sent(kernel(now), command.probe.source_port)


def in_use(command: SendProbe, _now: int) -> SendResult:
    return PortInUse(command.probe.source_port)


def reply_to(probe: Probe, kind: ReplyKind, responder: Address, at: int, **fields: Any) -> Reply:
    told = bool(probe.mark) and kind is not ReplyKind.UDP_DATA
    quoted = Quoted(
        protocol=probe.protocol,
        destination=probe.target,
        identity=probe.identity,
        mark=probe.mark if told else None,
    )
    icmp = Icmp(11, 0) if kind is ReplyKind.TIME_EXCEEDED else None
    return Reply(kind=kind, responder=responder, quoted=quoted, rx=kernel(at), icmp=icmp, **fields)


def config_of(**options: Any) -> TraceConfig:
    """The options of a report, unless others are given."""
    return TraceConfig(**{"protocol": ProtocolChoice.UDP, "report_cycles": 10, **options})


class Driven:
    """An engine and everything it has sent; ``answering`` plays the channel."""

    def __init__(self, *, usable: range = USABLE, seed: int = 0, **options: Any) -> None:
        self.config = config_of(**options)
        protocol = Protocol(self.config.protocol.value)
        spec = TraceSpec(
            trace=TraceId(0),
            label=LABEL,
            target=TARGET,
            protocol=protocol,
            shape=PacketShape(size=84),
            first_sequence=self.config.initial_sequence or 33_434,
        )
        self.engine = Engine(
            spec, self.config, port_plans(protocol, Family.IPV4, self.config, usable, seed), 0
        )
        self.answering: Answering = leaves
        self.asked: list[Probe] = []
        self.sent: list[Probe] = []
        self.released: list[Probe] = []
        self.events: list[TargetEvent] = []

    def tick(self, now: int) -> list[int]:
        """Let time pass; returns the TTLs that left."""
        self.engine.tick(now)
        before = len(self.sent)
        while commands := self.engine.take_commands():
            for command in commands:
                self._carry_out(command, now)
        self.events += self.engine.take_events()
        return [probe.ttl for probe in self.sent[before:]]

    def _carry_out(self, command: SendProbe | ReleaseProbe, now: int) -> None:
        if isinstance(command, ReleaseProbe):
            self.released.append(command.probe)
            return
        self.asked.append(command.probe)
        result = self.answering(command, now)
        if isinstance(result, Sent):
            self.sent.append(command.probe)
        self.engine.answer(command, result, now)

    def receive(self, reply: Reply, now: int) -> list[int]:
        """Give it a reply, then let it act; returns the TTLs that left."""
        self.engine.receive(reply, now)
        return self.tick(now)

    def router_answers(self, probe: Probe, now: int, **fields: Any) -> list[int]:
        return self.receive(reply_to(probe, ReplyKind.TIME_EXCEEDED, router(probe.ttl), now, **fields), now)

    def target_answers(self, probe: Probe, now: int, **fields: Any) -> list[int]:
        return self.receive(reply_to(probe, ReplyKind.UNREACHABLE, TARGET, now, **fields), now)

    def path(self, length: int, now: int, since: int = 0) -> None:
        """Routers answer below ``length``, the target from there on; for what was sent from ``since`` on."""
        for probe in self.sent[since:]:
            answers = self.router_answers if probe.ttl < length else self.target_answers
            answers(probe, now)

    def told(self, kind: type[EventT]) -> list[EventT]:
        """Events of exactly this kind."""
        return [event for event in self.events if type(event) is kind]


__all__ = ["MS", "Driven"]
