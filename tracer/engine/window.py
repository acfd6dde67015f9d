"""Which TTL is sent next in a round."""

from __future__ import annotations

from collections.abc import Callable

from tracer.config import TraceConfig
from tracer.engine.path_end import PathEndBelief
from tracer.model import PathEndKind, Ttl


class Window:
    """Lets the TTLs of one round out in ascending order, never too far beyond what has answered.

    ``max_inflight`` TTLs go out at once, from the first one on. Beyond them the window moves with the answers
    and stays a gap limit ahead of them: what lies further could only matter if a whole gap were silent, and a
    near target would be overshot by one probe for every answer. TTLs that are known to be silent take up no
    room, or a window smaller than a silent stretch would never get past it.
    """

    def __init__(self, config: TraceConfig, belief: PathEndBelief) -> None:
        self.elsewhere: Callable[[], int | None] | None = None
        """The farthest TTL at which another flow has the target for certain; None without other flows."""
        self._config = config
        self._belief = belief
        self._known: tuple[int, int | None, int, bool] = (-1, None, 0, False)
        self._last = 0
        self.new_round()

    def new_round(self) -> None:
        """Start again at the first TTL."""
        self._next = self._config.first_ttl
        self._highest_answered = self._config.first_ttl - 1
        self._end_answered = False

    @property
    def next_ttl(self) -> Ttl | None:
        """The TTL to send now; None when the window holds no more."""
        elsewhere = None if self.elsewhere is None else self.elsewhere()
        known = (self._belief.version, elsewhere, self._highest_answered, self._end_answered)
        if known != self._known:
            # Asked far more often than anything is learned: many flows wait for their turn.
            self._known, self._last = known, self._limit(elsewhere)
        return Ttl(self._next) if self._next <= self._last else None

    def advance(self) -> None:
        """The next TTL was taken."""
        self._next += 1

    def answered(self, ttl: Ttl, *, ends_path: bool) -> None:
        """A probe was answered; after the path's end answered nothing beyond it is sent.

        Answers to earlier rounds move the window too: where rounds are shorter than the round-trip time there
        are no others. ``ends_path`` is about this round.
        """
        self._highest_answered = max(self._highest_answered, ttl)
        self._end_answered = self._end_answered or ends_path

    def _limit(self, elsewhere: int | None) -> int:
        config, belief = self._config, self._belief
        if elsewhere is not None and self._ends_elsewhere(elsewhere):
            return min(elsewhere, config.max_ttl)
        end_ttl = belief.end.ttl
        if end_ttl is not None and (self._end_answered or not belief.searching):
            return min(end_ttl, config.max_ttl)
        at_once = config.first_ttl - 1 + config.max_inflight
        room = config.max_inflight + belief.silent_after(self._highest_answered)
        ahead = self._highest_answered + min(room, config.gap_limit)
        worthwhile = max(belief.gap_end or config.max_ttl, end_ttl or 0)
        return min(max(at_once, ahead), worthwhile, config.max_ttl)

    def _ends_elsewhere(self, elsewhere: int) -> bool:
        """To stop where another flow has found the target, while nothing says that this one goes on there.

        A target that limits its answers leaves most of many flows without one; each would search a gap limit
        beyond it in every round.
        """
        belief = self._belief
        known = belief.end.ttl is not None and not belief.searching and belief.end.kind is not PathEndKind.GAP
        return not known and belief.last_answering < elsewhere
