"""The views that have something to show, as a line of tabs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import events
from textual.geometry import Size
from textual.message import Message

from tui.scene import Scene
from tui.view.cells import Line
from tui.view.commands import BY_ID
from tui.view.tabs import Tab, TabLine, tab_line
from tui.widgets.lines import Lines

NamesOf = Callable[[Scene], Sequence[str]]


class ViewPicked(Message):
    """The user picked a view."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class ViewTabs(Lines):
    """One tab for each view; ``names_of`` tells which views a scene has data for."""

    def __init__(self, names_of: NamesOf, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._names_of = names_of
        self._names: tuple[str, ...] = ()
        self._tabs = TabLine((), ())

    def lines_of(self, scene: Scene, size: Size) -> Sequence[Line]:
        self._names = tuple(self._names_of(scene))
        commands = [BY_ID[name] for name in self._names]
        tabs = [Tab(title=command.title, key=next(iter(command.keys), "")) for command in commands]
        current = self._names.index(scene.view) if scene.view in self._names else 0
        self._tabs = tab_line(tabs, current, size.width, scene.look.glyphs)
        return (self._tabs.line,)

    def on_click(self, event: events.Click) -> None:
        """Show the view under the mouse."""
        if (index := self._tabs.index_at(event.x)) is not None:
            self.post_message(ViewPicked(self._names[index]))
