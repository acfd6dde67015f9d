"""Strategies and flows over the in-memory internet, in virtual time; its own hash is the oracle."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.session_driver import SIM_SEED, Run, simulation, taken
from tests.wire.wire_strategies import MARKING
from tracer import prepare
from tracer.clock import VirtualClock
from tracer.config import AddressFamily, ProtocolChoice, TraceConfig
from tracer.errors import ConfigError
from tracer.events import ForeignReply, PortSkipped, ProbeSent, ReplyReceived
from tracer.model import Address, Family, ForeignReason, Protocol, Strategy
from tracer.report.document import FlowReport, Report
from tracer.sim.channel import SOURCE_ADDRESSES, SimChannel
from tracer.sim.internet import Internet
from tracer.sim.load import load
from tracer.sim.path import flow_key, phases, router

ECMP = Path(__file__).parent / "scenarios" / "ecmp.toml"
NAT = Path(__file__).parent / "scenarios" / "nat.toml"
FLOWS = 16
FAMILIES = {Family.IPV4: AddressFamily.IPV4, Family.IPV6: AddressFamily.IPV6}
EVERY = [
    (strategy, protocol, family)
    for strategy in Strategy
    for protocol in sorted(MARKING[strategy])
    for family in Family
]
STEADY = [one for one in EVERY if one[0] is not Strategy.CLASSIC]


def options_of(strategy: Strategy, protocol: Protocol, family: Family, **more: Any) -> dict[str, Any]:
    return {
        "multipath_strategy": strategy,
        "protocol": ProtocolChoice(protocol.value),
        "addr_family": FAMILIES[family],
        "flows": FLOWS,
        "report_cycles": 3,
        **more,
    }


async def logged(scenario: Path, **options: Any) -> tuple[Run, Internet]:
    """A whole session, and the internet with its log of every packet."""
    config, clock = TraceConfig(**options), VirtualClock()
    net = Internet(load(scenario), seed=SIM_SEED)
    prepared = prepare.simulated([], config, scenario, clock)
    channel = SimChannel(net, clock, prepared.channel.info.protocol)
    run = Run(msgspec.structs.replace(prepared, channel=channel), config)
    return await run.to_its_end(), net


def first_four_bytes(net: Internet, flow: FlowReport, family: Family) -> set[bytes]:
    """What stood behind the IP header of every packet of a flow, by the simulator's log."""
    at = 20 if family is Family.IPV4 else 40
    ported = flow.dport != 0
    where = slice(at, at + 2) if ported else slice(at + 4, at + 6)
    assert flow.sport is not None
    own = flow.sport.to_bytes(2, "big")
    return {record.packet[at : at + 4] for record in net.log if record.packet[where] == own}


def expected_path(
    net: Internet, report: Report, flow: FlowReport, protocol: Protocol, family: Family
) -> list[str]:
    """The way the scenario's own hash sends this flow."""
    [bytes_of_flow] = first_four_bytes(net, flow, family)
    assert report.target.address is not None
    key = flow_key(
        SOURCE_ADDRESSES[family],
        report.target.address,
        protocol,
        int.from_bytes(bytes_of_flow[:2], "big"),
        int.from_bytes(bytes_of_flow[2:], "big"),
    )
    path = phases(net.scenario)[0].path
    return [*(router(path, ttl, key) for ttl in range(1, 7)), report.target.address]


def links_of(net: Internet, family: Family) -> set[tuple[Address, Address]]:
    """Every link of the scenario: inside a diamond only along a branch, else between any two neighbours."""
    path = phases(net.scenario)[0].path
    hops = [*path.routers[family], net.scenario.target.addresses_of(family)]
    found: set[tuple[Address, Address]] = set()
    for at, (near, far) in enumerate(pairwise(hops)):
        inside = at + 1 < len(path.balancers) and path.balancers[at] == path.balancers[at + 1]
        found |= set(zip(near, far, strict=True)) if inside else {(a, b) for a in near for b in far}
    return found


def shown_links(report: Report) -> set[tuple[Address, Address]]:
    return {
        (near, far)
        for flow in report.flows
        for near, far in pairwise(flow.path)
        if near is not None and far is not None
    }


@pytest.mark.parametrize(("strategy", "protocol", "family"), STEADY)
async def test_each_flow_is_shown_on_the_way_the_scenarios_hash_sends_it(
    strategy: Strategy, protocol: Protocol, family: Family
) -> None:
    run, net = await logged(ECMP, **options_of(strategy, protocol, family))
    report = run.report
    assert [flow.id for flow in report.flows] == list(range(FLOWS))
    for flow in report.flows:
        assert list(flow.path) == expected_path(net, report, flow, protocol, family)
    assert len({flow.sport for flow in report.flows}) == FLOWS
    assert len({flow.path for flow in report.flows}) > 3, "16 flows over 2 x 4 branches"
    assert shown_links(report) <= links_of(net, family), "no false link"
    assert (report.health.foreign, report.outcome.target_ttl) == (0, 7)


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("family", Family)
async def test_classic_shows_links_that_do_not_exist(protocol: Protocol, family: Family) -> None:
    run, net = await logged(ECMP, **options_of(Strategy.CLASSIC, protocol, family))
    assert shown_links(run.report) - links_of(net, family)


