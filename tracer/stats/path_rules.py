"""The verdict of a whole path: a table of rules, of which the first that has something to say decides."""

from __future__ import annotations

from collections.abc import Callable

from tracer.model import PathEndKind
from tracer.stats import wording
from tracer.stats.case import ENOUGH, Case, answers, conclude, in_ms, loss_numbers
from tracer.stats.evidence import Counts
from tracer.stats.snapshot import Verdict, VerdictKind

LOCAL_SHARE = 0.1
LOCAL_PROBES = 3
"""This part of the last rounds' probes must have been kept back to be the verdict, and so many; unless
nothing else is known."""

_Rule = Callable[[Case], Verdict | None]


def _path_local_trouble(case: Case) -> Verdict | None:
    local = case.evidence.local
    lost = sum(
        counts.lost
        for index, counts in enumerate(case.counts)
        if counts.lost < counts.closed and index not in case.spread.own
    )
    tried = len(case.hops) * local.rounds
    nothing_else = not any(counts.closed for counts in case.counts)
    if local.failed and (nothing_else or local.failed >= max(LOCAL_PROBES, LOCAL_SHARE * tried)):
        kept = wording.count(local.failed, "probe")
        kind = None if local.kind is None else local.kind.value
        sentence = f"This host kept back {kept} in the last {wording.count(local.rounds, 'round')} ({kind})."
        return conclude(
            VerdictKind.LOCAL_TROUBLE, sentence, failed=local.failed, rounds=local.rounds, error=kind
        )
    if local.dropped and lost and 2 * local.dropped >= lost:
        answers = wording.count(local.dropped, "received packet")
        sentence = f"This host dropped {answers} for want of room: losses may be its own."
        return conclude(VerdictKind.LOCAL_TROUBLE, sentence, dropped=local.dropped, lost=lost)
    return None


def _path_not_reached(case: Case) -> Verdict | None:
    if not case.not_reached:
        return None
    last, end = case.last_answering, case.evidence.end
    how = "Not reached any more" if case.evidence.reached else "Not reached"
    if end is PathEndKind.UNREACHABLE:
        sentence = f"{how}: hop {case.hops[-1].ttl} says that the target cannot be reached."
    elif last is None:
        sentence = f"{how}: no hop answers."
    elif end is PathEndKind.GAP:
        sentence = (
            f"{how}: hop {last} is the last to answer; one end cannot tell whether what follows is cut off "
            "or silent."
        )
    else:
        sentence = f"{how} within {case.hops[-1].ttl} hops; hop {last} is the last to answer."
    return conclude(VerdictKind.NOT_REACHED, sentence, last_answering_ttl=last, end=end.value)


def _path_loss(case: Case) -> Verdict | None:
    begin = case.spread.begin
    if begin is None or not case.spread.reaches:
        return None
    target = case.hops[-1]
    loss = f"Loss of {wording.with_interval(begin.counts)}"
    if begin.earliest_ttl == target.ttl:
        where = f"at the target itself, hop {target.ttl}, or on the link before it; the hops before answer"
    else:
        where = f"begins at {begin.place} and reaches the target"
    return conclude(
        VerdictKind.LOSS_REACHES_TARGET,
        f"{loss} {where}.",
        begins_at_ttl=begin.ttl,
        earliest_ttl=begin.earliest_ttl,
        latest_ttl=begin.latest_ttl,
        hops_counted=begin.hops,
        **loss_numbers(begin.counts),
        target_closed=target.counts.closed,
        target_lost=target.counts.lost,
    )


def _path_mtu(case: Case) -> Verdict | None:
    hole = None if case.evidence.mtu is None else case.evidence.mtu.black_hole
    if hole is None:
        return None
    where = "on the link of this host" if hole.ttl == 0 else f"behind hop {hole.ttl}"
    sentence = (
        f"MTU black hole: packets of {hole.vanishes} bytes vanish {where} and nobody says so, "
        f"{hole.passes} bytes come through."
    )
    if hole.echoed:
        sentence += " Echo answers are as large, so they may be what vanishes."
    if (not_reached := _path_not_reached(case)) is not None:
        sentence += f" {not_reached.sentence}"
    return conclude(
        VerdictKind.MTU_BLACK_HOLE,
        sentence,
        ttl=hole.ttl,
        passes=hole.passes,
        vanishes=hole.vanishes,
        probes=hole.probes,
    )


def _path_changed(case: Case) -> Verdict | None:
    change = case.change
    if change is None:
        return None
    rtt_now = case.hops[-1].rtt_ns if case.to_target else None
    told = [f"{len(change.old)} hops became {len(change.new)}"] if len(change.old) != len(change.new) else []
    if rtt_now is not None and change.rtt_before_ns is not None:
        told.append(f"{wording.ms(change.rtt_before_ns)} became {wording.ms(rtt_now)}")
    details = f": {', '.join(told)}" if told else ""
    times = case.evidence.change_count
    often = "" if times == 1 else f" {times} times, the last time"
    return conclude(
        VerdictKind.PATH_CHANGED,
        f"The path changed{often} at hop {change.ttl}, seen in round {change.round}{details}.",
        ttl=change.ttl,
        round=change.round,
        changes=times,
        old=change.old,
        new=change.new,
        rtt_before_ms=in_ms(change.rtt_before_ns),
        rtt_after_ms=in_ms(rtt_now),
    )


