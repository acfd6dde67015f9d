"""A recording, played into a bridge by the time its log tells.

The log is read whole, in slices, so that the screen stays alive; what stands on the screen at a moment is the
fold of all events up to it. Forward that fold goes on; back it begins anew at the last checkpoint before.
"""

from __future__ import annotations

import asyncio
import gc
import pickle
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import msgspec

from tracer import record
from tracer.events import Event, PathChanged, ProbeLost, ReplyReceived, TraceStarted
from tracer.interfaces import Clock
from tui.bridge import Bridge
from tui.view.facts import Fact
from tui.view.scrubber import Playback, faster, slower

SLICE = 500
"""Events read or folded before the screen has its turn: some 10 ms."""

CHECKPOINT_EVENTS = 20_000
"""A step back folds at most so many events anew: half a second. A checkpoint is some 2 MB and 0.1 s."""

MOST_CHECKPOINTS = 32
"""In a longer recording they stand further apart."""

STEP_NS = 5_000_000_000
"""How far forward and back move."""


class Moments(msgspec.Struct, frozen=True):
    """When something worth jumping to happened to one target; ascending."""

    changes: tuple[int, ...] = ()
    losses: tuple[int, ...] = ()


class ReplaySource:
    """Plays a recording. It begins playing as soon as it is read, and holds at its end."""

    facts: frozenset[Fact] = frozenset({Fact.REPLAY})

    def __init__(self, path: Path, clock: Clock) -> None:
        self.bridge = Bridge()
        self.path = path
        self._clock = clock
        self._events: list[Event] = []
        self._times: list[int] = []
        """Of each event, never falling: where it stands in the log counts."""
        self._moments: dict[str, Moments] = {}
        self._folding = self.bridge
        """The bridge that is brought to the wanted moment; shown when it is there."""
        self._folded = 0
        self._checkpoints: dict[int, bytes] = {}
        self._speed = 1.0
        self._playing = False
        self._anchor = (0, 0)
        """A moment of the recording, and the moment of the clock it stood there."""
        self._stopped = False

    # What the screen asks

    @property
    def length_ns(self) -> int:
        """The last moment of the log."""
        return self._times[-1] if self._times else 0

    @property
    def position_ns(self) -> int:
        """The moment that is shown, or wanted while the fold is on its way there."""
        position, since = self._anchor
        if self._playing:
            position += int((self._clock.now_ns() - since) * self._speed)
        return min(position, self.length_ns)

    def playback(self, label: str | None) -> Playback:
        moments = self._moments.get(label or "", Moments())
        return Playback(
            position_ns=self.position_ns,
            length_ns=self.length_ns,
            speed=self._speed,
            playing=self._playing,
            changes=moments.changes,
            losses=moments.losses,
        )

    def recorded(self) -> Sequence[Event]:
        return self._events

    # What the user does

    def play_or_hold(self) -> None:
        """Play, or hold; at the end, play again from the start."""
        if not self._playing and self.position_ns >= self.length_ns:
            self._move(0)
        self._move(self.position_ns)
        self._playing = not self._playing

    def seek(self, position_ns: int) -> None:
        """Go to a moment; beyond either end, to that end."""
        self._move(position_ns)

    def hold_at(self, position_ns: int) -> None:
        """Go to a moment and stay there."""
        self._playing = False
        self._move(position_ns)

    def faster(self) -> None:
        """Twice as fast."""
        self._move(self.position_ns)
        self._speed = faster(self._speed)

    def slower(self) -> None:
        """Half as fast."""
        self._move(self.position_ns)
        self._speed = slower(self._speed)

    def _move(self, position_ns: int) -> None:
        self._anchor = (min(max(position_ns, 0), self.length_ns), self._clock.now_ns())
        self._clock.wake()

    def stop(self) -> None:
        self._stopped = True
        self._clock.wake()

    # Playing

    async def run(self) -> None:
        """Play until ``stop``. Raises RecordingError."""
        await self._load()
        self._move(0)
        self._playing = True
        while not self._stopped:
            await self._fold_to_position()
            if self._playing and self._folded == len(self._events):
                self._playing = False
                self._anchor = (self.length_ns, self._clock.now_ns())
            await self._clock.wait(self._deadline(), None)

    def _deadline(self) -> int | None:
        """When the next event is due."""
        if not self._playing or self._folded >= len(self._times):
            return None
        position, since = self._anchor
        # Rounded up: a wait that ends a nanosecond early would find nothing to do, for ever.
        return since + int((self._times[self._folded] - position) / self._speed) + 1

    async def _fold_to_position(self) -> None:
        """Bring the picture to the position, which may move on meanwhile."""
        while not self._stopped:
            wanted = bisect_right(self._times, self.position_ns)
            if wanted < self._folded:
                self._fall_back(wanted)
            if wanted == self._folded:
                self._show()
                return
            upto = min(wanted, self._folded + SLICE)
            self._folding.update(self._events[self._folded : upto])
            self._folded = upto
            self._keep_checkpoint()
            await asyncio.sleep(0)

    def _fall_back(self, wanted: int) -> None:
        """Begin anew at the last checkpoint that is not beyond the wanted event."""
        at = max((number for number in self._checkpoints if number <= wanted), default=0)
        self._folding = self._restored(at) if at else Bridge(self._max_samples())
        self._folded = at

    def _restored(self, at: int) -> Bridge:
        bridge: Bridge = pickle.loads(self._checkpoints[at])  # noqa: S301 - our own bytes, made in memory
        return bridge

    def _keep_checkpoint(self) -> None:
        apart = max(CHECKPOINT_EVENTS, len(self._events) // MOST_CHECKPOINTS)
        last = max((number for number in self._checkpoints if number <= self._folded), default=0)
        if self._folded - last >= apart:
            self._checkpoints[self._folded] = pickle.dumps(self._folding, pickle.HIGHEST_PROTOCOL)

    def _show(self) -> None:
        if self._folding is not self.bridge:
            self._folding.version = max(self._folding.version, self.bridge.version) + 1
            self.bridge = self._folding

    def _max_samples(self) -> int:
        header = self._events[0]
        told = header.config.get("max_samples") if isinstance(header, TraceStarted) else None
        return told if isinstance(told, int) else 512

    # Reading

    async def _load(self) -> None:
        events = record.read(self.path)
        found = _Found()
        latest = 0
        while not self._stopped and (batch := list(islice(events, SLICE))):
            for event in batch:
                latest = max(latest, event.at_ns)
                self._times.append(latest)
                found.note(latest, event)
            self._events += batch
            # The log stays until the end: a collector that walks it again and again holds the screen up by
            # 0.3 s at a time.
            gc.freeze()
            await asyncio.sleep(0)
        if self._events:
            self._moments = found.moments()
            self._folding = self.bridge = Bridge(self._max_samples())


class _Found:
    """Path changes and losses by target, found while the log is read."""

    def __init__(self) -> None:
        self._changes: dict[str, list[int]] = {}
        self._losses: dict[str, list[tuple[int, int]]] = {}
        self._answering: set[tuple[str, int]] = set()

    def note(self, at_ns: int, event: Event) -> None:
        """Enter the next event."""
        if isinstance(event, ReplyReceived):
            self._answering.add((event.target, event.ttl))
        elif isinstance(event, ProbeLost):
            self._losses.setdefault(event.target, []).append((at_ns, event.ttl))
        elif isinstance(event, PathChanged):
            self._changes.setdefault(event.target, []).append(at_ns)

    def moments(self) -> dict[str, Moments]:
        """Losses of hops that never answer at all are left out: there would be one in every round."""
        return {
            target: Moments(
                tuple(self._changes.get(target, ())),
                tuple(
                    at_ns for at_ns, ttl in self._losses.get(target, ()) if (target, ttl) in self._answering
                ),
            )
            for target in {*self._changes, *self._losses}
        }


def following(moments: Sequence[int], position_ns: int) -> int | None:
    """The first of ``moments`` after a position."""
    at = bisect_right(moments, position_ns)
    return moments[at] if at < len(moments) else None


def preceding(moments: Sequence[int], position_ns: int) -> int | None:
    """The last of ``moments`` before a position."""
    at = bisect_left(moments, position_ns)
    return moments[at - 1] if at else None
