"""Local trouble of late: what this host kept back or dropped in the last rounds."""

from __future__ import annotations

from collections import Counter

from tracer.model import FailureKind, RoundId
from tracer.stats.evidence import JUDGED_PROBES, LocalTrouble

ROUNDS = 5
"""Failed probes count for so many rounds: trouble that is over is not told any more."""


class RecentTrouble:
    """Counts by round, forgotten with the rounds."""

    def __init__(self) -> None:
        self._failed: Counter[RoundId] = Counter()
        self._dropped: Counter[RoundId] = Counter()
        self._kind: FailureKind | None = None

    def failed(self, round_id: RoundId, kind: FailureKind) -> None:
        """A probe was kept back."""
        self._failed[round_id] += 1
        self._kind = kind
        _forget(self._failed, round_id, ROUNDS)

    def dropped(self, round_id: RoundId, packets: int) -> None:
        """Packets were dropped from a full queue."""
        if packets:
            self._dropped[round_id] += packets
            _forget(self._dropped, round_id, JUDGED_PROBES)

    def snapshot(self, now: RoundId) -> LocalTrouble:
        """Return what still counts in this round."""
        failed = sum(count for round_id, count in self._failed.items() if now - round_id < ROUNDS)
        return LocalTrouble(
            failed=failed,
            rounds=min(now + 1, ROUNDS),
            kind=self._kind if failed else None,
            dropped=sum(count for round_id, count in self._dropped.items() if now - round_id < JUDGED_PROBES),
        )


def _forget(counts: Counter[RoundId], now: RoundId, rounds: int) -> None:
    for old in [round_id for round_id in counts if now - round_id >= rounds]:
        del counts[old]
