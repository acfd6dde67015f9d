from __future__ import annotations

from math import gcd
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.config import ProtocolChoice, TraceConfig
from tracer.engine.ports import (
    LAST_PORT,
    TARGET_LAP,
    FixedPair,
    FixedTuple,
    Marked,
    MarkPool,
    MovingSource,
    MovingTarget,
    NoPorts,
    PortPlan,
    Ports,
    plan_kind,
    port_plans,
)
from tracer.model import Family, Port, PortPlanKind, Protocol, Strategy

USABLE = range(50_000, 50_004)


def source(usable: range = USABLE, start: int = 0) -> MovingSource:
    return MovingSource(Port(80), usable, start)


def taken(plan: PortPlan, count: int) -> list[Ports]:
    pairs = [plan.take() for _ in range(count)]
    assert None not in pairs
    return [pair for pair in pairs if pair is not None]


def test_moving_sources_go_round_from_their_start() -> None:
    plan = source(start=2)
    used = []
    for _ in range(6):
        (pair,) = taken(plan, 1)
        used.append(pair.source)
        plan.free(pair)
    assert used == [50_002, 50_003, 50_000, 50_001, 50_002, 50_003]
    assert pair.target == 80


def test_a_start_beyond_the_range_begins_again_at_its_first_port() -> None:
    assert taken(source(start=4), 1)[0].source == 50_000


def test_a_port_of_another_socket_is_passed_over_for_the_rest_of_the_round() -> None:
    plan = source()
    plan.refuse(taken(plan, 1)[0])
    used = []
    for _ in range(4):
        (pair,) = taken(plan, 1)
        used.append(pair.source)
        plan.free(pair)
    assert used == [50_001, 50_002, 50_003, 50_001]
    plan.new_round()
    used = [pair.source for pair in taken(plan, 4)]
    assert sorted(used) == list(USABLE)


def test_the_last_port_of_a_lap_says_so_and_only_it() -> None:
    plan = source()
    laps = []
    for _ in USABLE:
        (pair,) = taken(plan, 1)
        laps.append(pair.lap_ends)
        plan.refuse(pair)
    assert laps == [False, False, False, True]


def test_after_a_lap_in_vain_every_further_port_ends_a_lap() -> None:
    plan = source()
    for _ in USABLE:
        plan.refuse(taken(plan, 1)[0])
    for _ in range(3):
        (pair,) = taken(plan, 1)
        assert pair.lap_ends
        plan.refuse(pair)


def test_ports_of_our_own_probes_mean_wait_and_are_no_lap() -> None:
    plan = source()
    mine = taken(plan, 3)
    (other,) = taken(plan, 1)
    assert not any(pair.lap_ends for pair in (*mine, other))
    plan.refuse(other)
    assert plan.take() is None
    plan.free(mine[1])
    (again,) = taken(plan, 1)
    assert again.source == mine[1].source
    assert not again.lap_ends


def test_a_source_plan_needs_a_port() -> None:
    with pytest.raises(ValueError, match="at least one"):
        source(range(0))


