"""Lines of a dialog: whatever it wants to show, and a click as the number of a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.events import Click
from textual.geometry import Size
from textual.message import Message

from tui.scene import Scene
from tui.view.cells import Line
from tui.widgets.lines import Lines


class Sheet(Lines):
    """Draws what its dialog makes."""

    class Clicked(Message):
        """A line was clicked."""

        def __init__(self, sheet: Sheet, number: int, cell: int) -> None:
            super().__init__()
            self.sheet = sheet
            self.number = number
            self.cell = cell

    def __init__(self, make: Callable[[Scene, Size], Sequence[Line]], *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._make = make

    def lines_of(self, scene: Scene, size: Size) -> Sequence[Line]:
        return self._make(scene, size)

    def on_click(self, event: Click) -> None:
        """Tell which."""
        self.post_message(self.Clicked(self, self.line_at(event.y), event.x))
