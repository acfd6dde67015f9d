"""The verdicts: each kind on a path that is so, and how often chance leads to another one."""

from __future__ import annotations

import random
from collections import Counter
from itertools import accumulate, repeat

import pytest

from tests.stats.logbook import MS, TARGET, Log, failure
from tests.stats.synthetic import Answers, Bucket, S, trace
from tracer.model import (
    Address,
    EndReason,
    FailureKind,
    MtuBlackHole,
    PathEndKind,
    PathMtu,
    RoundId,
    Ttl,
)
from tracer.stats.evidence import Counts, HopEvidence, PathEvidence
from tracer.stats.judgement import judge
from tracer.stats.snapshot import TraceSnapshot, VerdictKind
from tracer.stats.tracker import Tracker

SEEDS = range(200)


def all_answer(_dice: random.Random, _ttl: int, _at_ns: int) -> bool:
    return True


def lossy(begin: int, share: float) -> Answers:
    """Every probe of this hop and those behind it is lost with this probability."""
    return lambda dice, ttl, _at_ns: ttl < begin or dice.random() >= share


def cut(which: int, share: float) -> Answers:
    """One hop alone leaves this part of its probes unanswered."""
    return lambda dice, ttl, _at_ns: ttl != which or dice.random() >= share


def limited(which: int, rate: float) -> Answers:
    """One hop alone gives so many answers a second."""
    bucket = Bucket(rate, 2)
    return lambda _dice, ttl, at_ns: ttl != which or bucket.take(at_ns)


def both(*parts: Answers) -> Answers:
    return lambda dice, ttl, at_ns: all(part(dice, ttl, at_ns) for part in parts)


def at_rates(*plan: tuple[float, int]) -> list[int]:
    """When to send: so many rounds at so many a second, one after the other."""
    gaps = [gap for rate, rounds in plan for gap in repeat(1 / rate, rounds)]
    return [int(at * S) for at in accumulate(gaps)]


def path_kind(snapshot: TraceSnapshot) -> VerdictKind:
    assert snapshot.path_verdict is not None
    return snapshot.path_verdict.kind


def sentence(snapshot: TraceSnapshot) -> str:
    assert snapshot.path_verdict is not None
    return snapshot.path_verdict.sentence


def hop_kinds(snapshot: TraceSnapshot) -> list[str]:
    return [verdict.kind.value for verdict in snapshot.hop_verdicts]


# How often it errs: 200 seeds, 60 rounds


@pytest.mark.parametrize("begin", [1, 2, 4, 7])
def test_eight_percent_loss_is_told_from_cut_answers_with_under_two_percent_error(begin: int) -> None:
    told: Counter[VerdictKind] = Counter()
    placed = 0
    for seed in SEEDS:
        snapshot = trace(8, lossy(begin, 0.08), seed=seed).snapshot()
        told[path_kind(snapshot)] += 1
        assert snapshot.path_verdict is not None
        evidence = snapshot.path_verdict.evidence
        placed += evidence.get("earliest_ttl", 99) <= begin <= evidence.get("latest_ttl", 0)
    assert told[VerdictKind.LOSS_REACHES_TARGET] > 0.98 * len(SEEDS), told
    assert told.keys() <= {VerdictKind.LOSS_REACHES_TARGET, VerdictKind.NOT_ENOUGH_EVIDENCE}
    assert placed >= 0.97 * len(SEEDS)


@pytest.mark.parametrize("which", [1, 4, 7])
@pytest.mark.parametrize("how", ["chance", "bucket"])
def test_answers_cut_by_a_third_are_told_from_loss_with_under_two_percent_error(which: int, how: str) -> None:
    told: Counter[VerdictKind] = Counter()
    for seed in SEEDS:
        answers = cut(which, 0.3) if how == "chance" else limited(which, 0.7)
        snapshot = trace(8, answers, seed=seed).snapshot()
        kind = path_kind(snapshot)
        named = snapshot.path_verdict is not None and snapshot.path_verdict.evidence.get("ttls") == [which]
        told[kind if named else VerdictKind.NOT_ENOUGH_EVIDENCE] += 1
    assert told[VerdictKind.OWN_ANSWERS_ONLY] > 0.98 * len(SEEDS), told
    assert VerdictKind.LOSS_REACHES_TARGET not in told


