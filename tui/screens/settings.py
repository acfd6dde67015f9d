"""The settings dialog: pages of options, each a line; what can be applied at once is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.geometry import Size
from textual.widgets import Input, Label

from tracer.config import TraceConfig
from tracer.errors import HopscopeError
from tui import settings
from tui.draft import Draft, Item, Tab
from tui.scene import Scene
from tui.screens.dialog import Dialog
from tui.setting_lines import about_lines, apply_line, item_line, tab_at, tabs_line
from tui.source import LiveSource
from tui.view.cells import Line
from tui.view.strings import say
from tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from tui.screens.main import MainScreen


class SettingsScreen(Dialog[None], inherit_bindings=False):
    """Changes the look of the screen behind it and, when asked, what the trace runs with."""

    DEFAULT_CSS = """
    SettingsScreen #tabs { height: 1; }
    SettingsScreen #about { height: 2; background: $panel; }
    SettingsScreen Input { display: none; }
    SettingsScreen Input.-shown { display: block; }
    """

    AUTO_FOCUS = ""
    """The line to type into has the keyboard only while it is open."""

    BINDINGS: ClassVar[list[Any]] = [
        *Dialog.BINDINGS,
        Binding("tab", "page(1)", priority=True),
        Binding("shift+tab", "page(-1)", priority=True),
        Binding("up", "move(-1)"),
        Binding("down", "move(1)"),
        Binding("pageup", "move(-10)"),
        Binding("pagedown", "move(10)"),
        Binding("left", "turn(-1)"),
        Binding("right", "turn(1)"),
        Binding("enter,space", "change"),
        Binding("ctrl+s", "save", priority=True),
    ]

    def __init__(self, behind: MainScreen, tab: Tab, at: str = "") -> None:
        """Open a page, on the line of the option ``at`` where it has such a line."""
        super().__init__(behind)
        self.tab = tab
        self.asked = ""
        """What the line that starts over says, once it was pressed."""
        self.draft = Draft(look=behind.look, running=running_config(behind))
        self.cursor = next((line for line, item in enumerate(self.items) if item.key == at), 0)

    def compose(self) -> ComposeResult:
        """The names of the pages, the page, a line to type into, and the keys."""
        with Vertical(id="box") as box:
            box.border_title = say("settings.title")
            yield Sheet(lambda _, size: (tabs_line(self.tab, size.width),), id="tabs")
            yield Sheet(self._lines, id="items")
            yield Sheet(self._about, id="about")
            yield Input()
            yield Label(say("settings.keys"), markup=False, classes="keys")

    def on_mount(self) -> None:
        """Draw."""
        self.call_after_refresh(self._draw)

    # What is shown

    @property
    def items(self) -> tuple[Item, ...]:
        """The lines of the page."""
        return self.draft.items(self.tab)

    @property
    def _rows(self) -> int:
        """Items of the page, and the line that starts over."""
        return len(self.items) + (self.tab is Tab.TRACE)

    @property
    def item(self) -> Item | None:
        """What the cursor is on; None on the line that starts over."""
        return self.items[self.cursor] if self.cursor < len(self.items) else None

    def _lines(self, scene: Scene, size: Size) -> Sequence[Line]:
        ellipsis = scene.look.glyphs.ellipsis
        lines = [
            item_line(item, size.width, ellipsis, chosen=number == self.cursor)
            for number, item in enumerate(self.items)
        ]
        if self.tab is Tab.TRACE:
            lines.append(apply_line(self._apply_text(), size.width, ellipsis, chosen=self.item is None))
        return lines

    def _about(self, _scene: Scene, size: Size) -> Sequence[Line]:
        """All that is to be said of the chosen line, which may be cut in its place."""
        return () if self.item is None else about_lines(self.item, size.width)

    def _apply_text(self) -> str:
        if self.asked:
            return self.asked
        if not isinstance(self.behind.source, LiveSource):
            return say("settings.recorded")
        if self.draft.is_wrong:
            return say("settings.apply.wrong")
        return say("settings.apply.none" if self.draft.config == self.draft.running else "settings.apply")

    def _draw(self) -> None:
        scene = msgspec.structs.replace(self.scene, look=self.draft.look)
        for sheet in self.query(Sheet):
            sheet.show(scene)
        self.query_one("#items", Sheet).reveal(self.cursor)

    # What the user does

    def action_page(self, by: int) -> None:
        """Turn to another page."""
        tabs = [*Tab]
        self._open(tabs[(tabs.index(self.tab) + by) % len(tabs)])

    def _open(self, tab: Tab) -> None:
        self._close_input()
        self.tab, self.cursor, self.asked = tab, 0, ""
        self._draw()

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self.cursor = min(max(self.cursor + by, 0), self._rows - 1)
        self.asked = ""
        self._draw()

    def on_sheet_clicked(self, message: Sheet.Clicked) -> None:
        """A page is opened; a line is chosen, and changed when it was chosen already."""
        if message.sheet.id == "tabs":
            if (tab := tab_at(message.cell)) is not None:
                self._open(tab)
        elif message.number < self._rows:
            if message.number == self.cursor:
                self.action_change()
            else:
                self.action_move(message.number - self.cursor)

    def action_turn(self, by: int) -> None:
        """Take the next choice, or the one before."""
        if self.item is not None and self.item.choices and self._may_change:
            self._take(self.draft.turned(self.tab, self.item, by))

    @property
    def _may_change(self) -> bool:
        """What was recorded cannot be changed."""
        return self.tab is not Tab.TRACE or isinstance(self.behind.source, LiveSource)

    def action_change(self) -> None:
        """Take the next choice, or ask for a text; on the line that starts over, do so."""
        item = self.item
        if not self._may_change:
            return
        if item is None:
            self._start_over()
        elif item.choices:
            self.action_turn(1)
        else:
            line = self.query_one(Input)
            line.value = item.value
            line.placeholder = item.title
            line.add_class("-shown")
            line.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take over what was typed; a refused text stays to be mended."""
        item = self.item
        if item is None:
            return
        self._take(self.draft.put(self.tab, item.key, event.value))
        if not self.items[self.cursor].error:
            self._close_input()

    def _close_input(self) -> None:
        line = self.query_one(Input)
        line.remove_class("-shown")
        self.set_focus(None)

    def _take(self, draft: Draft) -> None:
        self.draft, self.asked = draft, ""
        self.behind.put_look(draft.look)
        self.behind.tick()
        self._draw()

    def action_leave(self) -> None:
        """Close what is open, the line first."""
        if self.query_one(Input).has_class("-shown"):
            self._close_input()
        elif self.asked:
            self.asked = ""
            self._draw()
        else:
            self.dismiss(None)

    def _start_over(self) -> None:
        source, config = self.behind.source, self.draft.config
        if not isinstance(source, LiveSource) or self.draft.is_wrong or config == self.draft.running:
            return
        if self.asked != say("settings.apply.sure"):
            self.asked = say("settings.apply.sure")
            self._draw()
            return
        self.asked = say("ask.working")
        self._draw()
        self.run_worker(self._restart(source, config), name="restart", exclusive=True)

    async def _restart(self, source: LiveSource, config: TraceConfig) -> None:
        try:
            await source.restart(config)
        except (HopscopeError, OSError) as error:
            self.asked = str(error)
            self._draw()
        else:
            self.notify(say("told.started-over"), markup=False)
            self.dismiss(None)

    def action_save(self) -> None:
        """Write all of it to the configuration file."""
        config = self.draft.config if isinstance(self.behind.source, LiveSource) else None
        if self.draft.is_wrong:
            self.notify(say("settings.apply.wrong"), severity="error", markup=False)
        else:
            save_settings(self.behind, config)


def running_config(screen: MainScreen) -> TraceConfig:
    """What the trace on the screen runs with, or was recorded with as far as this version knows it."""
    if isinstance(screen.source, LiveSource):
        return screen.source.config
    header = screen.source.bridge.header
    try:
        return msgspec.convert({} if header is None else header.config, TraceConfig)
    except (msgspec.ValidationError, HopscopeError):
        return TraceConfig()


def save_settings(screen: MainScreen, config: TraceConfig | None) -> None:
    """Write the configuration file and tell how it went."""
    try:
        path = settings.save(screen.look, config, screen.settings_file)
    except HopscopeError as error:
        screen.app.notify(str(error), severity="error", markup=False)
    else:
        screen.app.notify(say("told.settings-saved", path=path), markup=False)
