"""The hopscope command of this tree on a pseudo terminal."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.tui.pseudo_terminal import (
    ALTERNATE_SCREEN,
    CURSOR,
    FOCUS,
    MOUSE,
    PASTE,
    WRAPPING,
    Terminal,
    terminal,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": str(ROOT),
    "PYTHONDONTWRITEBYTECODE": "1",
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "TERM": "xterm-256color",
}
COMMAND = (sys.executable, "-m", "tui")
MODES = {ALTERNATE_SCREEN, PASTE, FOCUS, *MOUSE}


@contextlib.contextmanager
def hopscope(*arguments: str, command: tuple[str, ...] = COMMAND, **options: Any) -> Iterator[Terminal]:
    """The command at work on a terminal."""
    environment = {**ENVIRONMENT, **options.pop("variables", {})}
    with terminal([*command, *arguments], environment=environment, directory=ROOT, **options) as opened:
        yield opened


def assert_restored(opened: Terminal, settings: list[Any]) -> None:
    """Nothing of the screen is left, and keys are echoed and read by the line as before."""
    assert opened.settings() == settings
    assert not opened.screen.modes & MODES
    assert {CURSOR, WRAPPING} <= opened.screen.modes
    assert opened.screen.keyboard_levels == 0


def complaint(opened: Terminal) -> str:
    """The one sentence that is left on the terminal."""
    assert b"Traceback" not in opened.heard
    [line] = [line for line in opened.screen.lines if line]
    assert line.startswith("hopscope: ")
    return line