def test_loss_and_cut_answers_on_one_path_are_both_read() -> None:
    told: Counter[tuple[VerdictKind, VerdictKind]] = Counter()
    for seed in SEEDS:
        snapshot = trace(8, both(lossy(5, 0.08), cut(3, 0.3)), seed=seed).snapshot()
        told[path_kind(snapshot), snapshot.hop_verdicts[2].kind] += 1
    expected = (VerdictKind.LOSS_REACHES_TARGET, VerdictKind.OWN_ANSWERS_ONLY)
    assert told[expected] > 0.98 * len(SEEDS), told


def test_eight_percent_on_the_last_link_alone_is_never_called_clean() -> None:
    told = Counter(path_kind(trace(8, lossy(8, 0.08), seed=seed).snapshot()) for seed in SEEDS)
    assert told[VerdictKind.LOSS_REACHES_TARGET] >= 0.93 * len(SEEDS), told
    # The target answered every one of 60 in 0.92 ** 60 = 0.7 % of such traces; that is clean then.
    assert told[VerdictKind.CLEAN] <= 3
    assert VerdictKind.OWN_ANSWERS_ONLY not in told


def test_a_lost_packet_now_and_then_is_no_finding() -> None:
    told = Counter(path_kind(trace(8, lossy(1, 0.002), seed=seed).snapshot()) for seed in SEEDS)
    assert told[VerdictKind.LOSS_REACHES_TARGET] <= 0.02 * len(SEEDS), told


# Loss, one path at a time


def test_a_short_trace_of_a_lossy_path_is_not_called_clean() -> None:
    """A fast report is over before the timeout of most probes: what it waited for in vain is evidence."""
    told: Counter[VerdictKind] = Counter()
    for seed in SEEDS:
        rounds = range(0, 3 * S, 60 * MS)
        tracker = trace(6, lossy(3, 0.1), seed=seed, starts_ns=rounds, end_ns=3 * S)
        told[path_kind(tracker.snapshot())] += 1
    assert told[VerdictKind.LOSS_REACHES_TARGET] > 0.95 * len(SEEDS), told


@pytest.mark.parametrize(
    ("rtt_ms", "waited_ms", "closed"), [(1, 249, 10), (1, 250, 11), (100, 299, 10), (100, 300, 11)]
)
def test_what_the_end_cut_off_counts_once_it_waited_three_times_the_slowest_answer(
    rtt_ms: int, waited_ms: int, closed: int
) -> None:
    rounds = range(0, 11 * S, S)
    tracker = trace(
        1,
        lambda _dice, _ttl, at_ns: at_ns < 10 * S,
        starts_ns=rounds,
        rtt=lambda _ttl, _round: rtt_ms * MS,
        end_ns=10 * S + waited_ms * MS,
    )
    snapshot = tracker.snapshot()
    assert snapshot.hop_verdicts[0].evidence["closed"] == closed
    assert snapshot.hops[0].lost == 1


def test_loss_is_never_said_to_begin_at_a_hop_that_lost_nothing_while_one_that_did_is_as_likely() -> None:
    named = 0
    for seed in SEEDS:
        snapshot = trace(6, lossy(3, 0.05), seed=seed).snapshot()
        if path_kind(snapshot) is not VerdictKind.LOSS_REACHES_TARGET:
            continue
        assert snapshot.path_verdict is not None
        begins = snapshot.path_verdict.evidence["begins_at_ttl"]
        assert snapshot.hops[begins - 1].lost, (seed, sentence(snapshot))
        named += 1
    assert named > 0.9 * len(SEEDS)


def test_answers_missing_short_of_the_target_are_told_of_the_hops_that_lost_them() -> None:
    tracker = trace(8, lambda _dice, ttl, at_ns: ttl != 4 or at_ns >= 3 * S, starts_ns=range(0, 10 * S, S))
    assert "answers of hop 4 are missing, but none of the target's so far." in sentence(tracker.snapshot())


