"""Who answered behind whom, recounted by hand."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.logbook import Log
from tracer.model import Address, FlowId, Port, ProbeState, Ttl
from tracer.stats import paths_taken
from tracer.stats.paths_taken import MOST_PATHS, OPEN_ROUNDS, Link, PathsTaken, TakenFlow


def taken(log: Log) -> tuple[TakenFlow, ...]:
    paths = PathsTaken()
    for event in log.events:
        paths.apply(event)
    return paths.flows()


def answered(log: Log, ttl: int, round_id: int, address: str | None, **fields: Any) -> None:
    """One probe and its end; without an address it is lost."""
    sequence = len(log.events)
    log.sent(ttl, sequence, round_id)
    if address is None:
        log.lost(ttl, sequence, round_id)
    else:
        log.reply(ttl, sequence, 1000, round_id, responder=Address(address), **fields)


def test_links_are_counted_by_round() -> None:
    log = Log()
    for round_id, second in enumerate(("b", "b", "c")):
        answered(log, 1, round_id, "a")
        answered(log, 2, round_id, second)
    [flow] = taken(log)
    assert flow.links == {
        Link(Ttl(1), Address("a"), Address("b")): 2,
        Link(Ttl(1), Address("a"), Address("c")): 1,
    }
    assert [(path.hops, path.rounds) for path in flow.paths] == [(("a", "b"), 2), (("a", "c"), 1)]


def test_of_too_many_links_the_first_ones_go_on_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths_taken, "MOST_LINKS", 2)
    log = Log()
    for round_id, second in enumerate(("b", "c", "d", "e", "b")):
        answered(log, 1, round_id, "a")
        answered(log, 2, round_id, second)
    [flow] = taken(log)
    assert {link.far: times for link, times in flow.links.items()} == {"b": 2, "c": 1}


def test_a_lost_answer_makes_no_link_and_no_path_of_its_own() -> None:
    log = Log()
    for round_id, second in enumerate(("b", None, "b")):
        for ttl, address in ((1, "a"), (2, second), (3, "d")):
            answered(log, ttl, round_id, address)
    [flow] = taken(log)
    assert [(path.hops, path.rounds) for path in flow.paths] == [(("a", "b", "d"), 3)]
    assert flow.silent == frozenset()
    assert set(flow.links.values()) == {2}


def test_a_hop_that_never_answers_is_silent_in_its_flow_only() -> None:
    log = Log()
    for flow, second in ((0, None), (1, "b")):
        begin = len(log.events)
        for ttl, address in ((1, "a"), (2, second), (3, "d")):
            answered(log, ttl, 0, address)
        log.events[begin:] = [
            msgspec.structs.replace(event, flow=FlowId(flow)) for event in log.events[begin:]
        ]
    first, second_flow = taken(log)
    assert (first.silent, second_flow.silent) == (frozenset({2}), frozenset())


def test_nothing_behind_the_target_is_part_of_a_path() -> None:
    log = Log()
    answered(log, 1, 0, "a")
    answered(log, 2, 0, "t", reached=True)
    answered(log, 3, 0, "t", reached=True)
    answered(log, 4, 0, None)
    [flow] = taken(log)
    assert [path.hops for path in flow.paths] == [("a", "t")]


def test_a_late_answer_completes_its_path() -> None:
    log = Log()
    answered(log, 1, 0, "a")
    log.sent(2, 9)
    log.lost(2, 9)
    log.late(2, 9, responder=Address("b"))
    [flow] = taken(log)
    assert [path.hops for path in flow.paths] == [("a", "b")]


def test_a_probe_that_never_left_says_nothing_of_its_hop() -> None:
    log = Log()
    answered(log, 1, 0, "a")
    log.sent(2, 9)
    log.failed(2, 9)
    log.events[-1] = msgspec.structs.replace(log.events[-1], was=ProbeState.OUTSTANDING)
    answered(log, 3, 0, "c")
    [flow] = taken(log)
    assert flow.silent == frozenset()
    assert flow.links == {}


def test_ports_are_those_of_the_rounds_that_went_this_way() -> None:
    log = Log()
    for round_id in range(3):
        answered(log, 1, round_id, "a")
        ports = {"source_port": Port(5000 + round_id)}
        log.events[-2:] = [msgspec.structs.replace(event, **ports) for event in log.events[-2:]]
    [flow] = taken(log)
    assert (flow.paths[0].source_ports.low, flow.paths[0].source_ports.high) == (5000, 5002)
    assert flow.moving_ports is False


@given(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=40))
def test_memory_is_bounded_by_what_is_outstanding(answers: list[str | None]) -> None:
    paths = PathsTaken()
    log = Log()
    for round_id, address in enumerate(answers * 10):
        answered(log, 1, round_id, address)
    for event in log.events:
        paths.apply(event)
        kept = paths._flows.values()
        assert all(len(flow.open) <= OPEN_ROUNDS + 1 and len(flow.paths) <= MOST_PATHS for flow in kept)
