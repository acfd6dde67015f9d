"""The line of a replay; a click goes to that moment."""

from __future__ import annotations

from collections.abc import Sequence

from textual.events import Click
from textual.geometry import Size
from textual.message import Message

from tui.scene import Scene
from tui.view.cells import Line
from tui.view.scrubber import moment_at, scrubber
from tui.widgets.lines import Lines


class Scrubber(Lines):
    """Shown while a recording is played."""

    class Sought(Message):
        """The user pointed at a moment."""

        def __init__(self, position_ns: int) -> None:
            super().__init__()
            self.position_ns = position_ns

    def show(self, scene: Scene) -> None:
        self.set_class(scene.playback is not None, "-shown")
        super().show(scene)

    def lines_of(self, scene: Scene, size: Size) -> Sequence[Line]:
        playback = scene.playback
        return () if playback is None else (scrubber(playback, size.width, scene.look.glyphs),)

    def on_click(self, event: Click) -> None:
        """Tell where."""
        playback = None if self.scene is None else self.scene.playback
        if playback is not None:
            moment = moment_at(playback, event.x, self.size.width)
            if moment is not None:
                self.post_message(self.Sought(moment))