def test_a_hop_says_no_surer_than_the_path_where_the_loss_begins() -> None:
    snapshots = (
        trace(6, lossy(3, 0.08), seed=seed, starts_ns=range(0, 40 * S, S)).snapshot() for seed in SEEDS
    )
    unsure = next(each for each in snapshots if "begins at hop 3 or 4 and" in sentence(each))
    assert "at hop 3 or 4" in unsure.hop_verdicts[2].sentence
    assert "begins at hop 3 or 4." in unsure.hop_verdicts[4].sentence


def test_hops_behind_a_lossy_one_inherit_and_are_not_blamed() -> None:
    snapshot = trace(6, lossy(3, 0.25), seed=1).snapshot()
    assert hop_kinds(snapshot) == ["clean"] * 2 + ["loss_reaches_target"] * 4
    assert [verdict.evidence.get("role") for verdict in snapshot.hop_verdicts[2:]] == ["begins"] + [
        "inherits"
    ] * 3
    assert "begins at hop 3 and reaches the target." in sentence(snapshot)
    assert "it shows the loss that begins at hop 3" in snapshot.hop_verdicts[4].sentence


def test_a_silent_hop_is_harmless() -> None:
    snapshot = trace(6, cut(3, 1.0)).snapshot()
    assert snapshot.hop_verdicts[2].kind is VerdictKind.OWN_ANSWERS_ONLY
    assert snapshot.hop_verdicts[2].sentence == (
        "Hop 3 does not answer, but hops 4-6 answer all: these are this hop's answers only, "
        "nothing is lost on the way."
    )
    assert sentence(snapshot) == "Reached in 6 hops, 30 ms, no loss that reaches the target."


def test_own_answers_are_told_with_the_numbers_of_those_behind() -> None:
    verdict = trace(6, limited(4, 0.5)).snapshot().hop_verdicts[3]
    assert verdict.sentence.startswith("Hop 4 answers 52 % of probes, but hops 5-6 answer all")
    assert (verdict.evidence["behind_closed"], verdict.evidence["behind_lost"]) == (120, 0)


def test_loss_at_the_target_alone_reaches_the_target() -> None:
    snapshot = trace(6, limited(6, 0.5)).snapshot()
    assert path_kind(snapshot) is VerdictKind.LOSS_REACHES_TARGET
    assert "at the target itself, hop 6, or on the link before it" in sentence(snapshot)


def test_no_sentence_names_a_direction() -> None:
    for answers in (lossy(3, 0.2), cut(3, 0.4), all_answer, lossy(6, 0.3)):
        snapshot = trace(6, answers).snapshot()
        told = [sentence(snapshot), *(verdict.sentence for verdict in snapshot.hop_verdicts)]
        for word in ("way back", "way there", "outbound", "return", "forward", "reverse"):
            assert not any(word in each for each in told)


def test_few_probes_are_too_few() -> None:
    snapshot = trace(4, all_answer, starts_ns=range(0, 9 * S, S)).snapshot()
    assert path_kind(snapshot) is VerdictKind.NOT_ENOUGH_EVIDENCE
    assert set(hop_kinds(snapshot)) == {"not_enough_evidence"}
    assert "0 of 9 probes to the target lost so far" in sentence(snapshot)


def test_what_was_long_ago_is_not_judged() -> None:
    healed: Answers = lambda dice, ttl, at_ns: at_ns > 60 * S or ttl < 3 or dice.random() > 0.3  # noqa: E731
    long = trace(5, healed, starts_ns=range(0, 60 * S + 257 * S, S)).snapshot()
    assert long.hops[4].lost > 10
    assert path_kind(long) is VerdictKind.CLEAN


def test_a_late_answer_is_no_loss_of_the_window() -> None:
    log = Log()
    for sequence in range(12):
        log.sent(1, sequence, sequence)
        log.lost(1, sequence, sequence)
        log.late(1, sequence, 3000 * MS, sequence)
    log.path_end(1, PathEndKind.TARGET)
    assert path_kind(log.fold()) is VerdictKind.CLEAN


