"""The command palette: type to find a command, enter runs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.geometry import Size
from textual.widgets import Input

from tui.scene import Scene
from tui.screens.dialog import Dialog
from tui.view.cells import Line
from tui.view.commands import Command, offered
from tui.view.finder import finder_line, found
from tui.view.strings import say
from tui.view.style import Style
from tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from tui.screens.main import MainScreen


class PaletteScreen(Dialog[str], inherit_bindings=False):
    """Gives the id of a command."""

    BINDINGS: ClassVar[list[Any]] = [
        *Dialog.BINDINGS,
        Binding("ctrl+p", "leave", priority=True),
        Binding("down", "move(1)", priority=True),
        Binding("up", "move(-1)", priority=True),
        Binding("pagedown", "move(10)", priority=True),
        Binding("pageup", "move(-10)", priority=True),
    ]

    def __init__(self, behind: MainScreen) -> None:
        super().__init__(behind)
        self.found: tuple[Command, ...] = ()
        """What the typed letters mean, best first."""
        self.cursor = 0

    def compose(self) -> ComposeResult:
        """A line to type into and what it finds."""
        with Vertical(id="box"):
            yield Input(placeholder=say("palette.placeholder"))
            yield Sheet(self._lines, id="found")

    def on_mount(self) -> None:
        """Show all commands first."""
        self.query_one(Input).focus()
        self.call_after_refresh(self._find, "")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Find anew."""
        self._find(event.value)

    def on_input_submitted(self) -> None:
        """Run the chosen one."""
        if self.found:
            self.dismiss(self.found[self.cursor].id)

    def on_sheet_clicked(self, message: Sheet.Clicked) -> None:
        """Run the one under the mouse."""
        if message.number < len(self.found):
            self.dismiss(self.found[message.number].id)

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self.cursor = min(max(self.cursor + by, 0), max(len(self.found) - 1, 0))
        self._draw()

    def _find(self, needle: str) -> None:
        self.found = found(offered(self.scene.facts), needle)
        self.cursor = 0
        self._draw()

    def _draw(self) -> None:
        sheet = self.query_one("#found", Sheet)
        sheet.show(self.scene)
        sheet.reveal(self.cursor)

    def _lines(self, scene: Scene, size: Size) -> Sequence[Line]:
        if not self.found:
            return (((say("palette.none"), Style.MUTED),),)
        look = scene.look
        return [
            finder_line(
                command, look.keys, size.width, look.glyphs, Style.SELECTED if number == self.cursor else None
            )
            for number, command in enumerate(self.found)
        ]
