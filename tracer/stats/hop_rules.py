"""The verdict of one hop: a table of rules, of which the first that has something to say decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracer.stats import wording
from tracer.stats.case import ENOUGH, Case, answers, conclude, loss_numbers
from tracer.stats.evidence import Counts
from tracer.stats.loss_spread import LIKELY, stands_out
from tracer.stats.rate_limit import RateLimit
from tracer.stats.snapshot import Verdict, VerdictKind

_Rule = Callable[[Case, int], Verdict | None]


def _hop_without_probes(case: Case, index: int) -> Verdict | None:
    hop = case.hops[index]
    if hop.counts.closed:
        return None
    if hop.failed and not hop.received:
        sentence = f"No probe of hop {hop.ttl} left this host: {wording.count(hop.failed, 'probe')} failed."
        return conclude(VerdictKind.LOCAL_TROUBLE, sentence, failed=hop.failed)
    sentence = f"No probe of hop {hop.ttl} on the present path has met its end yet."
    return conclude(VerdictKind.NOT_ENOUGH_EVIDENCE, sentence, **loss_numbers(hop.counts))


def _hop_not_reached(case: Case, index: int) -> Verdict | None:
    hop, last = case.hops[index], case.last_answering
    if not case.not_reached or (last is not None and hop.ttl <= last):
        return None
    sentence = f"Neither hop {hop.ttl} nor anything behind it answers."
    return conclude(VerdictKind.NOT_REACHED, sentence, last_answering_ttl=last, **loss_numbers(hop.counts))


def _hop_mtu(case: Case, index: int) -> Verdict | None:
    hop = case.hops[index]
    hole = None if case.evidence.mtu is None else case.evidence.mtu.black_hole
    if hole is None or hole.ttl != hop.ttl:
        return None
    sentence = (
        f"Packets of {hole.vanishes} bytes reach hop {hop.ttl} and vanish behind it, and nobody says so; "
        f"{hole.passes} bytes go on."
    )
    numbers = {"passes": hole.passes, "vanishes": hole.vanishes, "probes": hole.probes}
    return conclude(VerdictKind.MTU_BLACK_HOLE, sentence, **numbers, **loss_numbers(hop.counts))


def _hop_rate_limit(case: Case, index: int) -> Verdict | None:
    limit = case.limits.get(index)
    if limit is None:
        return None
    hop = case.hops[index]
    rest, which = case.behind(index)
    sentence = (
        f"Hop {hop.ttl} gives about {limit.slow_answered:.1f} answers a second, whether "
        f"{limit.slow_sent:.1f} or {limit.fast_sent:.1f} are asked for: a rate limit of its answers; "
        f"{_others(rest, which)}."
    )
    return conclude(
        VerdictKind.RATE_LIMIT, sentence, **loss_numbers(hop.counts), **_rates(limit), **_behind(rest)
    )


def _hop_own_answers(case: Case, index: int) -> Verdict | None:
    if index not in case.spread.own:
        return None
    hop = case.hops[index]
    rest, which = case.behind(index)
    if not rest.lost:
        told = "does not answer" if hop.counts.lost == hop.counts.closed else answers(hop.counts)
        sentence = (
            f"Hop {hop.ttl} {told}, but {which} {_answer_all(which)}: these are this hop's answers only, "
            "nothing is lost on the way."
        )
    else:
        sentence = (
            f"Hop {hop.ttl} loses {wording.percent(hop.counts.share)}, but {which} only "
            f"{wording.percent(rest.share)}: the rest is this hop's answers only."
        )
    return conclude(VerdictKind.OWN_ANSWERS_ONLY, sentence, **loss_numbers(hop.counts), **_behind(rest))


def _hop_loss(case: Case, index: int) -> Verdict | None:
    hop, begin = case.hops[index], case.spread.begin
    if begin is None or not case.spread.reaches or hop.ttl < begin.ttl:
        return None
    loss = wording.with_interval(hop.counts)
    if hop.ttl > begin.ttl and not hop.counts.lost:
        role = "inherits"
        sentence = (
            f"Hop {hop.ttl} lost none of {wording.count(hop.counts.closed, 'probe')} by chance: it stands "
            f"behind the loss that begins at {begin.place}."
        )
    elif hop.ttl > begin.ttl:
        role = "inherits"
        sentence = f"Hop {hop.ttl} loses {loss}: it shows the loss that begins at {begin.place}."
    elif index == len(case.hops) - 1:
        role = "begins"
        sentence = f"The target, hop {hop.ttl}, loses {loss}; the hops before it do not."
    else:
        role = "begins"
        sure = begin.earliest_ttl == begin.latest_ttl
        where = "here or on the link before" if sure else f"at {begin.place}, most likely here"
        sentence = f"Hop {hop.ttl} loses {loss}, and so does what stands behind it: the loss begins {where}."
    numbers = {"role": role, "begins_at_ttl": begin.ttl, **loss_numbers(hop.counts)}
    return conclude(VerdictKind.LOSS_REACHES_TARGET, sentence, **numbers)


def _hop_may_begin(case: Case, index: int) -> Verdict | None:
    hop, begin = case.hops[index], case.spread.begin
    if begin is None or not case.spread.reaches or not begin.earliest_ttl <= hop.ttl < begin.ttl:
        return None
    sentence = (
        f"The loss that reaches the target may begin here already, or as late as hop {begin.latest_ttl}."
    )
    return conclude(VerdictKind.NOT_ENOUGH_EVIDENCE, sentence, **loss_numbers(hop.counts))


def _hop_bufferbloat(case: Case, index: int) -> Verdict | None:
    hop, bloat = case.hops[index], case.bloat
    if bloat is None or hop.ttl < bloat.ttl:
        return None
    begins = hop.ttl == bloat.ttl
    sentence = (
        f"Round-trip times rise far above their floor from hop {hop.ttl} on: a queue fills here or on the "
        "link before."
        if begins
        else f"Hop {hop.ttl} shows the rise of round-trip times that begins at hop {bloat.ttl}."
    )
    role = "begins" if begins else "inherits"
    return conclude(VerdictKind.BUFFERBLOAT, sentence, role=role, begins_at_ttl=bloat.ttl)


def _hop_changed(case: Case, index: int) -> Verdict | None:
    hop, change = case.hops[index], case.change
    if change is None or hop.ttl < change.ttl:
        return None
    old, new = _at(change.old, hop.ttl), _at(change.new, hop.ttl)
    if new is None or old == new:
        return None
    sentence = f"Hop {hop.ttl} is another one since round {change.round}."
    return conclude(VerdictKind.PATH_CHANGED, sentence, round=change.round, old=old, new=new)


def _hop_too_few(case: Case, index: int) -> Verdict | None:
    hop = case.hops[index]
    if hop.counts.closed < ENOUGH:
        sentence = f"Only {wording.count(hop.counts.closed, 'probe')} of hop {hop.ttl}: too few to judge."
    elif index == len(case.hops) - 1 and case.target_unsure:
        sentence = f"The target lost {wording.with_interval(hop.counts)}: too few to tell chance from loss."
    elif stands_out(hop.counts) >= LIKELY:
        sentence = (
            f"Hop {hop.ttl} loses {wording.with_interval(hop.counts)}; whether what stands behind it does "
            "too cannot be told yet."
        )
    else:
        return None
    return conclude(VerdictKind.NOT_ENOUGH_EVIDENCE, sentence, **loss_numbers(hop.counts))


def _hop_clean(case: Case, index: int) -> Verdict:
    hop = case.hops[index]
    answered, closed = hop.counts.closed - hop.counts.lost, hop.counts.closed
    if answered == closed:
        sentence = f"Hop {hop.ttl} answered all {closed} probes."
    else:
        sentence = (
            f"Hop {hop.ttl} answered {answered} of {closed} probes: no more is missing than chance takes."
        )
    return conclude(VerdictKind.CLEAN, sentence, **loss_numbers(hop.counts))


_RULES: tuple[_Rule, ...] = (
    _hop_without_probes,
    _hop_not_reached,
    _hop_mtu,
    _hop_rate_limit,
    _hop_own_answers,
    _hop_loss,
    _hop_may_begin,
    _hop_bufferbloat,
    _hop_changed,
    _hop_too_few,
    _hop_clean,
)
"""The last one always speaks."""


def _answer_all(which: str) -> str:
    return "answers all" if which.startswith("hop ") else "answer all"


def _others(rest: Counts, which: str) -> str:
    return (
        f"{which} {_answer_all(which)}" if not rest.lost else f"{which}: {wording.percent(rest.share)} lost"
    )


def _rates(limit: RateLimit) -> dict[str, Any]:
    return {f"{name}_per_s": round(rate, 3) for name, rate in limit._asdict().items()}


def _behind(rest: Counts) -> dict[str, Any]:
    return {"behind_closed": rest.closed, "behind_lost": rest.lost}


def _at(path: tuple[Any, ...], ttl: int) -> Any:
    return path[ttl - 1] if ttl <= len(path) else None


def judge_hop(case: Case, index: int) -> Verdict:
    """Return the verdict of the hop at this index."""
    found = (rule(case, index) for rule in _RULES)
    return next(verdict for verdict in found if verdict is not None)