# Rate limits


def test_a_rate_limit_is_claimed_when_the_answered_rate_stays_flat() -> None:
    snapshot = trace(6, limited(4, 1.2), starts_ns=at_rates((2, 100), (8, 150))).snapshot()
    verdict = snapshot.hop_verdicts[3]
    assert (path_kind(snapshot), verdict.kind) == (VerdictKind.RATE_LIMIT,) * 2
    assert verdict.evidence["slow_answered_per_s"] == pytest.approx(1.2, rel=0.15)
    assert verdict.evidence["fast_answered_per_s"] == pytest.approx(1.2, rel=0.15)
    assert "hop 4 limits the rate of answers" in sentence(snapshot)


def test_a_rate_limit_is_never_claimed_of_a_steady_stream() -> None:
    for rate in (1.5, 5, 20):
        snapshot = trace(6, limited(4, 1.0), starts_ns=at_rates((rate, 250))).snapshot()
        assert snapshot.hop_verdicts[3].kind is VerdictKind.OWN_ANSWERS_ONLY


def test_a_rate_limit_is_not_claimed_of_losses_by_chance_however_the_rate_varies() -> None:
    for seed in range(100):
        starts_ns = at_rates((2, 100), (8, 150))
        snapshot = trace(6, cut(4, 0.4), seed=seed, starts_ns=starts_ns).snapshot()
        assert snapshot.hop_verdicts[3].kind is VerdictKind.OWN_ANSWERS_ONLY


# Round-trip times


def test_queueing_begins_where_the_rise_does() -> None:
    dice = random.Random(3)
    snapshot = trace(
        8,
        all_answer,
        rtt=lambda ttl, r: (
            ttl * 5 * MS + dice.randrange(2 * MS) + (90 * MS if ttl >= 4 and 20 <= r < 45 else 0)
        ),
    ).snapshot()
    assert path_kind(snapshot) is VerdictKind.BUFFERBLOAT
    assert hop_kinds(snapshot) == ["clean"] * 3 + ["bufferbloat"] * 5
    assert "from hop 4 on" in sentence(snapshot)


def test_one_slow_router_is_no_queue() -> None:
    slow = trace(
        8, all_answer, rtt=lambda ttl, r: ttl * 5 * MS + (200 * MS if ttl == 4 and r % 20 > 9 else 0)
    )
    assert path_kind(slow.snapshot()) is VerdictKind.CLEAN


@pytest.mark.parametrize("mean_ms", [5, 30, 80])
def test_jitter_is_no_queue(mean_ms: int) -> None:
    for seed in range(40):
        dice = random.Random(seed)
        jittery = trace(
            4,
            all_answer,
            rtt=lambda ttl, _r: ttl * 5 * MS + int(dice.expovariate(1 / mean_ms) * MS),  # noqa: B023
        )
        assert path_kind(jittery.snapshot()) is VerdictKind.CLEAN


def test_a_step_that_stays_is_a_shift_and_no_queue() -> None:
    dice = random.Random(5)
    stepped = trace(
        8,
        all_answer,
        rtt=lambda ttl, r: ttl * 5 * MS + dice.randrange(2 * MS) + (30 * MS if ttl >= 4 and r >= 30 else 0),
    ).snapshot()
    assert path_kind(stepped) is VerdictKind.CLEAN
    assert stepped.path_verdict is not None
    shift = stepped.path_verdict.evidence["level_shift"]
    assert (shift["ttl"], shift["round"]) == (4, 30)
    assert shift["after_ms"] - shift["before_ms"] == pytest.approx(30, abs=1)


# What is not the network's loss


def test_local_trouble_goes_before_all_and_leaves_when_it_is_over() -> None:
    log = Log()
    log.path_end(1, PathEndKind.TARGET)
    for round_id in range(20):
        log.answered(1, 100 + round_id, MS, round_id)
        if round_id >= 15:
            log.failed(1, 200 + round_id, failure(FailureKind.LOCAL_FIREWALL, None), round_id)
    assert path_kind(log.fold()) is VerdictKind.LOCAL_TROUBLE
    assert "local_firewall" in sentence(log.fold())
    for round_id in range(20, 26):
        log.answered(1, 100 + round_id, MS, round_id)
    assert path_kind(log.fold()) is VerdictKind.CLEAN


