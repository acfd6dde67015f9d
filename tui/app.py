"""The application: one source of events, one screen that draws them, and a terminal left as it was found."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.filter import NoColor

from tui.scene import Look, colourless
from tui.screens.main import MainScreen
from tui.source import Source, end
from tui.theme import register

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.driver import Driver
    from textual.filter import LineFilter

    from tui.early_terminal import EarlyTerminal

_WITHOUT_COLOUR = (NoColor(),)


class HopscopeApp(App[None]):
    """Runs the source beside the screen; ends when the user quits."""

    TITLE = "hopscope"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    """The palette is ours: it lists the registry's commands."""

    def __init__(
        self,
        source: Source,
        look: Look | None = None,
        tracing: asyncio.Task[None] | None = None,
        early: EarlyTerminal | None = None,
        settings_file: Path | None = None,
    ) -> None:
        look = look or Look()
        self._colourless = bool(os.environ.get("NO_COLOR"))
        super().__init__()
        self.source = source
        self._look = colourless(look) if self._colourless else look
        register(self)
        # Before the style sheets are read: they would be read again for another theme.
        self.set_reactive(App.theme, f"hopscope-{self._look.palette}")
        self.stylesheet.set_variables(self.get_css_variables())
        self._refresh_truecolor_filter(self.ansi_theme)
        self._main = MainScreen(source, self._look, settings_file)
        self._tracing = tracing
        """The source at work; None where it has still to be started."""
        self.early = early
        """Who has the terminal and shows the first picture on it."""
        self.failure: BaseException | None = None
        """What ended the source or the screen early."""

    @property
    def last_words(self) -> str:
        """What the user wants to stay on the terminal."""
        return self._main.last_words

    def get_driver_class(self) -> type[Driver]:
        """Draw on stdout where there is a terminal of our kind."""
        if sys.platform == "win32":
            return super().get_driver_class()
        from tui.terminal import TerminalDriver  # noqa: PLC0415 - needs termios

        return TerminalDriver

    @property
    def terminal_is_busy(self) -> bool:
        """The terminal has not taken yet what was drawn last."""
        return bool(getattr(self._driver, "busy", False))

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Not Textual's, which turn ANSI colours into others, and for NO_COLOR colours into greys."""
        return _WITHOUT_COLOUR if self._colourless else ()

    def on_mount(self) -> None:
        """Show the picture; the trace starts beside it, where it has not yet."""
        self.push_screen(self._main)
        if self._tracing is None:
            self._tracing = asyncio.create_task(self.source.run(), name="trace")
        self._watching = asyncio.create_task(self._watch(self._tracing), name="watch")

    async def _watch(self, tracing: asyncio.Task[None]) -> None:
        try:
            await tracing
        except Exception as error:  # noqa: BLE001 - told to the user, whatever it is
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """End because of this; whoever started the application tells the user."""
        self.failure = self.failure or error
        self.exit(return_code=1)

    async def on_unmount(self) -> None:
        """Leave nothing running: the trace tells its end, unless it has not begun."""
        if self._tracing is not None:
            await end(self.source, self._tracing)
        if self._main.recording is not None:
            self._main.recording.close()

    # What Textual does when something fails: it prints a page of source code and local variables.

    def _handle_exception(self, error: Exception) -> None:
        self.failure = self.failure or error
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        self._close_messages_no_wait()

    def panic(self, *renderables: Any) -> None:
        """Textual cannot read the terminal any more."""
        self.fail(sys.exception() or RuntimeError(f"no keys can be read, {len(renderables)} reasons"))
