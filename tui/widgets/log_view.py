"""The event log, newest at the bottom."""

from __future__ import annotations

from textual.geometry import Size
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

_HEADING = 1
"""Lines that do not scroll."""


class LogView(Lines):
    """Thousands of entries, of which only those in the window are drawn.

    Follows the newest entry until the user scrolls up; then stays with what is read, whatever comes.
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._chosen: Kept[tuple[Entry, ...]] = Kept()
        self._end = 0
        self._marked: Entry | None = None
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
        self.virtual_size = Size(self.size.width, len(self.entries) + _HEADING)
        self._end = self.max_scroll_y
        if choice.marked is not None and choice.marked != self._marked:
            line = self._line_of(choice.marked) - self.size.height // 2
        else:
            line = self._line_of(reading)
        self._marked = choice.marked
        self.scroll_to(y=min(max(line, 0), self._end), animate=False)
        self.refresh()

    def _reading(self) -> Entry | None:
        """The entry on top, where the user has scrolled up to read; None at the end."""
        top = self.scroll_offset.y
        return self.entries[top] if top < min(self._end, len(self.entries)) else None

    def _line_of(self, wanted: Entry | None) -> int:
        """Where an entry stands; the end where there is none such."""
        return self.entries.index(wanted) if wanted in self.entries else self._end

    def render_line(self, y: int) -> Strip:
        """Textual asks for one line of the window."""
        if self.scene is None:
            return Strip.blank(self.size.width)
        line = self._line(y, self.scene)
        return strip(line, styles(self.scene.look.palette)).adjust_cell_length(
            self.size.width, self.rich_style
        )

    def _line(self, y: int, scene: Scene) -> Line:
        choice, glyphs, width = _choice(scene), scene.look.glyphs, self.size.width
        if y < _HEADING:
            return heading(len(self.entries), choice, width, BY_ID["all-events"].keys[0], glyphs)
        if not self.entries:
            why = nothing(choice, width) if scene.target is not None else empty("empty.target", width)
            return why[y - _HEADING] if y - _HEADING < len(why) else ()
        at = self.scroll_offset.y + y - _HEADING
        if at >= len(self.entries):
            return ()
        line = fit_line(entry_line(self.entries[at], width, glyphs), width, glyphs.ellipsis)
        return ((plain(line), Style.SELECTED),) if self.entries[at] == self._marked else line


def _choice(scene: Scene) -> Choice:
    marked = None if scene.target is None else scene.target.cursor.marked
    return Choice(everything=scene.look.all_events, needle=scene.look.needle, marked=marked)
