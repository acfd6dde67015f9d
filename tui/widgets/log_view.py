"""The event log, newest at the bottom."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.strip import Strip

from tui.paint import strip, styles
from tui.scene import Scene
from tui.view.cells import Line, fit_line, plain
from tui.view.commands import BY_ID
from tui.view.empty import empty
from tui.view.log import Choice, heading, nothing, shown
from tui.view.style import Style
from tui.view.timeline import Entry, entry_line
from tui.widgets.kept import Kept
from tui.widgets.lines import Lines

MOST_DRAWN = 1000
"""Entries whose drawing is kept."""


class LogView(Lines):
    """Thousands of entries, of which only those in the window are drawn.

    Follows the newest entry until the user scrolls up; then stays with what is read, whatever comes.
    """

    FIXED = 1

    class Picked(Message):
        """The user picked an entry."""

        def __init__(self, entry: Entry) -> None:
            super().__init__()
            self.entry = entry

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._chosen: Kept[tuple[Entry, ...]] = Kept()
        self._end = 0
        self._marked: Entry | None = None
        self._drawn: dict[Entry, Strip] = {}
        self._drawn_for: tuple[object, ...] = ()
        self.entries: tuple[Entry, ...] = ()
        """What can be scrolled to, oldest first."""

    def show(self, scene: Scene) -> None:
        """Draw this scene."""
        self.scene = scene
        if not (self.size.width and self.size.height):
            return
        choice = _choice(scene)
        logged = scene.target.entries if scene.target is not None else ()
        reading = self._reading()
        self.entries = self._chosen.get((logged, choice), lambda: shown(logged, choice))
        height = len(self.entries) + self.FIXED
        self._overflows = height > self.size.height
        self.hold(height)
        self._end = max(height - self.size.height, 0)
        if choice.marked is not None and choice.marked != self._marked:
            line = self._line_of(choice.marked) - self.size.height // 2
        else:
            line = self._line_of(reading)
        self._marked = choice.marked
        self.jump(min(max(line, 0), self._end))
        self.repaint(range(self.size.height))

    def _reading(self) -> Entry | None:
        """The entry on top, where the user has scrolled up to read; None at the end."""
        top = self.scroll_offset.y
        return self.entries[top] if top < min(self._end, len(self.entries)) else None

    def _line_of(self, wanted: Entry | None) -> int:
        """Where an entry stands; the end where there is none such."""
        if wanted is None or wanted not in self.entries:
            return self._end
        return self.entries.index(wanted)

    def step(self, by: int) -> bool:
        """Scroll by one line."""
        self.scroll_to(y=self.scroll_offset.y + by, animate=False)
        return True

    def on_click(self, event: events.Click) -> None:
        """Mark the entry under the mouse."""
        number = self.line_at(event.y) - self.FIXED
        if event.y >= self.FIXED and 0 <= number < len(self.entries):
            self.post_message(self.Picked(self.entries[number]))

    def strip_of(self, number: int, width: int) -> Strip:
        """What an entry looks like is kept: it moves through the window line by line."""
        if self.scene is None:
            return Strip.blank(0)
        look, at = self.scene.look, number - self.FIXED
        if not 0 <= at < len(self.entries):
            return strip(self._line(number, self.scene), styles(look.palette))
        drawn_for = (width, look.glyphs.name, look.palette, self._marked)
        if drawn_for != self._drawn_for or len(self._drawn) > MOST_DRAWN:
            self._drawn, self._drawn_for = {}, drawn_for
        entry = self.entries[at]
        if entry not in self._drawn:
            line = fit_line(entry_line(entry, width, look.glyphs), width, look.glyphs.ellipsis)
            if entry == self._marked:
                line = ((plain(line), Style.SELECTED),)
            self._drawn[entry] = strip(line, styles(look.palette))
        return self._drawn[entry]

    def _line(self, number: int, scene: Scene) -> Line:
        """A line that is no entry."""
        choice, width = _choice(scene), self.size.width - self._overflows
        if number < self.FIXED:
            return heading(len(self.entries), choice, width, BY_ID["all-events"].keys[0], scene.look.glyphs)
        if self.entries:
            return ()
        why = nothing(choice, width) if scene.target is not None else empty("empty.target", width)
        return why[number - self.FIXED] if number - self.FIXED < len(why) else ()


def _choice(scene: Scene) -> Choice:
    marked = None if scene.target is None else scene.target.cursor.marked
    return Choice(everything=scene.look.all_events, needle=scene.look.needle, marked=marked)
