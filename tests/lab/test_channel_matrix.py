"""One suite that every channel passes: each protocol over each family by each strategy.

On the simulated internet (for three channels behind a TUN device, for the fourth in memory) and on real
routers. docs/matrix.md is written from its results: see labkit/matrix_page.py.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.labkit.combinations import (
    IMPOSSIBLE,
    OUT_OF_REACH,
    SUPPORTED,
    WITHOUT_PRIVILEGE,
    Combination,
    clocks,
)
from tests.lab.labkit.families import Family
from tests.lab.labkit.namespace import User
from tests.lab.labkit.product import hopscope
from tests.lab.labkit.traced import Traced, over_the_kernel, over_the_simulator
from tests.lab.labkit.tun import TunLab, tun_lab
from tracer.config import AddressFamily, ChannelChoice, ProtocolChoice, TraceConfig
from tracer.errors import ConfigError
from tracer.events import ReplyReceived
from tracer.model import Protocol, Strategy
from tracer.sim.channel import SOURCE_ADDRESSES
from tracer.sim.load import load
from tracer.sim.path import Path as SimPath
from tracer.sim.path import Timetable, flow_key, router

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.lab.labkit.chain import Chain

SCENARIO = Path(__file__).parents[1] / "scenarios" / "diamonds.toml"
MS = 1_000_000
ROUNDS, FLOWS = 2, 2
BALANCED = (2, 3, 6)
"""The TTLs at which the scenario has several routers."""
TCP_INFO_NS = 1_000
"""The kernel's own measure of a handshake is in whole microseconds."""


@pytest.fixture(scope="module")
def internet() -> Iterator[TunLab]:
    with tun_lab(str(SCENARIO)) as lab:
        yield lab


@pytest.fixture(scope="module")
def routers(ten_routers: Chain) -> Iterator[Chain]:
    with ten_routers.source.sysctls({"net.ipv4.ping_group_range": "0 65534"}):
        yield ten_routers


