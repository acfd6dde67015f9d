"""What the commands do: one function each, by the command's id in ``tui.view.commands``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tui.actions import dialogs, display, navigation, output, replay, targets, views

if TYPE_CHECKING:
    from tui.screens.main import MainScreen

ACTIONS: dict[str, Callable[[MainScreen], None]] = {
    **navigation.ACTIONS,
    **targets.ACTIONS,
    **display.ACTIONS,
    **replay.ACTIONS,
    **output.ACTIONS,
    **dialogs.ACTIONS,
    **views.ACTIONS,
}