def test_answers_dropped_by_this_host_explain_losses() -> None:
    tracker = trace(3, lossy(1, 0.2))
    assert path_kind(tracker.snapshot()) is VerdictKind.LOSS_REACHES_TARGET
    log = Log()
    log.health(kernel_drops=50)
    tracker.apply(log.events[0])
    assert path_kind(tracker.snapshot()) is VerdictKind.LOCAL_TROUBLE


def test_a_path_that_ends_in_silence_is_not_reached_and_names_the_last_to_answer() -> None:
    log = Log()
    for ttl in range(1, 8):
        for round_id in range(12):
            log.sent(ttl, 100 * round_id + ttl, round_id)
            if ttl <= 3:
                log.reply(ttl, 100 * round_id + ttl, MS, round_id)
            else:
                log.lost(ttl, 100 * round_id + ttl, round_id)
    log.path_end(7, PathEndKind.GAP)
    log.ended(EndReason.GAP_LIMIT)
    assert hop_kinds(log.fold()) == ["clean"] * 3 + ["not_reached"] * 4
    assert sentence(log.fold()).startswith("Not reached: hop 3 is the last to answer")


def test_a_black_hole_for_large_packets_is_told_once_there_are_two_sizes() -> None:
    hop = HopEvidence(ttl=Ttl(1), counts=Counts(20, 0), received=20, failed=0, rtt_ns=1.0)
    evidence = PathEvidence(
        hops=(hop,),
        end=PathEndKind.TARGET,
        reached=True,
        reason=None,
        round=RoundId(20),
        mtu=PathMtu(
            mtu=1400,
            ttl=Ttl(9),
            to_target=True,
            link_mtu=1500,
            lowered_at=(),
            black_hole=MtuBlackHole(ttl=6, passes=1400, vanishes=1401, probes=7, echoed=False),
            settled=True,
            probes=30,
            hops=(),
        ),
    )
    verdict = judge(evidence).path
    assert verdict is not None
    assert verdict.kind is VerdictKind.MTU_BLACK_HOLE
    assert "1401 bytes vanish behind hop 6" in verdict.sentence


# The path itself


def test_a_path_change_is_the_verdict_and_begins_the_windows_anew() -> None:
    tracker = trace(4, lossy(3, 0.3), seed=2)
    log = Log()
    old, new = (
        ["198.51.100.1", "198.51.100.2", "198.51.100.3", "192.0.2.80"],
        ["198.51.100.1", "198.51.100.2"],
    )
    log.path_changed(3, old, [*new, "203.0.113.3", "192.0.2.80"], round_id=59, at_ns=60 * S)
    tracker.apply(log.events[0])
    snapshot = tracker.snapshot()
    assert path_kind(snapshot) is VerdictKind.PATH_CHANGED
    assert "The path changed at hop 3, seen in round 59" in sentence(snapshot)
    assert hop_kinds(snapshot)[:2] == ["clean", "clean"]
    assert [tracker.snapshot().hops[2].lost > 0, snapshot.change_count, len(snapshot.changes)] == [True, 1, 1]


def test_path_changes_are_bounded_but_all_counted() -> None:
    tracker, log = Tracker(TARGET), Log()
    for number in range(100):
        log.path_changed(1, [f"192.0.2.{number}"], [f"192.0.2.{number + 1}"], round_id=number)
    for event in log.events:
        tracker.apply(event)
    snapshot = tracker.snapshot()
    assert (snapshot.change_count, len(snapshot.changes)) == (100, 16)
    assert snapshot.changes[-1].new == (Address("192.0.2.100"),)


def test_nothing_is_judged_before_the_first_probe() -> None:
    assert Tracker(TARGET).snapshot().path_verdict is None
