"""Many targets: a tab for each with its health, and all of them in one table."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.geometry import Size
from textual.message import Message

from tui.parts import target_tabs
from tui.scene import Scene
from tui.view.cells import Line
from tui.view.overview import overview, summary
from tui.view.tabs import TabLine
from tui.widgets.lines import Lines


class TargetPicked(Message):
    """The user picked a target, by its place on the screen."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index


class TargetOpened(Message):
    """The user wants to see the table of the target on the screen."""


class Targets(Lines):
    """A line of tabs, shown while there are several targets."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._tabs = TabLine((), ())

    def show(self, scene: Scene) -> None:
        self.set_class(len(scene.targets) > 1, "-shown")
        super().show(scene)

    def lines_of(self, scene: Scene, size: Size) -> Sequence[Line]:
        self._tabs = target_tabs(scene, size.width)
        return (self._tabs.line,)

    def on_click(self, event: events.Click) -> None:
        """Show the target under the mouse."""
        if (index := self._tabs.index_at(event.x)) is not None:
            self.post_message(TargetPicked(index))


class Overview(Lines):
    """All targets; the chosen one is the one the other views show."""

    FIXED = 1

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._at = -1

    def show(self, scene: Scene) -> None:
        super().show(scene)
        if self._at != scene.current and self.size.height:
            self._at = scene.current
            self.reveal(scene.current + self.FIXED)

    def lines_of(self, scene: Scene, size: Size) -> Sequence[Line]:
        rows = [summary(target.snapshot) for target in scene.targets]
        return overview(rows, scene.current, size.width, scene.look.glyphs)

    def step(self, by: int) -> bool:
        """Choose the next target."""
        if self.scene is not None and 0 <= self.scene.current + by < len(self.scene.targets):
            self.post_message(TargetPicked(self.scene.current + by))
        return True

    def open_row(self) -> bool:
        """Show the chosen target's table."""
        self.post_message(TargetOpened())
        return True

    def on_click(self, event: events.Click) -> None:
        """Show the target under the mouse."""
        number = self.line_at(event.y) - self.FIXED
        if self.scene is not None and 0 <= number < len(self.scene.targets):
            self.post_message(TargetPicked(number))
            self.post_message(TargetOpened())
