"""The event log of one target: what is kept of it, masked, and what the user wants to see of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import chain
from operator import attrgetter

import msgspec

from tracer.events import Event
from tui.view.cells import Line, fit_line
from tui.view.empty import empty
from tui.view.glyphs import UNICODE, Glyphs
from tui.view.privacy import Privacy, mask_event
from tui.view.strings import counted, say
from tui.view.style import Style
from tui.view.timeline import NOTABLE, Entry, Kind, entry

KEPT = dict.fromkeys(Kind, 1000)
"""Entries kept of each kind: losses cannot push out path changes, nor stray packets anything."""


class _Kept(msgspec.Struct, frozen=True, gc=False):
    number: int
    event: Event


class Log:
    """Keeps the newest events of each kind and gives them as entries, masked."""

    def __init__(self) -> None:
        self._number = 0
        self._notable = 0
        self._kept: dict[Kind, deque[_Kept]] = {kind: deque() for kind in Kind}
        self._privacy = Privacy()
        # By number, and so in their order: all entries, and those that are no ordinary traffic.
        self._entries: dict[bool, dict[int, Entry]] = {True: {}, False: {}}
        self._given: dict[bool, tuple[int, tuple[Entry, ...]]] = {}

    def apply(self, event: Event) -> None:
        """Enter the next event."""
        line = entry(mask_event(event, self._privacy))
        self._number += 1
        if line.kind is not Kind.PROBE:
            self._notable = self._number
        kept = self._kept[line.kind]
        kept.append(_Kept(self._number, event))
        self._list(self._number, line)
        if len(kept) > KEPT[line.kind]:
            gone = kept.popleft().number
            for listed in self._entries.values():
                listed.pop(gone, None)

    def _list(self, number: int, line: Entry) -> None:
        self._entries[True][number] = line
        if line.kind is not Kind.PROBE:
            self._entries[False][number] = line

    def entries(self, privacy: Privacy, *, everything: bool) -> tuple[Entry, ...]:
        """The log, oldest first; without ordinary traffic unless ``everything`` is asked for.

        The same object as before where nothing has changed.
        """
        if privacy != self._privacy:
            self._mask(privacy)
        version = self._number if everything else self._notable
        known, given = self._given.get(everything, (-1, ()))
        if known != version:
            given = tuple(self._entries[everything].values())
            self._given[everything] = (version, given)
        return given

    def still(self) -> Log:
        """A copy that no later event changes."""
        copy = Log()
        copy._number, copy._notable, copy._privacy = self._number, self._notable, self._privacy
        copy._kept = {kind: kept.copy() for kind, kept in self._kept.items()}
        copy._entries = {everything: listed.copy() for everything, listed in self._entries.items()}
        return copy

    def _mask(self, privacy: Privacy) -> None:
        self._privacy = privacy
        self._given = {}
        self._entries = {True: {}, False: {}}
        for item in sorted(chain.from_iterable(self._kept.values()), key=attrgetter("number")):
            self._list(item.number, entry(mask_event(item.event, privacy)))


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries the user wants to see."""

    everything: bool = False
    """Ordinary traffic and losses too."""
    needle: str = ""
    """Only entries in which it occurs, case ignored."""
    marked: Entry | None = None
    """Jumped to: shown whatever else holds."""


def shown(entries: Sequence[Entry], choice: Choice) -> tuple[Entry, ...]:
    """The entries the user wants to see, oldest first."""
    needle = choice.needle.casefold()
    if choice.everything and not needle:
        return (*entries,)
    return tuple(
        item
        for item in entries
        if ((choice.everything or item.kind in NOTABLE) and (not needle or needle in item.text.casefold()))
        or item == choice.marked
    )


def heading(number: int, choice: Choice, width: int, key: str = "", glyphs: Glyphs = UNICODE) -> Line:
    """What is shown, and by which ``key`` there is more or less of it; exactly ``width`` cells."""
    what = say("log.everything" if choice.everything else "log.notable", entries=counted(number, "entries"))
    line: list[tuple[str, Style]] = [(what, Style.HEADER)]
    if choice.needle:
        line.append((say("log.needle", needle=choice.needle), Style.HEADER))
    if key:
        line += [("  ", Style.HEADER), (key, Style.HEADER)]
        line.append((" " + say("log.less" if choice.everything else "log.more"), Style.HEADER))
    return fit_line(tuple(line), width, glyphs.ellipsis, Style.HEADER)


def nothing(choice: Choice, width: int) -> tuple[Line, ...]:
    """Why there is no entry to show."""
    if choice.needle:
        return empty("log.empty-needle", width, needle=choice.needle)
    return empty("log.empty-everything" if choice.everything else "log.empty", width)
