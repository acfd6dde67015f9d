"""Help, palette and settings; starting over."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from tracer.errors import HopscopeError
from tui.actions.output import complain, tell
from tui.draft import Tab
from tui.source import LiveSource
from tui.view.strings import say

if TYPE_CHECKING:
    from tui.screens.main import MainScreen


def show_help(screen: MainScreen) -> None:
    """Open the help."""
    from tui.screens.help import HelpScreen  # noqa: PLC0415 - no dialog is on the first frame

    screen.app.push_screen(HelpScreen(screen))


def show_palette(screen: MainScreen) -> None:
    """Find a command by its name and run it."""
    from tui.screens.palette import PaletteScreen  # noqa: PLC0415 - no dialog is on the first frame

    def run(command_id: str | None) -> None:
        if command_id is not None:
            screen.action_run(command_id)

    screen.app.push_screen(PaletteScreen(screen), run)


def show_columns(screen: MainScreen) -> None:
    """Open the dialog of the columns."""
    from tui.screens.columns import ColumnsScreen  # noqa: PLC0415 - no dialog is on the first frame

    screen.app.push_screen(ColumnsScreen(screen))


def _show_settings(tab: Tab, screen: MainScreen, at: str = "") -> None:
    from tui.screens.settings import SettingsScreen  # noqa: PLC0415 - no dialog is on the first frame

    screen.app.push_screen(SettingsScreen(screen, tab, at))


def forget_names(screen: MainScreen) -> None:
    """Look everybody up again."""
    if isinstance(screen.source, LiveSource):
        screen.source.forget_names()
        tell(screen, say("told.names-forgotten"))


def write_settings(screen: MainScreen) -> None:
    """Write the configuration file; a replay leaves the options of a trace in it alone."""
    from tui.screens.settings import save_settings  # noqa: PLC0415 - no dialog is on the first frame

    source = screen.source
    save_settings(screen, source.config if isinstance(source, LiveSource) else None)


def start_over(screen: MainScreen) -> None:
    """Forget what was measured and begin again."""
    if isinstance(screen.source, LiveSource):
        screen.run_worker(_start_over(screen, screen.source), name="restart", exclusive=True)


async def _start_over(screen: MainScreen, source: LiveSource) -> None:
    try:
        await source.restart(source.config)
    except (HopscopeError, OSError) as error:
        complain(screen, str(error))
    else:
        tell(screen, say("told.started-over"))


ACTIONS: dict[str, Callable[[MainScreen], None]] = {
    "help": show_help,
    "palette": show_palette,
    "settings": partial(_show_settings, Tab.TUI),
    "settings-tui": partial(_show_settings, Tab.TUI),
    "settings-trace": partial(_show_settings, Tab.TRACE),
    "settings-dns": partial(_show_settings, Tab.TRACE, at="dns-resolve-method"),
    "settings-geoip": partial(_show_settings, Tab.TRACE, at="geoip-mmdb-file"),
    "settings-bindings": partial(_show_settings, Tab.BINDINGS),
    "settings-theme": partial(_show_settings, Tab.THEME),
    "settings-columns": show_columns,
    "save-settings": write_settings,
    "clear-trace-data": start_over,
    "clear-dns-cache": forget_names,
}