@pytest.mark.parametrize(("strategy", "protocol", "family"), EVERY)
async def test_every_responder_is_told_with_the_flows_it_answered(
    strategy: Strategy, protocol: Protocol, family: Family
) -> None:
    run, _ = await logged(ECMP, **options_of(strategy, protocol, family, flows=4))
    answered: dict[tuple[int, Address], set[int]] = {}
    for event in run.told(ReplyReceived):
        answered.setdefault((event.ttl, event.responder), set()).add(event.flow)
    for hop in run.report.hops:
        for responder in hop.responders:
            assert set(responder.flows) == answered[hop.ttl, responder.address]


@pytest.mark.parametrize(("strategy", "protocol", "family"), EVERY)
async def test_every_round_trip_is_that_of_its_own_hop(
    strategy: Strategy, protocol: Protocol, family: Family
) -> None:
    """Hop n of the scenario is n ms away: an answer credited to another probe would show."""
    run, _ = await logged(ECMP, **options_of(strategy, protocol, family))
    replies = run.told(ReplyReceived)
    assert len(replies) > 3 * 7 * FLOWS - FLOWS
    assert all(event.rtt_ns == min(event.ttl, 7) * 1_000_000 for event in replies)


UNTOLD = (Strategy.CLASSIC, Protocol.UDP, Family.IPV6)
"""Where a NAT leaves nothing that tells the probes of several flows apart: they differ in the source port
alone, and an IPv6 packet has no identification."""


@pytest.mark.parametrize(("strategy", "protocol", "family"), [one for one in EVERY if one != UNTOLD])
async def test_quotes_that_a_nat_rewrote_are_recognised(
    strategy: Strategy, protocol: Protocol, family: Family
) -> None:
    run, _ = await logged(NAT, **options_of(strategy, protocol, family))
    assert all(event.rtt_ns == min(event.ttl, 5) * 1_000_000 for event in run.told(ReplyReceived))
    report = run.report
    assert (report.health.foreign, report.outcome.reached) == (0, True)
    assert [hop.lost for hop in report.hops] == [0] * 5


@pytest.mark.parametrize("family", Family)
async def test_a_quote_whose_ports_are_by_chance_those_of_another_probe_is_not_credited_to_it(
    family: Family,
) -> None:
    """The NAT adds 7 to source ports that go up by one: every rewritten port is one of ours."""
    options = options_of(Strategy.CLASSIC, Protocol.UDP, family, target_port=33_434, flows=1)
    run, _ = await logged(NAT, **options)
    replies = run.told(ReplyReceived)
    assert all(event.rtt_ns == min(event.ttl, 5) * 1_000_000 for event in replies)
    foreign = {event.reason for event in run.told(ForeignReply)}
    assert foreign == (set() if family is Family.IPV4 else {ForeignReason.AMBIGUOUS})


async def test_where_nothing_tells_the_probes_apart_the_answers_are_foreign_and_not_guessed() -> None:
    run, _ = await logged(NAT, **options_of(*UNTOLD))
    assert {event.reason for event in run.told(ForeignReply)} == {ForeignReason.AMBIGUOUS}
    assert all(event.rtt_ns == min(event.ttl, 5) * 1_000_000 for event in run.told(ReplyReceived))


@pytest.mark.parametrize("strategy", [Strategy.PARIS, Strategy.DUBLIN])
@pytest.mark.parametrize("family", Family)
async def test_an_open_udp_port_names_no_mark_and_is_credited_only_when_one_probe_can_have_caused_it(
    strategy: Strategy, family: Family
) -> None:
    options = options_of(strategy, Protocol.UDP, family, target_port=53, flows=2, report_cycles=4)
    run, _ = await logged(ECMP, **options)
    replies = run.told(ReplyReceived)
    assert all(event.rtt_ns == min(event.ttl, 7) * 1_000_000 for event in replies)
    assert {event.reason for event in run.told(ForeignReply)} == {ForeignReason.AMBIGUOUS}
    assert run.report.outcome.reached
    assert run.report.outcome.target_ttl == 7
    later = [event for event in replies if event.reached and event.round > 1]
    assert len(later) == 2 * 2, "both flows, in both rounds that follow"


