"""What all dialogs share: a frame over the main screen, and escape to leave it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from textual.binding import Binding
from textual.screen import ModalScreen

from tui.scene import Scene

if TYPE_CHECKING:
    from tui.screens.main import MainScreen

ResultT = TypeVar("ResultT")


class Dialog(ModalScreen[ResultT], inherit_bindings=False):
    """A frame named ``box`` over the screen ``behind``."""

    DEFAULT_CSS = """
    Dialog { align: center middle; background: $background 60%; }
    Dialog #box { width: 95%; max-width: 110; height: 90%; border: round $primary; background: $background; }
    Dialog Input { height: 1; border: none; padding: 0 1; background: $panel; }
    Dialog Input:focus { border: none; }
    Dialog .keys { height: 1; width: 1fr; color: $foreground 70%; }
    """

    BINDINGS: ClassVar[list[Any]] = [Binding("escape,ctrl+c", "leave", priority=True)]
    """An input line would take ctrl+c for copying; who presses it wants to get out."""

    def __init__(self, behind: MainScreen) -> None:
        super().__init__()
        self.behind = behind

    @property
    def scene(self) -> Scene:
        """What stands behind it."""
        return self.behind.scene

    def action_leave(self) -> None:
        """Close without a result."""
        self.dismiss(None)
