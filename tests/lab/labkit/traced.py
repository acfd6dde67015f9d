"""A whole trace by the public interface, in a child inside the lab: no start-up, and every event is there."""

from __future__ import annotations

import asyncio
import codecs
import json
from typing import TYPE_CHECKING, Any, NamedTuple

# A child begins with what is loaded here: loading Scapy anew for each would take half a second, and the user
# nobody cannot read the modules of an interpreter that belongs to root.
import tracer.net.choose
import tracer.net.errqueue
import tracer.net.raw
import tracer.net.resolve
import tracer.net.scapy_channel  # noqa: F401 - loaded for the children
from tests.lab.labkit.namespace import User
from tracer.clock import VirtualClock
from tracer.config import TraceConfig
from tracer.events import Event, TraceStarted
from tracer.report import json as json_report
from tracer.tracing import Tracing, trace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.lab.labkit.namespace import Namespace

for _name in ("ascii", "idna"):
    codecs.lookup(_name)

__all__ = ["Traced", "over_the_kernel", "over_the_simulator"]


class Traced(NamedTuple):
    """What a trace told."""

    events: list[Event]
    reports: list[Any]
    """The JSON documents, in the order of the targets."""

    @property
    def header(self) -> TraceStarted:
        """The first event."""
        assert isinstance(self.events[0], TraceStarted)
        return self.events[0]


def over_the_kernel(
    namespace: Namespace, targets: str | Sequence[str], config: TraceConfig, user: User, seconds: float = 30
) -> Traced:
    """Trace inside, as that user. Raises CallError."""

    async def run() -> Traced:
        async with trace(targets, config) as tracing:
            return await _to_its_end(tracing)

    return namespace.call(lambda: asyncio.run(run()), user, seconds)


def over_the_simulator(scenario: Path, target: str, config: TraceConfig) -> Traced:
    """Trace in memory, in virtual time."""

    async def run() -> Traced:
        async with trace(target, config, sim=scenario, clock=VirtualClock()) as tracing:
            return await _to_its_end(tracing)

    return asyncio.run(run())


async def _to_its_end(tracing: Tracing) -> Traced:
    events = [event async for event in tracing]
    rendered = json.loads(json_report.render(tracing.reports()))
    return Traced(events, rendered if isinstance(rendered, list) else [rendered])
