"""Several flows of one engine, one story at a time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.engine_driver import TARGET, Driven, in_use, leaves, reply_to, router
from tracer.config import MS, SECOND, ProtocolChoice
from tracer.events import ForeignReply, PathChanged, PathEndMoved, ProbeLost, ReplyReceived
from tracer.model import EndReason, ForeignReason, PathEndKind, Probe, ReplyKind, Strategy

PARIS: dict[str, Any] = {"multipath_strategy": Strategy.PARIS}
UNREACHABLE, EXCEEDED = ReplyKind.UNREACHABLE, ReplyKind.TIME_EXCEEDED


def explored(end: int = 9, **options: Any) -> Driven:
    """The first flow knows where its path ends, and the others have begun."""
    driven = Driven(**{**PARIS, **options})
    driven.tick(0)
    driven.path(end, 0)
    return driven


def of_flow(driven: Driven, flow: int) -> list[Probe]:
    return [probe for probe in driven.sent if probe.flow == flow]


def sent_by(driven: Driven, since: int = 0) -> dict[int, list[int]]:
    """TTLs by flow, in the order of their leaving."""
    found: dict[int, list[int]] = {}
    for probe in driven.sent[since:]:
        found.setdefault(probe.flow, []).append(probe.ttl)
    return found


def answer_all(driven: Driven, ends: dict[int, int], now: int, since: int = 0) -> None:
    """Routers answer, and from the TTL in ``ends`` on the target, flow by flow; what that lets out too."""
    answered = since
    while answered < len(driven.sent):
        probe = driven.sent[answered]
        target = probe.ttl >= ends[probe.flow]
        kind, responder = (UNREACHABLE, TARGET) if target else (EXCEEDED, router(probe.ttl))
        driven.receive(reply_to(probe, kind, responder, now), now)
        answered += 1


def test_one_flow_finds_out_how_far_to_go_and_the_others_follow_in_turn() -> None:
    driven = Driven(flows=3, **PARIS)
    driven.tick(0)
    assert sent_by(driven) == {0: list(range(1, 25))}
    driven.path(9, 20 * MS)
    assert [probe.flow for probe in driven.sent[24:30]] == [1, 2, 1, 2, 1, 2]
    assert sent_by(driven, 24) == {flow: list(range(1, 10)) for flow in (1, 2)}


def test_where_nobody_answers_the_others_begin_with_the_first_ones_losses() -> None:
    driven = Driven(flows=2, **PARIS)
    driven.tick(0)
    assert driven.tick(SECOND) == []
    assert driven.engine.deadline(SECOND) == 2 * SECOND
    driven.tick(2 * SECOND)
    assert len(of_flow(driven, 1)) == 24


def test_flows_that_follow_take_turns_with_the_first_from_the_second_round_on() -> None:
    driven = explored(flows=3)
    driven.path(9, 20 * MS, since=24)
    before = len(driven.sent)
    driven.tick(SECOND)
    assert [probe.flow for probe in driven.sent[before : before + 6]] == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize("protocol", [ProtocolChoice.UDP, ProtocolChoice.TCP])
def test_a_paris_flow_keeps_its_ports_and_no_two_probes_share_a_mark(protocol: ProtocolChoice) -> None:
    driven = explored(flows=3, protocol=protocol)
    assert len({(probe.flow, probe.identity) for probe in driven.sent}) == 3
    assert len({probe.identity for probe in driven.sent}) == 3
    assert len({probe.mark for probe in driven.sent}) == len(driven.sent)


def test_flows_of_different_length_each_stop_at_their_own_end_and_the_farthest_is_the_paths() -> None:
    driven = Driven(flows=3, **PARIS)
    driven.tick(0)
    ends = {0: 6, 1: 9, 2: 7}
    answer_all(driven, ends, 20 * MS)
    moved = driven.told(PathEndMoved)[-1]
    assert (moved.ttl, moved.kind) == (9, PathEndKind.TARGET)
    before = len(driven.sent)
    driven.tick(SECOND)
    assert sent_by(driven, before) == {flow: list(range(1, end + 1)) for flow, end in ends.items()}


def test_a_flow_without_an_answer_of_the_target_stops_where_another_has_it() -> None:
    """A target that limits its answers leaves most flows without one."""
    driven = Driven(flows=3, **PARIS)
    driven.tick(0)
    for now in (20 * MS, 2 * SECOND):  # the others begin when the first has lost what is beyond TTL 8
        driven.tick(now)
        for probe in [probe for probe in driven.sent if now < SECOND or probe.flow]:
            if probe.ttl < 9:
                driven.router_answers(probe, now)
            elif probe.flow == 1:
                driven.target_answers(probe, now)
    for _ in range(2):
        before, now = len(driven.sent), now + 3 * SECOND
        driven.tick(now)
    assert sent_by(driven, before) == {flow: list(range(1, 10)) for flow in range(3)}


def test_a_longer_flow_goes_on_where_a_router_answers_at_anothers_end() -> None:
    driven = Driven(flows=2, max_inflight=6, gap_limit=3, max_rate=10_000, **PARIS)
    driven.tick(0)
    answer_all(driven, {0: 5, 1: 12}, 20 * MS)
    assert max(sent_by(driven)[0]) == 7, "a gap limit beyond hop 4, before hop 5 answered"
    assert max(sent_by(driven)[1]) == 6, "no more at once"
    before = len(driven.sent)
    driven.tick(40 * MS)
    answer_all(driven, {0: 5, 1: 12}, 40 * MS, since=before)
    assert max(sent_by(driven)[1]) == 12
    assert driven.told(PathEndMoved)[-1].ttl == 12


def test_a_round_is_over_when_every_flows_part_is() -> None:
    driven = explored(5, flows=2, report_cycles=1)
    slow, *others = of_flow(driven, 1)
    assert (slow.flow, slow.ttl) == (1, 1)
    for probe in others:
        (driven.target_answers if probe.ttl >= 5 else driven.router_answers)(probe, 10 * MS)
    for now in (30 * MS, 31 * MS):
        driven.tick(now)
    # One grace after both flows' targets answered; the slow first hop of flow 1 is given up with it.
    assert driven.engine.ended is EndReason.TARGET_REACHED


def test_the_last_round_waits_for_the_flow_that_may_still_be_answered() -> None:
    driven = explored(5, flows=2, report_cycles=1)
    driven.tick(SECOND)
    assert driven.engine.deadline(SECOND) == 2 * SECOND, "its losses"
    driven.tick(2 * SECOND)
    assert driven.engine.ended is EndReason.TARGET_REACHED
    assert {event.flow for event in driven.told(ProbeLost)} == {1}


def test_each_flow_has_a_budget_of_its_own() -> None:
    driven = explored(4, flows=2, max_inflight=4, max_rate=10)
    assert sent_by(driven) == {0: [1, 2, 3, 4], 1: [1, 2, 3, 4]}, "the budget of the first was spent"


def test_the_answer_of_an_open_port_is_credited_only_to_the_only_probe() -> None:
    driven = Driven(target_port=53, **PARIS)
    driven.tick(0)
    first, last = driven.sent[0], driven.sent[-1]
    driven.receive(reply_to(last, ReplyKind.UDP_DATA, TARGET, 5 * MS), 5 * MS)
    assert [event.reason for event in driven.told(ForeignReply)] == [ForeignReason.AMBIGUOUS]
    assert driven.told(ReplyReceived) == []
    for probe in driven.sent[:-1]:
        driven.router_answers(probe, 6 * MS)
    driven.receive(reply_to(first, ReplyKind.UDP_DATA, TARGET, 7 * MS), 7 * MS)
    credited = driven.told(ReplyReceived)[-1]
    assert (credited.ttl, credited.reached) == (last.ttl, True), "the last one outstanding"


def test_after_an_ambiguous_answer_the_flow_sends_one_probe_at_a_time_and_the_others_as_before() -> None:
    driven = explored(5, flows=2, target_port=53, gap_limit=20)
    driven.path(5, 1 * MS, since=24)
    driven.tick(SECOND)
    doubtful = next(probe for probe in of_flow(driven, 0) if probe.round == 1)
    driven.receive(reply_to(doubtful, ReplyKind.UDP_DATA, TARGET, SECOND), SECOND)
    before = len(driven.sent)
    driven.tick(2 * SECOND)
    driven.tick(3 * SECOND)
    assert sent_by(driven, before) == {0: [1], 1: [1, 2, 3, 4, 5]}
    driven.router_answers(driven.sent[-1], 3 * SECOND)
    assert sent_by(driven, before)[0] == [1, 2]


def test_a_source_port_in_use_moves_the_whole_flow() -> None:
    driven = Driven(flows=2, usable=range(40_000, 40_010), **PARIS)

    def first_two_in_use(command: Any, now: int) -> Any:
        return in_use(command, now) if len(driven.asked) < 3 else leaves(command, now)

    driven.answering = first_two_in_use
    driven.tick(0)
    driven.path(9, 0)
    ports = {(probe.flow, probe.source_port) for probe in driven.sent}
    assert len(ports) == 2, "one for each flow"
    assert len({port for _, port in ports}) == 2


def test_a_fixed_port_in_use_is_exhaustion_and_not_tried_again_in_the_round() -> None:
    driven = Driven(source_port=7_000, **PARIS)
    driven.tick(0)
    asked = {probe.source_port for probe in driven.asked}
    assert asked == {7_000}


def test_a_change_of_path_names_its_flow() -> None:
    driven = Driven(flows=2, report_cycles=None, **PARIS)
    seen = 0
    for round_id in range(30):
        now = round_id * SECOND
        driven.tick(now)
        for probe in driven.sent[seen:]:
            moved = probe.flow == 1 and round_id >= 12
            responder = router(probe.ttl + 100) if moved and probe.ttl == 2 else router(probe.ttl)
            if probe.ttl < 4:
                driven.receive(reply_to(probe, EXCEEDED, responder, now), now)
            else:
                driven.target_answers(probe, now)
        seen = len(driven.sent)
    (change,) = driven.told(PathChanged)
    assert (change.flows, change.ttl) == ((1,), 2)


def test_flows_that_change_together_are_one_change() -> None:
    driven = Driven(flows=3, report_cycles=None, **PARIS)
    seen = 0
    for round_id in range(30):
        now = round_id * SECOND
        driven.tick(now)
        for probe in driven.sent[seen:]:
            farther = 100 if round_id >= 12 and probe.ttl == 2 + (probe.flow == 2) else 0
            if probe.ttl < 5:
                driven.receive(reply_to(probe, EXCEEDED, router(probe.ttl + farther), now), now)
            else:
                driven.target_answers(probe, now)
        seen = len(driven.sent)
    assert [(change.flows, change.ttl) for change in driven.told(PathChanged)] == [((0, 1), 2), ((2,), 3)]


def test_a_late_stamp_without_a_mark_changes_no_probe_of_a_shared_tuple() -> None:
    driven = Driven(**PARIS)
    driven.tick(0)
    probe: Probe = driven.sent[0]
    reply = reply_to(probe, EXCEEDED, router(1), 5 * MS)
    assert driven.engine.claims(reply)
    driven.receive(reply, 5 * MS)
    (event,) = driven.told(ReplyReceived)
    assert event.sequence == probe.sequence