@pytest.mark.parametrize("strategy", [Strategy.PARIS, Strategy.DUBLIN])
async def test_a_source_port_in_use_moves_the_flow_before_it_begins(strategy: Strategy) -> None:
    usable = range(40_000, 40_100)
    options = options_of(strategy, Protocol.UDP, Family.IPV4, flows=4)
    wanted = {
        event.source_port
        for event in (await simulation(ECMP, usable=usable, **options).to_its_end()).told(ProbeSent)
    }
    trouble = taken(range(min(wanted), min(wanted) + 3))
    run = await simulation(ECMP, troubles=(trouble,), usable=usable, **options).to_its_end()
    assert len(run.told(PortSkipped)) == 3
    by_flow = {(event.flow, event.source_port) for event in run.told(ProbeSent)}
    assert len(by_flow) == 4, "one port each"
    assert len({port for _, port in by_flow}) == 4
    assert all(flow.sport in usable for flow in run.report.flows)


async def test_a_fixed_source_port_is_the_first_flows() -> None:
    options = options_of(Strategy.PARIS, Protocol.TCP, Family.IPV4, source_port=7_000, target_port=443)
    run, _ = await logged(ECMP, **options)
    assert [(flow.sport, flow.dport) for flow in run.report.flows] == [
        (7_000 + at, 443) for at in range(FLOWS)
    ]


async def test_several_targets_are_traced_with_the_same_ports() -> None:
    queries = ["203.0.113.80", "198.18.5.1", "203.0.113.80"]
    for protocol in (Protocol.UDP, Protocol.TCP):
        options = options_of(Strategy.PARIS, protocol, Family.IPV4, source_port=7_000)
        run = await simulation(ECMP, queries[:2], **options).to_its_end()
        assert [report.outcome.target_ttl for report in run.reports] == [7, 6]
        assert [report.health.foreign for report in run.reports] == [0, 0]
    run = await simulation(
        ECMP, queries, **options_of(Strategy.PARIS, Protocol.UDP, Family.IPV4)
    ).to_its_end()
    assert [report.outcome.target_ttl for report in run.reports] == [7, 6, 7]
    assert [report.health.foreign for report in run.reports] == [0, 0, 0]


async def test_no_more_flows_are_told_apart_than_asked_and_those_never_freeze() -> None:
    options = options_of(Strategy.PARIS, Protocol.UDP, Family.IPV4, flows=4, max_flows=4)
    run, _ = await logged(ECMP, **options)
    # A log of more flows than its options say: the fold is bounded by the options all the same.
    more = [
        msgspec.structs.replace(event, flow=event.flow + 4)
        if isinstance(event, ProbeSent | ReplyReceived)
        else event
        for event in run.events
    ]
    run.fold.apply(more[1:])
    flows = run.report.flows
    assert [flow.id for flow in flows] == [0, 1, 2, 3]
    assert all(flow.sent == 3 for flow in flows), "one probe to the target in each round"


async def test_the_rounds_of_many_flows_keep_their_pace() -> None:
    """Each flow has a budget of its own: 15 follow the first at once, and no round lasts longer for it."""
    run, _ = await logged(ECMP, **options_of(Strategy.PARIS, Protocol.UDP, Family.IPV4))
    first = [event for event in run.told(ProbeSent) if event.round == 0]
    assert {event.at_ns for event in first if event.flow == 0} == {0}
    assert len({event.at_ns for event in first if event.flow > 0}) == 1
    starts = {
        number: min(event.at_ns for event in run.told(ProbeSent) if event.round == number)
        for number in range(3)
    }
    assert starts == {0: 0, 1: 1_000_000_000, 2: 2_000_000_000}


def test_more_flows_than_source_ports_are_refused_before_anything_is_sent() -> None:
    config = TraceConfig(
        **options_of(
            Strategy.PARIS, Protocol.UDP, Family.IPV4, initial_sequence=64_511, flows=1024, max_flows=1024
        )
    )
    prepare.simulated([], config, ECMP, VirtualClock())
    with pytest.raises(ConfigError, match="each takes a source port, and 8 may be used"):
        prepare._enough_ports(range(40_000, 40_008), config, Protocol.UDP)


@pytest.mark.parametrize(("family", "refused"), [(Family.IPV4, True), (Family.IPV6, False)])
def test_a_flow_label_needs_an_ipv6_target(family: Family, refused: bool) -> None:  # noqa: FBT001 - a case
    config = TraceConfig(flow_label=7)
    query = load(ECMP).target.addresses_of(family)[0]
    if refused:
        with pytest.raises(ConfigError, match="no target has an IPv6 address"):
            prepare.simulated([query], config, ECMP, VirtualClock())
    else:
        prepare.simulated([query], config, ECMP, VirtualClock())
