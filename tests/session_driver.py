"""Runs sessions in virtual time over a simulated internet and keeps everything they tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tracer import prepare
from tracer.clock import VirtualClock
from tracer.config import TraceConfig
from tracer.events import Event
from tracer.model import Address, Port
from tracer.report.document import HopReport, Report
from tracer.report.fold import Fold
from tracer.session import Prepared, Session
from tracer.sim.channel import PortsTaken, SimChannel, Trouble
from tracer.sim.internet import Internet
from tracer.sim.load import load

SIM_SEED = 7
EventT = TypeVar("EventT", bound=Event)


class Run:
    """One session: what it was prepared with, and what it told, batch by batch."""

    def __init__(self, prepared: Prepared, config: TraceConfig) -> None:
        self.prepared = prepared
        self.clock = prepared.clock
        self.batches: list[list[Event]] = []
        self.fold = Fold()
        self.on_batch: Callable[[list[Event]], None] = lambda _: None
        self.session = Session(prepared, config, [self._keep])

    def _keep(self, events: Sequence[Event]) -> None:
        self.batches.append(list(events))
        self.fold.apply(events)
        self.on_batch(self.batches[-1])

    async def to_its_end(self) -> Run:
        await self.session.run()
        self.prepared.channel.close()
        return self

    @property
    def events(self) -> list[Event]:
        return [event for batch in self.batches for event in batch]

    @property
    def reports(self) -> list[Report]:
        return self.fold.reports()

    @property
    def report(self) -> Report:
        (report,) = self.reports
        return report

    def told(self, kind: type[EventT], target: str | None = None) -> list[EventT]:
        """Events of exactly this kind, of one target or of all."""
        return [
            event
            for event in self.events
            if type(event) is kind and target in (None, getattr(event, "target", None))
        ]


def simulation(
    scenario: str | Path,
    queries: Sequence[str] = (),
    *,
    troubles: tuple[Trouble, ...] = (),
    usable: range | None = None,
    **options: Any,
) -> Run:
    """A session that has not begun."""
    config = TraceConfig(**options)
    clock = VirtualClock()
    prepared = prepare.simulated(queries, config, scenario, clock)
    if troubles:
        net = Internet(load(scenario), seed=SIM_SEED)
        channel = SimChannel(net, clock, prepared.channel.info.protocol, troubles=troubles)
        prepared = msgspec.structs.replace(prepared, channel=channel)
    if usable is not None:
        prepared = msgspec.structs.replace(prepared, usable_ports=usable)
    return Run(prepared, config)


def taken(ports: range, until_ns: int | None = None) -> PortsTaken:
    """Other sockets hold all of these."""
    return PortsTaken(ports=frozenset(Port(port) for port in ports), until_ns=until_ns)


def responders(hop: HopReport) -> set[Address]:
    return {responder.address for responder in hop.responders}
