"""The help, generated from the registries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.geometry import Size
from textual.widgets import Label

from tui.scene import Scene
from tui.screens.dialog import Dialog
from tui.view.cells import Line
from tui.view.help import help_lines
from tui.view.strings import say
from tui.widgets.sheet import Sheet


class HelpScreen(Dialog[None], inherit_bindings=False):
    """Shows all commands that are offered now, with their keys."""

    BINDINGS: ClassVar[list[Any]] = [
        *Dialog.BINDINGS,
        Binding("q,h,question_mark,enter", "leave"),
        Binding("down,j", "scroll(1)"),
        Binding("up,k", "scroll(-1)"),
        Binding("pagedown,space", "page(1)"),
        Binding("pageup", "page(-1)"),
        Binding("home", "scroll(-10000)"),
        Binding("end", "scroll(10000)"),
    ]

    def compose(self) -> ComposeResult:
        """The text and the keys."""
        with Vertical(id="box") as box:
            box.border_title = say("help.title")
            yield Sheet(_lines, id="text")
            yield Label(say("help.keys"), markup=False, classes="keys")

    def on_mount(self) -> None:
        """Draw."""
        self.call_after_refresh(lambda: self._sheet.show(self.scene))

    @property
    def _sheet(self) -> Sheet:
        return self.query_one("#text", Sheet)

    def action_scroll(self, by: int) -> None:
        """Move by lines."""
        self._sheet.scroll_relative(y=by, animate=False)

    def action_page(self, by: int) -> None:
        """Move by pages."""
        self._sheet.scroll_relative(y=by * max(self._sheet.size.height - 1, 1), animate=False)


def _lines(scene: Scene, size: Size) -> Sequence[Line]:
    return help_lines(scene.facts, scene.look.keys, size.width, scene.look.glyphs)