def each(cells: Sequence[Combination]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("cell", cells, ids=str)


def options(cell: Combination) -> TraceConfig:
    return TraceConfig(
        protocol=ProtocolChoice(cell.protocol),
        channel=ChannelChoice.AUTO if cell.channel == "sim" else ChannelChoice(cell.channel),
        multipath_strategy=cell.strategy,
        addr_family=AddressFamily(cell.family),
        flows=FLOWS,
        report_cycles=ROUNDS,
        min_round_duration_ns=10 * MS,
        max_round_duration_ns=10 * MS,
        max_inflight=12,
    )


def note(record_property: Any, cell: Combination, **more: str) -> None:
    """For the page that is made of the results."""
    for name, value in {**cell._asdict(), **more}.items():
        record_property(name, str(value))


def user(cell: Combination) -> User:
    return User.NOBODY if cell.channel in WITHOUT_PRIVILEGE else User.ROOT


@each(SUPPORTED)
def test_on_the_simulated_internet(cell: Combination, internet: TunLab, record_property: Any) -> None:
    note(record_property, cell)
    target = internet.target_address(cell.family)
    if cell.channel == "sim":
        traced = over_the_simulator(SCENARIO, target, options(cell))
    else:
        traced = over_the_kernel(internet.namespace, target, options(cell), user(cell))
    every_hop_is_found(traced, internet.responders(cell.family))
    it_is_this_channel(traced, cell)
    each_flow_is_kept(traced, cell)
    every_answer_is_of_the_router_that_the_hash_names(traced, cell)
    nothing_is_faster_than_the_way_is_long(traced)


@each([cell for cell in SUPPORTED if cell.channel != "sim"])
def test_on_real_routers(cell: Combination, routers: Chain, record_property: Any) -> None:
    note(record_property, cell)
    target = routers.target_address(cell.family)
    traced = over_the_kernel(routers.source, target, options(cell), user(cell))
    every_hop_is_found(traced, [{address} for address in routers.responders(cell.family)])
    it_is_this_channel(traced, cell)
    each_flow_is_kept(traced, cell)


@each(OUT_OF_REACH)
def test_what_a_channel_cannot_do_is_not_permitted_and_says_why(
    cell: Combination, internet: TunLab, record_property: Any
) -> None:
    asked = ("--channel", cell.channel, f"--{cell.protocol}", "-R", cell.strategy, cell.family.flag)
    run = hopscope(internet.namespace, internet.target_address(cell.family), "-m", "json", *asked)
    assert (run.exit_code, run.stdout) == (3, ""), run
    assert "CAP_NET_RAW" in run.stderr
    note(record_property, cell, reason=one_match(r"needs raw sockets: [^.]+", run.stderr))


@each(IMPOSSIBLE)
def test_what_no_channel_can_do_is_refused_and_says_why(cell: Combination, record_property: Any) -> None:
    with pytest.raises(ConfigError) as refused:
        options(cell)
    note(record_property, cell, reason=one_match(r"its mark is [^;.]+", str(refused.value)))


def one_match(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None, text
    return found[0]


# What holds for every channel


def answers(traced: Traced) -> list[ReplyReceived]:
    return [event for event in traced.events if type(event) is ReplyReceived]


def every_hop_is_found(traced: Traced, expected: Sequence[set[str]]) -> None:
    """At its TTL, in every round by every flow, and nothing that is odd."""
    [report] = traced.reports
    hops = report["hops"]
    assert report["outcome"] == {
        "reached": True,
        "reason": "target_reached",
        "target_ttl": len(expected),
        "rounds": ROUNDS,
    }
    assert [hop["ttl"] for hop in hops] == list(range(1, len(expected) + 1))
    for hop, possible in zip(hops, expected, strict=True):
        assert {one["address"] for one in hop["responders"]} <= possible
        heard = ROUNDS * FLOWS if possible else 0
        assert [hop[key] for key in ("sent", "received", "failed", "duplicates")] == [
            ROUNDS * FLOWS,
            heard,
            0,
            0,
        ]
    odd = ("foreign", "malformed", "anomalies", "clock_steps", "kernel_drops", "ports_exhausted")
    assert [report["health"][key] for key in odd] == [0] * len(odd)
    assert report["errors"] == []


def it_is_this_channel(traced: Traced, cell: Combination) -> None:
    """And the stamps are taken by whom it promises."""
    channel = traced.header.channel
    assert (channel.name, channel.protocol) == (cell.channel, cell.protocol)
    assert channel.privileged == (cell.channel not in WITHOUT_PRIVILEGE)
    assert (traced.header.clock.tx, traced.header.clock.rx) == clocks(cell)
    assert {(answer.tx.clock, answer.rx.clock) for answer in answers(traced)} == {clocks(cell)}
    for hop in traced.reports[0]["hops"]:
        assert hop["clock"]["user"] == 0, "the receive stamps"


def each_flow_is_kept(traced: Traced, cell: Combination) -> None:
    ports: dict[int, set[tuple[int, int]]] = defaultdict(set)
    ways: dict[tuple[int, int], set[str]] = defaultdict(set)
    for answer in answers(traced):
        ports[answer.flow].add((answer.source_port, answer.target_port))
        ways[answer.flow, answer.ttl].add(answer.responder)
    assert set(ports) == set(range(FLOWS))
    if cell.strategy is not Strategy.CLASSIC:
        assert {len(used) for used in ports.values()} == {1}
        assert len(set.union(*ports.values())) == FLOWS
        assert {len(responders) for responders in ways.values()} == {1}
    elif cell.protocol is not Protocol.ICMP:
        assert not set.intersection(*ports.values()), "no two flows share a pair of ports"
        assert {len(used) for used in ports.values()} != {1}


def every_answer_is_of_the_router_that_the_hash_names(traced: Traced, cell: Combination) -> None:
    """The scenario's own hash of what was sent, at every hop of both diamonds."""
    path, source = _path(), SOURCE_ADDRESSES[cell.family.of_the_model]
    target = path.target.addresses_of(cell.family.of_the_model)[0]
    balanced = [answer for answer in answers(traced) if answer.ttl in BALANCED]
    assert len(balanced) == ROUNDS * FLOWS * len(BALANCED)
    for answer in balanced:
        key = flow_key(source, target, cell.protocol, *_hashed(answer, cell))
        assert answer.responder == router(path, answer.ttl, key)


def _path() -> SimPath:
    return Timetable(load(str(SCENARIO))).at(0)


def _hashed(answer: ReplyReceived, cell: Combination) -> tuple[int, int]:
    """The four bytes behind the IP header that routers look at: ports, or ICMP's first word and checksum."""
    if cell.protocol is not Protocol.ICMP:
        return answer.source_port, answer.target_port
    assert answer.probe_bytes is not None
    body = answer.probe_bytes[{Family.IPV4: 20, Family.IPV6: 40}[cell.family] :]
    return int.from_bytes(body[:2]), int.from_bytes(body[2:4])


def nothing_is_faster_than_the_way_is_long(traced: Traced) -> None:
    path = _path()
    least = [*(hop.rtt_ns for hop in path.hops), path.target.rtt_ns]
    for answer in answers(traced):
        assert answer.rtt_ns is not None
        assert answer.rtt_ns >= least[min(answer.ttl, len(least)) - 1] - TCP_INFO_NS
