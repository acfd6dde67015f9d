"""When probes of other sizes leave, and what their answers and their silence mean.

They are probes of their own: no statistics of a hop count them, no round waits for them but the last one of a
report. A router's *too big* answers a question about the path, not about the router; silence is believed only
after so many probes that the losses of ordinary probes at the same TTL do not explain it.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any

from tracer.config import MS, SECOND, TraceConfig
from tracer.engine.lane import Lane
from tracer.engine.matching import TrackedProbe
from tracer.engine.mtu_search import Question, Reach, Sizes, path_mtu
from tracer.engine.story import Story
from tracer.model import (
    Failure,
    FailureKind,
    FlowId,
    LossReason,
    PacketShape,
    PathEndKind,
    PathMtu,
    Probe,
    ProbeState,
    Protocol,
    Reply,
    ReplyKind,
    SizeOutcome,
    Stamp,
    Ttl,
)

CHANCE = 0.001
"""Silence that chance explains no better than this is believed."""

MOST_TRIES = 10
"""A TTL that loses more than half of its ordinary probes would take more: it is not asked."""

GAP_NS = 100 * MS
"""At most one probe of another size leaves in this time, so that they neither crowd nor share one burst of
losses."""

RATE_SHARE = 4
"""And at most one in so many of the probes that ``max_rate`` allows."""

PATIENCE_NS = 250 * MS
SLOW_RTTS = 3
"""Silence is judged after three round-trip times of that TTL, but not before 250 ms; a later answer still
takes it back."""

START_AFTER_NS = 500 * MS
"""So long after the first answer the search begins even if the end of the path is not known."""

CHECK_EVERY_NS = 30 * SECOND
"""How often what was found is tried again: that the largest size still passes, and one byte more still does
not (RFC 8899 section 5.1.1 waits 600 s; here somebody watches)."""

REPORT_WAITS_NS = 15 * SECOND
"""The last round of a report waits for the search until this long after it began."""

AFTER_FAILURE_NS = SECOND
_REMEMBERED = 32


class SizeProbe(TrackedProbe, eq=False, gc=False):
    """A probe of another size; its TTL and its size are the question it asks."""


def _question(tracked: TrackedProbe) -> Question:
    return Question(tracked.probe.ttl, tracked.probe.shape.size)


class _Hop:
    """What ordinary probes of one TTL tell of its losses and its round-trip times."""

    def __init__(self) -> None:
        self.answered = 0
        self.lost = 0
        self.slowest_ns = 0
        self.tries = MOST_TRIES
        """How many probes in a row go unanswered less often than ``CHANCE``."""

    def heard(self, rtt_ns: int | None) -> None:
        self.answered += 1
        self.slowest_ns = max(rtt_ns or 0, self.slowest_ns * 7 // 8)
        self._age()

    def missed(self) -> None:
        self.lost += 1
        self._age()

    def _age(self) -> None:
        if self.answered + self.lost > _REMEMBERED:
            self.answered, self.lost = self.answered // 2, self.lost // 2
        # Laplace's rule of succession: a few answers do not prove that nothing is ever lost.
        share = (self.lost + 1) / (self.answered + self.lost + 2)
        self.tries = math.ceil(math.log(CHANCE) / math.log(share))


class _Series:
    """Probes that ask the same question until it is answered, or until they are silence enough."""

    def __init__(self, question: Question, tries: int, *, expected: bool | None = None) -> None:
        self.question = question
        self.tries = tries
        self.expected = expected
        """For what is known already: whether it passed. Anything else means that the path has changed."""
        self.sent = 0
        self.next_ns = 0
        self.silent_ns = 0
        """When the last one has been waited for long enough."""


class SizeProbing:
    """The search of one trace for its MTUs; without ``config.mtu`` it wants nothing."""

    def __init__(self, config: TraceConfig, shape: PacketShape, lane: Lane, story: Story) -> None:
        """``shape`` is that of ordinary probes; ``lane`` is the flow that is measured."""
        self._wanted = config.mtu
        self._timeout_ns = config.timeout_ns
        self._gap_ns = max(GAP_NS, RATE_SHARE * SECOND // config.max_rate)
        self._proven = shape.size
        self._lane = lane
        self._echoes = False
        """The target answers with packets as large as the probe."""
        self._story = story
        self._sizes = Sizes(shape.size)
        self._hops: dict[Ttl, _Hop] = {}
        self._series: _Series | None = None
        self._checks: deque[tuple[Question, bool]] = deque()
        self._begin_ns: int | None = None
        self._not_before_ns = 0
        self._check_ns = 0
        self._settled = False
        self._probes = 0
        self._told: PathMtu | None = None

    # What ordinary probes tell

    def heard(self, probe: Probe, rtt_ns: int | None, now: int) -> None:
        """An ordinary probe was answered."""
        if not self._wanted or probe.flow != self._lane.flow:
            return
        self._echoes = probe.protocol is Protocol.ICMP
        if self._begin_ns is None:
            self._begin_ns = now + START_AFTER_NS
        self._hops.setdefault(probe.ttl, _Hop()).heard(rtt_ns)

    def missed(self, probe: Probe) -> None:
        """An ordinary probe was lost."""
        if probe.flow == self._lane.flow and probe.ttl in self._hops:
            self._hops[probe.ttl].missed()

    def path_changed(self, flows: tuple[FlowId, ...]) -> None:
        """Some flows go another way. What was found stands until the new search has come as far."""
        if self._lane.flow in flows:
            self._begin_anew()

    def _begin_anew(self) -> None:
        self._sizes = Sizes(self._proven)
        self._series = None
        self._checks.clear()
        self._settled = False

    def _reach(self) -> Reach:
        fit = [ttl for ttl, hop in sorted(self._hops.items()) if hop.tries <= MOST_TRIES]
        end = self._lane.belief.end
        if end.kind is PathEndKind.TARGET and end.ttl is not None:
            fit = [ttl for ttl in fit if ttl <= end.ttl]
            return Reach(ttls=tuple(fit), target_ttl=end.ttl if end.ttl in fit else None)
        return Reach(ttls=tuple(fit), target_ttl=None)

    # What is to be sent

    def due(self, now: int) -> Question | None:
        """The size probe that may leave now."""
        series = self._current(now)
        if series is None or series.sent >= series.tries:
            return None
        turn_ns = self._lane.turn_ns(now)
        may = turn_ns is not None and now >= max(turn_ns, series.next_ns, self._not_before_ns)
        return series.question if may else None

    def next_ns(self, now: int) -> int | None:
        """When there is something to send or to conclude; None while nothing or nobody's turn is foreseen."""
        next_ns = self._next_ns(now) if self._wanted else None
        turn_ns = self._lane.turn_ns(now) if next_ns is not None else None
        return None if turn_ns is None or next_ns is None else max(turn_ns, next_ns)

    def _next_ns(self, now: int) -> int | None:
        series = self._current(now)
        if series is not None:
            waits = series.sent >= series.tries
            return series.silent_ns if waits else max(series.next_ns, self._not_before_ns)
        if not self._wanted or not self._hops:
            return None
        return self._check_ns if self._settled else self._begins_ns(now)

    def _begins_ns(self, now: int) -> int | None:
        begin_ns = self._begin_ns
        return begin_ns if begin_ns is not None and begin_ns > now else None

    def searching(self, now: int) -> bool:
        """There is more to find out, and it may be waited for."""
        if not self._wanted or self._settled or self._begin_ns is None:
            return False
        more_to_ask = self._series is not None or self._begins_ns(now) is not None
        return more_to_ask and now < self._begin_ns + REPORT_WAITS_NS

    def wait(self, now: int) -> None:
        """No port is free for a size probe at the moment."""
        self._not_before_ns = now + self._gap_ns

    def _current(self, now: int) -> _Series | None:
        if self._series is None and self._wanted and self._may_begin(now):
            self._series = self._next_series(now)
        return self._series

    def _may_begin(self, now: int) -> bool:
        known = self._lane.belief.end.kind is not PathEndKind.OPEN
        return self._begin_ns is not None and (known or now >= self._begin_ns)

    def _next_series(self, now: int) -> _Series | None:
        ttls = self._reach().ttls
        question = self._sizes.question(ttls) or self._sizes.unconfirmed(ttls)
        if question is not None:
            self._settled = False
            return _Series(question, self._hops[question.ttl].tries)
        if ttls and not self._settled:
            self._settle(ttls[-1], now)
        if self._checks and now >= self._check_ns and self._checks[0][0].ttl in ttls:
            (question, expected) = self._checks.popleft()
            if not self._checks:
                self._plan_checks(question.ttl, now)
            return _Series(question, self._hops[question.ttl].tries, expected=expected)
        if self._settled and now >= self._check_ns:
            self._plan_checks(ttls[-1] if ttls else None, now)
        return None

    def _settle(self, last: Ttl, now: int) -> None:
        self._settled = True
        self._plan_checks(last, now)
        self._tell(now)

    def _plan_checks(self, last: Ttl | None, now: int) -> None:
        """Try again later what passes, and one byte more unless this host does not carry it."""
        self._check_ns = now + CHECK_EVERY_NS
        self._checks.clear()
        limit = None if last is None else self._sizes.limit(last)
        if last is None or limit is None:
            return
        self._checks.append((Question(last, limit), True))
        if limit < (self._sizes.link_mtu or limit):
            self._checks.append((Question(last, limit + 1), False))

    # What became of it

    def sent(self, tracked: TrackedProbe, _tx: Stamp, now: int) -> None:
        """The size probe is on its way."""
        question = _question(tracked)
        self._probes += 1
        self._sizes.left(question.size)
        self._not_before_ns = now + self._gap_ns
        series = self._series
        if series is not None and series.question == question:
            slowest_ns = self._hops[tracked.probe.ttl].slowest_ns
            series.sent += 1
            series.next_ns = now + max(self._gap_ns, slowest_ns * 3 // 2)
            series.silent_ns = now + min(self._timeout_ns, max(PATIENCE_NS, SLOW_RTTS * slowest_ns))

    def skipped(self, tracked: TrackedProbe, now: int) -> None:
        """Its port is in use; the question is asked again from the next one."""

    def failed(self, tracked: TrackedProbe, failure: Failure, _was: ProbeState, now: int) -> None:
        """This host kept it back: for its size, which is knowledge, or for another reason, which passes."""
        if failure.kind is not FailureKind.MESSAGE_TOO_LONG:
            self._not_before_ns = now + AFTER_FAILURE_NS
            self._probed(tracked, SizeOutcome.NOT_SENT, now)
            return
        question, mtu = _question(tracked), failure.evidence.get("mtu")
        told = mtu if isinstance(mtu, int) else None
        if question.size <= self._sizes.largest_sent:
            self._begin_anew()
        self._sizes.too_big_here(question.size, told)
        self._probed(tracked, SizeOutcome.TOO_BIG_HERE, now, mtu=told)
        self._concluded(question, passed=False, now=now)

    def answered(self, tracked: TrackedProbe, reply: Reply, now: int) -> None:
        """Somebody answered it. Whatever is not *too big* proves that it came as far as its TTL."""
        ttl, size = question = _question(tracked)
        about: dict[str, Any] = {
            "responder": reply.responder,
            "icmp": reply.icmp,
            "mtu": reply.mtu,
            "rx": reply.rx,
            "reply_bytes": reply.raw,
        }
        too_big = reply.kind is ReplyKind.PACKET_TOO_BIG
        if too_big:
            self._sizes.too_big(ttl, size, reply.responder, reply.mtu)
        else:
            self._sizes.passed(ttl, size)
        self._probed(tracked, SizeOutcome.TOO_BIG if too_big else SizeOutcome.PASSED, now, **about)
        self._concluded(question, passed=not too_big, now=now)

    def lost(self, tracked: TrackedProbe, reason: LossReason, now: int) -> None:
        """Its timeout passed, or the trace ended; what that means was concluded by its series."""
        cut = reason is LossReason.TRACE_END
        self._probed(tracked, SizeOutcome.CUT_OFF if cut else SizeOutcome.UNANSWERED, now)

    def tick(self, now: int) -> None:
        """Believe in silence once it has lasted long enough, and find out what to ask next."""
        series = self._current(now)
        if series is None or series.sent < series.tries or now < series.silent_ns:
            return
        self._sizes.vanished(*series.question, series.sent)
        self._concluded(series.question, passed=False, now=now)

    def _probed(self, tracked: TrackedProbe, outcome: SizeOutcome, now: int, **about: Any) -> None:
        self._story.size_probed(tracked, outcome, now, **about)

    def _concluded(self, question: Question, *, passed: bool, now: int) -> None:
        """End the series that this answers; a check that turns out otherwise begins the search anew."""
        series = self._series
        if series is not None and series.question == question:
            self._series = None
            if series.expected is not None and series.expected is not passed:
                self._begin_anew()
        elif series is not None and series.expected is None and self._is_moot(series.question):
            self._series = None
        self._current(now)
        self._tell(now)

    def _is_moot(self, question: Question) -> bool:
        """Other answers have told by now."""
        passes = question.size <= self._sizes.largest(question.ttl)
        return passes or question.size > self._sizes.smallest_refused(question.ttl)

    def _tell(self, now: int) -> None:
        """Say what is known now, if that is new; what was settled stands until there is as much again."""
        if self._told is not None and self._told.settled and not self._settled:
            return
        found = path_mtu(self._sizes, self._reach(), self._probes, settled=self._settled, echoes=self._echoes)
        if self._told is None or _facts(found) != _facts(self._told):
            self._told = found
            self._story.path_mtu(found, now)


def _facts(found: PathMtu) -> tuple[object, ...]:
    """What is worth telling again when it changes: the number of probes alone is not."""
    return (found.mtu, found.ttl, found.to_target, found.link_mtu, found.lowered_at, found.black_hole,
            found.settled, found.hops)  # fmt: skip
