"""The terminal before the application has it: keys one by one, the alternate screen, and the way back.

Nothing here waits: a terminal that takes nothing now is tried again with the next picture, keys are read when
there are any. The application's driver (``terminal``) takes over what was entered and read.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import termios
from collections.abc import Callable, Iterator
from typing import Any

from tui.terminal_size import size_of

KEYBOARD, SCREEN = 0, 1

CANCEL = "\x18"
"""Ends a control sequence of which only a part was taken (ECMA-48, CAN)."""

ALTERNATE_SCREEN = "\x1b[?1049h"
_ENTER = ALTERNATE_SCREEN + "\x1b[?25l\x1b[?7l"
_LEAVE = "\x1b[0m\x1b[?7h\x1b[?1049l\x1b[?25h"
"""No cursor and no wrapping while there is a picture."""

_PIECE = 1024
"""Bytes: a terminal that is ready takes so many without blocking."""

LAST_WORDS_S = 1.0
"""How long the bytes that restore the terminal may take."""

_IFLAG, _LFLAG, _CC = 0, 3, 6

Key = Callable[[str], None]
"""Told of everything typed so far."""


class EarlyTerminal:
    """Stdin and stdout of one process, from ``enter`` to ``leave`` or until ``hand_over``."""

    def __init__(self, gone: Callable[[], None]) -> None:
        self.typed = b""
        """Keys that nobody has obeyed yet."""
        self._settings: list[Any] = []
        """What ``leave`` restores; empty where nothing was changed."""
        self._gone = gone
        self._owed = b""
        self._entered = False

    @property
    def busy(self) -> bool:
        """The terminal has not taken yet what was written last."""
        return bool(self._owed)

    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        return size_of(SCREEN)

    def enter(self) -> None:
        """Take the screen and the keys."""
        try:
            self._settings = termios.tcgetattr(KEYBOARD)
            termios.tcsetattr(KEYBOARD, termios.TCSANOW, _raw(self._settings))
        except termios.error:  # the window was closed before there was a picture in it
            self._gone()
            return
        self._entered = True
        self.write(_ENTER)

    def write(self, text: str) -> None:
        """Write as much as the terminal takes now; ``push`` tries the rest."""
        self._owed += text.encode("utf-8", "replace")
        self.push()

    def push(self) -> None:
        """Try what is owed."""
        try:
            while self._owed and select.select([], [SCREEN], [], 0)[1]:
                self._owed = self._owed[os.write(SCREEN, self._owed[:_PIECE]) :]
        except BlockingIOError:
            return
        except OSError:
            self._owed = b""
            self._gone()

    def read(self) -> str:
        """Everything typed so far; there must be more to read, or an end."""
        try:
            typed = os.read(KEYBOARD, 4096)
        except OSError:
            typed = b""
        if not typed:
            self._gone()
        self.typed += typed
        return self.typed.decode("utf-8", "ignore")

    def hand_over(self) -> list[Any]:
        """Leave everything to the application; returns the line settings it shall restore at the end."""
        self._entered = False
        return self._settings

    def leave(self) -> None:
        """Give the terminal back as it was found, unless the application has it."""
        if self._settings:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(KEYBOARD, termios.TCSANOW, self._settings)
                if self._entered:
                    termios.tcflush(KEYBOARD, termios.TCIFLUSH)
        if self._entered:
            self._entered = False
            self._owed = b""
            if select.select([], [SCREEN], [], LAST_WORDS_S)[1]:
                self.write(CANCEL + _LEAVE)


def _raw(settings: list[Any]) -> list[Any]:
    """Keys as they are typed, none echoed and none a signal: as Textual sets it."""
    raw = [*settings]
    raw[_LFLAG] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
    raw[_IFLAG] &= ~(termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR)
    raw[_CC] = [*settings[_CC]]
    raw[_CC][termios.VMIN] = 1
    return raw


@contextlib.contextmanager
def listening(terminal: EarlyTerminal, told: Key) -> Iterator[None]:
    """Tell of keys while the block lasts."""
    loop = asyncio.get_running_loop()
    loop.add_reader(KEYBOARD, lambda: told(terminal.read()))
    try:
        yield
    finally:
        loop.remove_reader(KEYBOARD)