@given(st.lists(st.sampled_from(["take", "free", "refuse", "round"]), max_size=60), st.integers(1, 6))
def test_a_source_port_is_never_given_twice_and_never_while_known_as_taken(
    steps: list[str], count: int
) -> None:
    plan = MovingSource(Port(80), range(1, count + 1), start=count // 2)
    mine: list[Ports] = []
    others: set[int] = set()
    for step in steps:
        if step == "take":
            pair = plan.take()
            if pair is None:
                assert mine
                assert len(mine) + len(others) >= count
                continue
            assert pair.source not in {one.source for one in mine}
            assert pair.lap_ends == (not mine and len(others - {pair.source}) == count - 1)
            assert pair.source not in others or len(others) == count
            others.discard(pair.source)
            mine.append(pair)
        elif step == "round":
            plan.new_round()
            others.clear()
        elif mine:
            pair = mine.pop(0)
            if step == "free":
                plan.free(pair)
            else:
                plan.refuse(pair)
                others.add(pair.source)


def test_moving_targets_go_round_a_lap_of_a_hundred() -> None:
    plan = MovingTarget(Port(0))
    used = []
    for _ in range(TARGET_LAP + 2):
        (pair,) = taken(plan, 1)
        used.append(pair.target)
        plan.free(pair)
    assert used == [*range(33_434, 33_534), 33_434, 33_435]


def test_a_target_port_that_is_still_needed_is_passed_over() -> None:
    plan = MovingTarget(Port(0))
    first, second = taken(plan, 2)
    for pair in taken(plan, TARGET_LAP - 2):
        plan.free(pair)
    plan.free(first)
    assert [pair.target for pair in taken(plan, 2)] == [first.target, second.target + 1]


def test_a_whole_lap_of_needed_ports_is_left_upwards_and_in_the_end_waits() -> None:
    plan = MovingTarget(Port(0), Port(65_000))
    pairs = taken(plan, LAST_PORT - 65_000 + 1)
    assert {pair.target for pair in pairs} == set(range(65_000, 65_536))
    assert plan.take() is None
    plan.free(pairs[300])
    assert taken(plan, 1)[0].target == pairs[300].target


def test_a_lap_near_the_last_port_is_shorter() -> None:
    plan = MovingTarget(Port(7), Port(65_534))
    used = []
    for _ in range(3):
        (pair,) = taken(plan, 1)
        used.append(pair[:2])
        plan.free(pair)
    assert used == [(7, 65_534), (7, 65_535), (7, 65_534)]


def test_a_lap_of_refused_target_ports_ends() -> None:
    plan = MovingTarget(Port(7))
    laps = []
    for _ in range(TARGET_LAP):
        (pair,) = taken(plan, 1)
        laps.append(pair.lap_ends)
        plan.refuse(pair)
    assert laps == [False] * (TARGET_LAP - 1) + [True]
    plan.new_round()
    assert not taken(plan, 1)[0].lap_ends


def test_a_fixed_pair_serves_one_probe_at_a_time() -> None:
    plan = FixedPair(Port(7), Port(80))
    (pair,) = taken(plan, 1)
    assert (pair.source, pair.target, pair.lap_ends) == (7, 80, True)
    assert plan.take() is None
    plan.free(pair)
    assert plan.take() == pair
    plan.refuse(pair)
    plan.new_round()
    assert plan.take() == pair


def test_icmp_leaves_the_identifier_to_the_channel() -> None:
    plan = NoPorts()
    assert [pair[:2] for pair in taken(plan, 3)] == [(0, 0)] * 3


UDP, TCP, ICMP = Protocol.UDP, Protocol.TCP, Protocol.ICMP
FIXED_SOURCE, FIXED_TARGET, FIXED_BOTH, FIXED_TUPLE = PortPlanKind


@pytest.mark.parametrize(
    ("protocol", "source_port", "target_port", "kind", "first"),
    [
        (ICMP, None, None, FIXED_SOURCE, (0, 0)),
        (UDP, None, None, FIXED_SOURCE, (0, 33434)),
        (UDP, 7000, None, FIXED_SOURCE, (7000, 33434)),
        (UDP, None, 53, FIXED_TARGET, (50_001, 53)),
        (UDP, 7000, 53, FIXED_BOTH, (7000, 53)),
        (TCP, None, None, FIXED_TARGET, (50_001, 80)),
        (TCP, None, 443, FIXED_TARGET, (50_001, 443)),
        (TCP, 7000, None, FIXED_SOURCE, (7000, 33434)),
        (TCP, 7000, 443, FIXED_BOTH, (7000, 443)),
    ],
)
def test_the_options_choose_the_plan(
    protocol: Protocol,
    source_port: int | None,
    target_port: int | None,
    kind: PortPlanKind,
    first: tuple[int, int],
) -> None:
    config = TraceConfig(
        protocol=ProtocolChoice(protocol.value), source_port=source_port, target_port=target_port
    )
    (plan,) = port_plans(protocol, Family.IPV4, config, USABLE, seed=5)
    assert plan_kind(protocol, config) is plan.kind is kind
    pair = plan.take()
    assert pair is not None
    assert pair[:2] == first


@pytest.mark.parametrize(
    ("initial", "protocol", "options", "first"),
    [
        (50_002, "tcp", {}, (50_002, 80)),
        (40_000, "tcp", {}, (50_000, 80)),
        (60_000, "tcp", {}, (50_000, 80)),
        (50_002, "udp", {}, (0, 50_002)),
        (50_003, "udp", {"target_port": 53}, (50_003, 53)),
    ],
)
def test_the_initial_sequence_is_the_first_moving_port(
    initial: int, protocol: str, options: dict[str, Any], first: tuple[int, int]
) -> None:
    config = TraceConfig(protocol=ProtocolChoice(protocol), initial_sequence=initial, **options)
    (plan,) = port_plans(Protocol(protocol), Family.IPV4, config, USABLE, seed=1)
    pair = plan.take()
    assert pair is not None
    assert pair[:2] == first


def tuple_of(*options: Any, marks: range = range(1, 4), step: int = 1, start: int = 0) -> Marked:
    return Marked(FixedTuple(*(options or ([7_000], Port(53)))), MarkPool(marks, step, start))


def test_a_marked_tuple_gives_one_pair_and_every_mark_once() -> None:
    plan = tuple_of()
    given = [plan.take() for _ in range(4)]
    assert [ports and ports.mark for ports in given] == [1, 2, 3, None]
    assert {ports[:2] for ports in given if ports} == {(7_000, 53)}
    assert given[1] is not None
    plan.free(given[1])
    again = plan.take()
    assert again is not None
    assert again.mark == 2


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 500), st.lists(st.integers(0, 59), max_size=60))
def test_no_two_unanswered_probes_carry_the_same_mark(
    size: int, step: int, start: int, frees: list[int]
) -> None:
    pool = MarkPool(range(100, 100 + size), step if gcd(step, size) == 1 else 1, start)
    held: list[int] = []
    for number in frees:
        mark = pool.take()
        assert (mark is None) == (len(held) == size)
        if mark is not None:
            assert mark not in held
            assert 100 <= mark < 100 + size
            held.append(mark)
        if held and number % 3 == 0:
            pool.free(held.pop(number % len(held)))


