"""Where the probes of a trace leave from, asked anew when the network of this host has changed."""

from __future__ import annotations

import pytest

from tracer.model import Address, Family, PortPlanKind, Protocol, Route, SourceInfo, Strategy, TraceId
from tracer.net import network_watch
from tracer.net.network_watch import sources_of

CHOSEN = Address("192.0.2.7")
OTHER = Address("192.0.2.8")


def route(source: SourceInfo) -> Route:
    return Route(
        trace=TraceId(0),
        target=Address("192.0.2.99"),
        family=Family.IPV4,
        protocol=Protocol.UDP,
        plan=PortPlanKind.FIXED_TUPLE_MARKED,
        source=source,
        bind_source=True,
        bind_device=False,
        timeout_ns=10**9,
        strategy=Strategy.PARIS,
    )


@pytest.mark.parametrize(
    ("interface", "own", "left"),
    [
        ("lab0", {CHOSEN: "lab0", OTHER: "lab0"}, CHOSEN),
        ("lab0", {OTHER: "lab0"}, None),
        (None, {OTHER: "lab0"}, CHOSEN),  # never was ours, and may be meant to
        ("lab0", {}, CHOSEN),  # no descriptor is left to ask with
    ],
)
def test_a_chosen_address_is_gone_once_it_was_ours_and_is_not_any_more(
    monkeypatch: pytest.MonkeyPatch, interface: str | None, own: dict[Address, str], left: Address | None
) -> None:
    monkeypatch.setattr(network_watch, "own_addresses", lambda _: own)
    found = sources_of({TraceId(0): route(SourceInfo(CHOSEN, interface))})[TraceId(0)]
    assert (found and found.address) == left
