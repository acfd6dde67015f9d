"""A user at a terminal: starts a command on a pseudo terminal, reads the screen, presses keys.

The screen is what a simple terminal shows: it understands moving, erasing and the private modes, and passes
over colours.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

ALTERNATE_SCREEN = 1049
CURSOR = 25
WRAPPING = 7
MOUSE = frozenset({1000, 1002, 1003, 1006, 1015, 1016})
PASTE = 2004
FOCUS = 1004

_MARK = b"\0"
"""A byte that a terminal does not show."""

_SEQUENCE = re.compile(
    rb"\x1b\[(?P<private>[?<>=]?)(?P<numbers>[0-9;:]*)(?P<between>[ -/]*)(?P<final>[@-~])"
    rb"|\x1b[\]P_^X](?:[^\x07\x1b]|\x1b[^\\])*(?:\x07|\x1b\\)"
    rb"|\x1b[ -/]*[0-OQ-WYZ\\`-~]"
)


class Screen:
    """Cells, a cursor, and the private modes that are on."""

    def __init__(self, columns: int, rows: int) -> None:
        self.modes: set[int] = {CURSOR, WRAPPING}
        self.keyboard_levels = 0
        """How often the kitty keyboard protocol was pushed and not popped."""
        self.sizes: tuple[int, int] = (columns, rows)
        self.colours: set[bytes] = set()
        """Every colour that was ever chosen, as SGR parameters."""
        self._rest = b""
        self._clear()

    def _clear(self) -> None:
        columns, rows = self.sizes
        self._cells = [[" "] * columns for _ in range(rows)]
        self._column = self._row = 0

    def resize(self, columns: int, rows: int) -> None:
        self.sizes = (columns, rows)
        self._clear()

    @property
    def lines(self) -> list[str]:
        return ["".join(row).rstrip() for row in self._cells]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def feed(self, data: bytes) -> None:
        data = self._rest + data
        at = 0
        while at < len(data):
            if data[at] == 0x1B:
                found = _SEQUENCE.match(data, at)
                if found is None:
                    break
                self._obey(found)
                at = found.end()
                continue
            end = data.find(b"\x1b", at)
            end = len(data) if end < 0 else end
            text = data[at:end]
            whole = text.decode("utf-8", "ignore") if end < len(data) else _whole(text)
            self._print(whole)
            if end == len(data):
                at += len(whole.encode())
                break
            at = end
        self._rest = data[at:]

    def _print(self, text: str) -> None:
        columns, rows = self.sizes
        for character in text:
            if character == "\r":
                self._column = 0
            elif character == "\n":
                self._row = min(self._row + 1, rows - 1)
            elif character >= " " and self._column < columns:
                self._cells[self._row][self._column] = character
                self._column += 2 if unicodedata.east_asian_width(character) in "WF" else 1

    def _obey(self, found: re.Match[bytes]) -> None:
        final, private = found["final"], found["private"]
        if final is None or found["between"]:
            return
        numbers = [int(number) if number else 0 for number in re.split(rb"[;:]", found["numbers"])]
        if private == b"?" and final in b"hl":
            (self.modes.update if final == b"h" else self.modes.difference_update)(numbers)
            if ALTERNATE_SCREEN in numbers:
                self._clear()
        elif private in b"<>" and private and final == b"u":
            self.keyboard_levels += 1 if private == b">" else -1
        elif not private and final == b"m":
            self._note_colour(found["numbers"], numbers)
        elif not private:
            self._move_or_erase(final, numbers)

    def _note_colour(self, raw: bytes, numbers: Sequence[int]) -> None:
        if any(30 <= number < 39 or 40 <= number < 49 or 90 <= number < 108 for number in numbers):
            self.colours.add(raw)

    def _move_or_erase(self, final: bytes, numbers: list[int]) -> None:
        columns, rows = self.sizes
        first, second = [*numbers, 0][:2]
        if final in b"Hf":
            self._row = min(max(first, 1), rows) - 1
            self._column = min(max(second, 1), columns) - 1
        elif final in b"ABCD":
            step = max(first, 1)
            self._row += {b"A": -step, b"B": step}.get(final, 0)
            self._column += {b"D": -step, b"C": step}.get(final, 0)
            self._row, self._column = max(min(self._row, rows - 1), 0), max(min(self._column, columns), 0)
        elif final == b"J":
            self._clear()
        elif final == b"K":
            self._cells[self._row][self._column :] = [" "] * (columns - self._column)


def _whole(text: bytes) -> str:
    """Up to a character that is cut off."""
    for cut in range(4):
        with contextlib.suppress(UnicodeDecodeError):
            return text[: len(text) - cut].decode()
    return text.decode("utf-8", "replace")


class Terminal:
    """A command that has a terminal to itself."""

    def __init__(
        self, process: subprocess.Popen[bytes], outer: int, inner: int, size: tuple[int, int], begun: float
    ) -> None:
        self.process = process
        self.screen = Screen(*size)
        self.heard = b""
        """Everything it wrote."""
        self.begun = begun
        """When the process was asked for, by the monotonic clock."""
        self.arrived = begun
        """When the last bytes came, whatever it takes to understand them."""
        self._outer = outer
        self._inner = inner

    def settings(self) -> list[Any]:
        """The line discipline as it is now: echo, canonical input and the like."""
        return termios.tcgetattr(self._inner)

    def read_until(self, wanted: Callable[[Screen], object], seconds: float = 15) -> None:
        """Read on until the screen is as wanted. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while not wanted(self.screen):
            if not self._read(deadline - time.monotonic()):
                raise TimeoutError(f"the screen does not come:\n{self.screen.text}\n{self.heard[-2000:]!r}")

    def see(self, text: str, seconds: float = 15) -> None:
        """Read on until this stands on the screen."""
        self.read_until(lambda screen: text in screen.text, seconds)

    def press(self, keys: str) -> None:
        os.write(self._outer, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        _set_size(self._outer, columns, rows)
        self.screen.resize(columns, rows)

    def hang_up(self) -> None:
        """The window is closed."""
        os.close(self._inner)
        os.close(self._outer)
        self._outer = self._inner = -1

    def end(self, seconds: float = 10) -> int:
        """Read to the command's end; returns its exit code. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"it does not end:\n{self.screen.text}\n{self.heard[-2000:]!r}")
            self._read(0.05)
        self._read_the_last(deadline)
        return self.process.returncode

    def _read_the_last(self, deadline: float) -> None:
        """Read what the command has written, which the kernel may pass on only after its end.

        A mark of our own comes behind it.
        """
        while self._read(0):
            pass
        if self._inner < 0:
            return
        os.write(self._inner, _MARK)
        while _MARK not in self.heard[-1:]:
            if not self._read(deadline - time.monotonic()):
                raise TimeoutError(f"its last words do not come: {self.heard[-2000:]!r}")
        self.heard = self.heard.removesuffix(_MARK)

    def _read(self, seconds: float) -> bool:
        if self._outer < 0:
            time.sleep(max(0.0, min(seconds, 0.05)))
            return False
        if not select.select([self._outer], [], [], max(0.0, seconds))[0]:
            return False
        data = os.read(self._outer, 65536)
        self.arrived = time.monotonic()
        self.heard += data
        self.screen.feed(data)
        return bool(data)

    def close(self) -> None:
        """End what is left."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        for fd in {self._inner, self._outer} - {-1}:
            os.close(fd)


@contextlib.contextmanager
def terminal(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    directory: Path,
    size: tuple[int, int] = (120, 36),
    stderr: int | None = None,
    pass_fds: Sequence[int] = (),
) -> Iterator[Terminal]:
    """Start a command on a terminal of its own, for at most as long as the block lasts."""
    outer, inner = pty.openpty()
    _set_size(outer, *size)

    def adopt() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    begun = time.monotonic()
    process = subprocess.Popen(
        command,
        stdin=inner,
        stdout=inner,
        stderr=inner if stderr is None else stderr,
        env=dict(environment),
        cwd=directory,
        pass_fds=pass_fds,
        start_new_session=True,
        preexec_fn=adopt,  # noqa: PLW1509 - no threads here
    )
    opened = Terminal(process, outer, inner, size, begun)
    try:
        yield opened
    finally:
        opened.close()


def _set_size(fd: int, columns: int, rows: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
