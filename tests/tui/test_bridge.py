"""What the screen knows of its data, from one trace to the next."""

from __future__ import annotations

from tests.tui.still_screen import traced
from tracer.events import NameResolved, TraceEnded
from tracer.model import Address
from tui.bridge import Bridge
from tui.view.facts import Fact


async def test_a_new_trace_knows_no_names_of_the_one_before() -> None:
    events = await traced("lan", report_cycles=1)
    ended = events[-1]
    assert isinstance(ended, TraceEnded)
    named = NameResolved(
        at_ns=0, target=ended.target, address=Address("198.18.0.254"), hostnames=("r1.example.net",)
    )
    bridge = Bridge()
    bridge.update([*events, named])
    assert Fact.NAMES in bridge.facts()
    bridge.update(events)
    assert Fact.NAMES not in bridge.facts()