def test_a_tuple_whose_source_is_in_use_moves_on_and_ends_its_lap() -> None:
    plan = FixedTuple([5, 6, 7], Port(80), start=1)
    seen = []
    for _ in range(3):
        ports = plan.take()
        assert ports is not None
        seen.append((ports.source, ports.lap_ends))
        plan.refuse(ports)
    assert seen == [(6, False), (7, False), (5, True)]
    plan.new_round()
    ports = plan.take()
    assert ports is not None
    assert not ports.lap_ends


def test_a_refusal_of_an_earlier_source_moves_nothing() -> None:
    plan = FixedTuple([5, 6, 7], Port(80))
    first = plan.take()
    assert first is not None
    plan.refuse(first)
    plan.refuse(first)
    ports = plan.take()
    assert ports is not None
    assert ports.source == 6


def test_a_tuple_needs_a_port() -> None:
    with pytest.raises(ValueError, match="at least one usable source port"):
        FixedTuple([], Port(80))


PARIS, DUBLIN = Strategy.PARIS, Strategy.DUBLIN


@pytest.mark.parametrize(
    ("protocol", "strategy", "kind"),
    [
        (ICMP, PARIS, FIXED_SOURCE),
        (UDP, PARIS, FIXED_TUPLE),
        (UDP, DUBLIN, FIXED_TUPLE),
        (TCP, PARIS, FIXED_TUPLE),
    ],
)
def test_strategies_that_keep_a_flow_keep_its_ports(
    protocol: Protocol, strategy: Strategy, kind: PortPlanKind
) -> None:
    config = TraceConfig(protocol=ProtocolChoice(protocol.value), multipath_strategy=strategy, flows=2)
    plans = port_plans(protocol, Family.IPV4, config, USABLE, seed=5)
    assert [plan.kind for plan in plans] == [kind, kind]
    assert plan_kind(protocol, config) is kind
    assert len({id(plan) for plan in plans}) == 2


def test_flows_whose_source_port_moves_share_the_ports() -> None:
    config = TraceConfig(protocol=ProtocolChoice.TCP, flows=3)
    one, other, third = port_plans(TCP, Family.IPV4, config, USABLE, seed=0)
    assert one is other is third


def test_flows_of_one_trace_never_give_the_same_mark_twice() -> None:
    config = TraceConfig(protocol=ProtocolChoice.UDP, multipath_strategy=DUBLIN, flows=4)
    plans = port_plans(UDP, Family.IPV6, config, USABLE, seed=9)
    given = [plan.take() for _ in range(20) for plan in plans]
    marks = [ports.mark for ports in given if ports is not None]
    assert marks == list(range(44, 44 + 80)), "short packets first"
