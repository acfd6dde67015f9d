"""The application: one source of events, one screen that draws them, and a terminal left as it was found."""

from __future__ import annotations

from textual.app import App

from tui.scene import Look
from tui.screens.main import MainScreen
from tui.source import Source
from tui.theme import register


class HopscopeApp(App[None]):
    """Runs the source beside the screen; ends when the user quits."""

    TITLE = "hopscope"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    """The palette is ours: it lists the registry's commands."""

    def __init__(self, source: Source, look: Look | None = None) -> None:
        super().__init__()
        self.source = source
        self._look = look or Look()
        self.failure: BaseException | None = None
        """What ended the source early."""

    def on_mount(self) -> None:
        """Show the picture first; the trace starts beside it."""
        register(self)
        self.theme = f"hopscope-{self._look.palette}"
        self.push_screen(MainScreen(self.source, self._look))
        self.run_worker(self._trace(), name="trace", exclusive=True, exit_on_error=False)

    async def _trace(self) -> None:
        try:
            await self.source.run()
        except Exception as error:  # noqa: BLE001 - shown to the user, whatever it is
            self.failure = error
            self.exit()

    async def on_unmount(self) -> None:
        """Leave nothing running."""
        self.source.stop()
