"""The views that have something to show, as a line of tabs."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.geometry import Size
from textual.message import Message

from tui.parts import offered_views, view_tabs
from tui.scene import Scene
from tui.view.cells import Line
from tui.view.tabs import TabLine
from tui.widgets.lines import Lines


class ViewPicked(Message):
    """The user picked a view."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class ViewTabs(Lines):
    """One tab for each view there is data for."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._names: tuple[str, ...] = ()
        self._tabs = TabLine((), ())

    def lines_of(self, scene: Scene, size: Size) -> Sequence[Line]:
        self._names = offered_views(scene)
        self._tabs = view_tabs(scene, size.width)
        return (self._tabs.line,)

    def on_click(self, event: events.Click) -> None:
        """Show the view under the mouse."""
        if (index := self._tabs.index_at(event.x)) is not None:
            self.post_message(ViewPicked(self._names[index]))
