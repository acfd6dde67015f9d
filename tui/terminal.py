"""The terminal the application draws on: stdout, whatever stderr is, and never one that holds the trace up.

Textual draws on stderr, so that ``2> file`` would take the screen away, and waits for its writer when it
ends, so that a terminal that takes nothing any more (a stalled connection, a closed window) would keep the
process.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from tui.early_terminal import ALTERNATE_SCREEN, CANCEL, LAST_WORDS_S, SCREEN

if TYPE_CHECKING:
    from io import TextIOWrapper

    from tui.app import HopscopeApp


class Output:
    """Bytes to a terminal: all of them, or none any more once it is gone."""

    def __init__(self, fd: int, gone: Callable[[], None]) -> None:
        self.taken = 0
        """So many texts were written, or had nowhere to go."""
        self._fd = fd
        self._gone: Callable[[], None] | None = gone

    def write(self, text: str) -> None:
        """Write all of it; blocks while the terminal takes nothing."""
        rest = memoryview(text.encode("utf-8", "replace"))
        while rest and self._gone is not None:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:
                select.select([], [self._fd], [])
            except OSError:
                gone, self._gone = self._gone, None
                gone()
        self.taken += 1

    def flush(self) -> None:
        """Nothing is held back."""


class TerminalDriver(LinuxDriver):
    """Textual's driver for POSIX, on stdout."""

    def __init__(self, app: HopscopeApp, **options: Any) -> None:
        super().__init__(app, **options)
        self._application = app
        self._given = 0
        self._output = Output(SCREEN, self._hung_up)
        self._file = cast("TextIOWrapper[Any]", self._output)
        self._early = app.early
        """Who has the terminal; None where that is this driver."""

    def start_application_mode(self) -> None:
        """Take the terminal, without a trace of the change where it shows the picture already."""
        super().start_application_mode()  # type: ignore[no-untyped-call]  # Textual's
        if self._early is not None:
            self.attrs_before = self._early.hand_over()
            self._early = None

    @property
    def busy(self) -> bool:
        """The terminal has not taken yet what was drawn last."""
        return self._given > self._output.taken

    def write(self, data: str) -> None:
        if self._early is not None and data == ALTERNATE_SCREEN:
            # Entering again would clear it; whatever was cut off in the middle is drawn again.
            data = CANCEL + data if self._early.busy else ""
        self._given += 1
        super().write(data)

    def _run_input_thread(self) -> None:
        try:
            self._obey_early_keys()
            self.run_input_thread()
        except OSError:
            self._hung_up()
        except Exception as error:  # noqa: BLE001 - told to the user, whatever it is
            self._loop.call_soon_threadsafe(self._application.fail, error)

    def _obey_early_keys(self) -> None:
        """What was typed before there was anybody to obey."""
        typed = "" if self._early is None else self._early.typed.decode("utf-8", "ignore")
        parser = XTermParser(self._debug)
        for data in (typed, "")[not typed :]:  # the empty one ends it, if in the middle of a key
            try:
                for event in parser.feed(data):
                    self.process_message(event)
            except ParseError:
                return

    def _hung_up(self) -> None:
        """Reading or writing failed: whoever should have sent us SIGHUP did not. Called by their threads."""
        os.kill(os.getpid(), signal.SIGHUP)

    def close(self) -> None:
        """Wait for the last words, but not for a terminal that does not listen."""
        if (writer := self._writer_thread) is not None:
            threading.Thread(target=writer.stop, daemon=True).start()
            writer.join(LAST_WORDS_S)
