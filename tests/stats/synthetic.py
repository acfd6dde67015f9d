"""Whole traces made of chance and a seed, for the judgement: a path in a line."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from tests.stats.logbook import MS, TARGET
from tracer.events import PathEndMoved, ProbeLost, ProbeSent, ReplyReceived
from tracer.model import (
    Address,
    FlowId,
    Icmp,
    LossReason,
    PathEndKind,
    Port,
    ReplyKind,
    RoundId,
    Stamp,
    StampClock,
    Ttl,
)
from tracer.model import (
    Sequence as ProbeSequence,
)
from tracer.stats.tracker import Tracker

S = 1_000_000_000
TIMEOUT_NS = 2 * S

Answers = Callable[[random.Random, int, int], bool]
"""Whether a probe is answered: given the dice, its TTL and when it was sent."""

Rtt = Callable[[int, int], int]
"""Round-trip time in ns of a probe: given its TTL and its round."""


class Bucket:
    """A token bucket, recomputed from its definition: so many a second, so many saved up."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst, self._tokens, self._at_s = rate, burst, burst, 0.0

    def take(self, at_ns: int) -> bool:
        at_s = at_ns / S
        self._tokens = min(self._burst, self._tokens + (at_s - self._at_s) * self._rate)
        self._at_s = at_s
        allowed = self._tokens >= 1
        self._tokens -= allowed
        return allowed


def flat(ttl: int, _round_id: int) -> int:
    return ttl * 5 * MS


def trace(
    hops: int,
    answers: Answers,
    *,
    seed: int = 0,
    starts_ns: Sequence[int] = range(0, 60 * S, S),
    rtt: Rtt = flat,
    end_ns: int | None = None,
) -> Tracker:
    """A tracker that has followed one round per start; the last hop is the target.

    What is still waited for at ``end_ns`` is cut off then; without it every probe has its whole timeout.
    """
    dice, tracker = random.Random(seed), Tracker(TARGET)
    tracker.apply(PathEndMoved(at_ns=0, target=TARGET.label, ttl=Ttl(hops), kind=PathEndKind.TARGET))
    for round_id, start_ns in enumerate(starts_ns):
        for ttl in range(1, hops + 1):
            _probe(
                tracker,
                (round_id, ttl, start_ns),
                rtt(ttl, round_id) if answers(dice, ttl, start_ns) else None,
                end_ns,
            )
    return tracker


def _probe(tracker: Tracker, which: tuple[int, int, int], rtt_ns: int | None, end_ns: int | None) -> None:
    round_id, ttl, sent_ns = which
    tx = Stamp(sent_ns, StampClock.KERNEL)
    about: dict[str, Any] = {
        "target": TARGET.label,
        "round": RoundId(round_id),
        "ttl": Ttl(ttl),
        "flow": FlowId(0),
        "sequence": ProbeSequence((round_id * 64 + ttl) & 0xFFFF),
        "source_port": Port(40_000),
        "target_port": Port(0),
    }
    tracker.apply(ProbeSent(at_ns=sent_ns, tx=tx, **about))
    if rtt_ns is None:
        timeout_ns = sent_ns + TIMEOUT_NS
        cut_off = end_ns is not None and end_ns < timeout_ns
        reason = LossReason.TRACE_END if cut_off else LossReason.TIMEOUT
        tracker.apply(ProbeLost(at_ns=min(timeout_ns, end_ns or timeout_ns), reason=reason, **about))
        return
    tracker.apply(
        ReplyReceived(
            at_ns=sent_ns + rtt_ns,
            tx=tx,
            rx=Stamp(sent_ns + rtt_ns, StampClock.KERNEL),
            rtt_ns=rtt_ns,
            kind=ReplyKind.TIME_EXCEEDED,
            responder=Address(f"198.51.100.{ttl}"),
            reached=False,
            icmp=Icmp(11, 0),
            **about,
        )
    )