def _path_bufferbloat(case: Case) -> Verdict | None:
    bloat = case.bloat
    if bloat is None:
        return None
    rise = bloat.rise
    sentence = (
        f"Round-trip times rise from {wording.ms(rise.floor_ns)} to {wording.ms(rise.raised_ns)} from hop "
        f"{bloat.ttl} on, in {wording.percent(rise.share)} of the rounds: a queue fills there (bufferbloat)."
    )
    return conclude(
        VerdictKind.BUFFERBLOAT,
        sentence,
        begins_at_ttl=bloat.ttl,
        floor_ms=in_ms(rise.floor_ns),
        raised_ms=in_ms(rise.raised_ns),
        raised_share=rise.share,
    )


def _path_too_few(case: Case) -> Verdict | None:
    target = case.hops[-1].counts
    if not case.to_target:
        last = case.last_answering
        so_far = "nothing answers so far" if last is None else f"hop {last} is the last to answer so far"
        return conclude(VerdictKind.NOT_ENOUGH_EVIDENCE, f"The end of the path is not known; {so_far}.")
    if target.closed < ENOUGH:
        sentence = f"{_reached(case)}; {_lost(target)} to the target lost so far, too few to judge."
    elif case.spread.begin is not None:
        own = case.spread.own
        missing = [hop.ttl for at, hop in enumerate(case.hops) if hop.counts.lost and at not in own]
        told = f"answers of {wording.hops(missing)} are missing, but none of the target's so far"
        sentence = f"{_reached(case)}; {told}."
    else:
        return None
    return conclude(VerdictKind.NOT_ENOUGH_EVIDENCE, sentence, **loss_numbers(target))


def _path_own_answers(case: Case) -> Verdict | None:
    if not case.partial:
        return None
    limited = [case.hops[index].ttl for index in case.limits]
    ttls = limited or [case.hops[index].ttl for index in case.partial]
    which = wording.hops(ttls)
    if limited:
        kind, told = VerdictKind.RATE_LIMIT, "limits" if len(ttls) == 1 else "limit"
        clause = f"{which} {told} the rate of answers, which harms nothing behind"
    else:
        kind = VerdictKind.OWN_ANSWERS_ONLY
        answering = answers(case.counts[case.partial[0]]) if len(ttls) == 1 else "answer only in part"
        clause = f"{which} {answering}, but what is behind answers"
    sentence = f"{_arrival(case)}; {clause}."
    return conclude(kind, sentence, ttls=ttls, **loss_numbers(case.hops[-1].counts))


def _path_unsure(case: Case) -> Verdict | None:
    target = case.hops[-1].counts
    if not case.target_unsure:
        return None
    sentence = f"{_reached(case)}; {_lost(target)} to the target lost, too few to tell chance from loss."
    return conclude(VerdictKind.NOT_ENOUGH_EVIDENCE, sentence, **loss_numbers(target))


def _path_clean(case: Case) -> Verdict:
    numbers = loss_numbers(case.hops[-1].counts)
    sentence = _arrival(case)
    moved = case.level_shift
    if moved is not None:
        before_ns, after_ns = moved.shift.before_ns, moved.shift.after_ns
        sentence += (
            f"; {wording.ms(before_ns)} became {wording.ms(after_ns)} from hop {moved.ttl} on "
            f"about round {moved.shift.round}"
        )
        numbers["level_shift"] = {
            "ttl": moved.ttl,
            "round": moved.shift.round,
            "before_ms": in_ms(before_ns),
            "after_ms": in_ms(after_ns),
        }
    if case.evidence.change_count:
        sentence += f"; the path changed {wording.count(case.evidence.change_count, 'time')} before"
    return conclude(VerdictKind.CLEAN, f"{sentence}.", **numbers)


def judge_path(case: Case) -> Verdict:
    """Return the verdict of the path; it has at least one hop."""
    found = [verdict for rule in _RULES if (verdict := rule(case)) is not None]
    first, *others = found or [_path_clean(case)]
    also = [verdict.kind.value for verdict in others if verdict.kind is not VerdictKind.NOT_ENOUGH_EVIDENCE]
    return Verdict(kind=first.kind, evidence={**first.evidence, "also": also})


_RULES: tuple[_Rule, ...] = (
    _path_local_trouble,
    _path_loss,
    _path_mtu,
    _path_not_reached,
    _path_changed,
    _path_bufferbloat,
    _path_too_few,
    _path_own_answers,
    _path_unsure,
)
"""The graver first; what the later ones find is named in ``also``. Silence at the end of a path may be the
target's own wish; a place where packets vanish is a fault, so it goes first, and tells of the silence."""


def _reached(case: Case) -> str:
    target = case.hops[-1]
    told = f"Reached in {wording.count(target.ttl, 'hop')}"
    return told if target.rtt_ns is None else f"{told}, {wording.ms(target.rtt_ns)}"


def _arrival(case: Case) -> str:
    target = case.hops[-1].counts
    if not target.lost:
        return f"{_reached(case)}, no loss that reaches the target"
    return f"{_reached(case)}, {_lost(target)} to the target lost, no more than chance takes"


def _lost(counts: Counts) -> str:
    return f"{counts.lost} of {wording.count(counts.closed, 'probe')}"
