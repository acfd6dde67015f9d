"""The trace on the screen: header, the view the user chose, detail, keys.

The screen keeps what the user chose and which target and hop are selected; everything drawn is a function of
one ``Scene``. Commands are functions in ``tui.actions``, found by their id.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, cast

import msgspec
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import ContentSwitcher

from tui.actions import ACTIONS
from tui.actions.views import look_at_entry
from tui.export import RunningRecording
from tui.parts import VIEW_NAMES, offered_views
from tui.replay import ReplaySource
from tui.scene import Cursor, Look, Scene, TargetScene
from tui.slices import in_slices
from tui.source import Source, newest
from tui.view.column_choice import resized
from tui.view.columns import COLUMNS
from tui.view.commands import BY_ID, bindings
from tui.view.privacy import Privacy, mask
from tui.view.sorting import clicked
from tui.view.steps import Steps, finished
from tui.view.strings import say
from tui.view.verdict_line import Status
from tui.widgets import (
    VIEWS,
    Banner,
    Detail,
    Head,
    HopTable,
    Keys,
    Lines,
    LogView,
    Prompt,
    Scrubber,
    TargetPicked,
    Targets,
    ViewPicked,
    ViewTabs,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tui.app import HopscopeApp

_HOST = next(column.id for column in COLUMNS.values() if column.name == "host")


class Body(ContentSwitcher):
    """Where the views are, one at a time; nothing shows behind them."""

    BLANK = True


class MainScreen(Screen[None], inherit_bindings=False):
    """Draws the newest scene and carries out commands."""

    BINDINGS: ClassVar[list[Any]] = []
    BLANK = True
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (10, "-roomy")]  # noqa: RUF012 - Textual declares it so

    def __init__(self, source: Source, look: Look, settings_file: Path | None = None) -> None:
        super().__init__()
        self.source = source
        self.look = look
        self.settings_file = settings_file
        """Where settings are saved; None for the user's own file."""
        self.view = VIEW_NAMES[0]
        """Name of the view on the screen."""
        self.current = 0
        """Index of the target on the screen."""
        self.selected: dict[str, tuple[int | None, int]] = {}
        """Selected TTL and responder, by target."""
        self.cursors: dict[str, Cursor] = {}
        """What is looked at beside, by target."""
        self.hidden: frozenset[str] = frozenset()
        """Targets the user closed."""
        self.frozen: Scene | None = None
        """The picture that stands still, while frozen."""
        self.scene = Scene(targets=())
        self._drawn: tuple[object, ...] = ()
        self._drawing: Iterator[None] | None = None
        self.cell_column = _HOST
        """Id of the column whose cell is copied."""
        self.recording: RunningRecording | None = None
        """What the user asked to be recorded."""
        self.last_words = ""
        """What stays on the terminal when the program has ended."""
        self._bind()

    def compose(self) -> ComposeResult:
        """The parts from top to bottom."""
        yield Head(id="head")
        yield Banner(id="banner")
        yield Targets(id="targets")
        yield ViewTabs(id="views")
        yield Body(id="body")
        yield Detail(id="detail")
        yield Scrubber(id="scrubber")
        yield Prompt(id="needle")
        yield Keys(id="keys")

    def on_mount(self) -> None:
        """Draw at once, then on our own clock; nothing is drawn while nothing changes."""
        self.tick()
        self._pace = self.set_interval(self.look.refresh_ns / 1e9, self._redraw)

    # Drawing

    def _warn(self) -> None:
        """Tell once what this host is short of."""
        for warning in self.source.bridge.take_warnings():
            self.notify(warning, severity="warning", markup=False)

    async def _redraw(self) -> None:
        """Draw bit by bit, unless the terminal is slow and has the last picture to show yet.

        Whatever else draws in the meantime ends it: that picture is newer.
        """
        self._warn()
        if cast("HopscopeApp", self.app).terminal_is_busy or self._state() == self._drawn:
            return
        drawing = self._drawing = self._steps()
        await in_slices(drawing, lambda: self._drawing is drawing)

    def tick(self) -> None:
        """Draw at once if anything changed since the last time."""
        self._warn()
        if self._state() != self._drawn:
            self.draw()

    def _state(self) -> tuple[object, ...]:
        """What the picture depends on."""
        return (
            self.source.bridge.version if self.frozen is None else None,
            self.look,
            self.view,
            self.current,
            self.hidden,
            self.frozen,
            tuple(self.selected.items()),
            tuple(self.cursors.items()),
            self.source.playback(self._label),
        )

    def draw(self) -> None:
        """Draw the newest picture, or the one that stands still."""
        self._drawing = steps = self._steps()
        for _ in steps:
            pass

    def _steps(self) -> Iterator[None]:
        """Draw, with a pause wherever the loop may have its turn."""
        state = self._state()
        scene = yield from self._compose_scene()
        if self.view not in offered_views(scene):
            self.show_view(VIEW_NAMES[0])
            scene = msgspec.structs.replace(scene, view=self.view)
        self.scene = scene
        for part in (*self.query_children(Lines), self.body):
            yield from part.prepare(scene)
            part.show(scene)
            yield
        self.query_one(Body).current = self.view
        self._drawn = state

    @property
    def body(self) -> Lines:
        """The view on the screen. It is made when it is shown first: the first frame has one to make."""
        switcher = self.query_one(Body)
        if not switcher.query(f"#{self.view}"):
            (view,) = (view for view in VIEWS if view.name == self.view)
            switcher.mount(view.widget(id=view.name))
        return switcher.query_one(f"#{self.view}", Lines)

    def _compose_scene(self) -> Steps[Scene]:
        picture = (yield from self._newest(self.look)) if self.frozen is None else self._still(self.frozen)
        targets = tuple(map(self._with_selection, picture.targets))
        self.current = min(self.current, max(len(targets) - 1, 0))
        return msgspec.structs.replace(
            picture, targets=targets, current=self.current, look=self.look, view=self.view
        )

    def _newest(self, look: Look) -> Steps[Scene]:
        return newest(self.source, look, self.hidden, self._label)

    @property
    def _label(self) -> str | None:
        """Label of the target on the screen."""
        target = self.scene.target
        return None if target is None else target.label

    def _still(self, frozen: Scene) -> Scene:
        """The picture that stands still, masked as the user wants it now."""
        targets = tuple(
            msgspec.structs.replace(
                target,
                snapshot=mask(target.snapshot, self.look.privacy),
                entries=target.log.entries(self.look.privacy, everything=self.look.all_events),
            )
            for target in frozen.targets
            if target.label not in self.hidden
        )
        return msgspec.structs.replace(frozen, targets=targets)

    def _with_selection(self, target: TargetScene) -> TargetScene:
        selected, ordinal = self.selected.get(target.label, (None, 0))
        cursor = self.cursors.get(target.label, Cursor())
        return msgspec.structs.replace(target, selected=selected, ordinal=ordinal, cursor=cursor)

    def on_hop_table_selected(self, message: HopTable.Selected) -> None:
        """A hop was clicked."""
        self.select(message.ttl, message.ordinal)
        self.tick()

    def on_scrubber_sought(self, message: Scrubber.Sought) -> None:
        """A moment of the recording was clicked."""
        if isinstance(self.source, ReplaySource):
            self.source.seek(message.position_ns)
            self.tick()

    def on_log_view_picked(self, message: LogView.Picked) -> None:
        """An entry of the log was clicked."""
        if self.scene.target is not None:
            look_at_entry(message.entry, self.scene.target, self)
        self.tick()

    def on_hop_table_opened(self) -> None:
        """A hop was clicked twice."""
        self.change_look(details=True)
        self.tick()

    def on_hop_table_header_clicked(self, message: HopTable.HeaderClicked) -> None:
        """A column was clicked."""
        self.change_look(sorted_by=clicked(self.look.sorted_by, COLUMNS[message.column_id]))
        self.tick()

    def on_hop_table_resized(self, message: HopTable.Resized) -> None:
        """The edge of a column was pulled."""
        column = COLUMNS[message.column_id]
        self.change_look(widths=resized(self.look.widths, column, message.width))
        self.tick()

    def on_target_picked(self, message: TargetPicked) -> None:
        """A target was chosen."""
        self.current = message.index
        self.tick()

    def on_target_opened(self) -> None:
        """The target on the screen is wanted as a table."""
        self.show_view(VIEW_NAMES[0])
        self.tick()

    def on_view_picked(self, message: ViewPicked) -> None:
        """A view was chosen."""
        self.show_view(message.name)
        self.tick()

    # Commands

    def action_run(self, command_id: str) -> None:
        """Carry out a command, if what it needs is there."""
        missing = BY_ID[command_id].needs
        if missing is not None and missing not in self.scene.facts:
            self.notify(say(f"needs.{missing.value}"), markup=False)
        else:
            if (action := ACTIONS.get(command_id)) is not None:
                action(self)
            self.tick()

    def change_look(self, **choices: Any) -> None:
        """Take over a choice of the user."""
        self.put_look(msgspec.structs.replace(self.look, **choices))

    def put_look(self, look: Look) -> None:
        """Take over all choices of the user."""
        before, self.look = self.look, look
        if look.palette != before.palette:
            self.app.theme = f"hopscope-{look.palette}"
        if look.keys != before.keys:
            self._bind()
        if look.refresh_ns != before.refresh_ns:
            self._pace.stop()
            self._pace = self.set_interval(look.refresh_ns / 1e9, self._redraw)

    def _bind(self) -> None:
        """Give every key its command."""
        self._bindings.key_to_bindings.clear()
        for key, command in bindings(self.look.keys).items():
            self._bindings.bind(_textual_key(key), f"run('{command.id}')", command.title, show=False)

    def select(self, ttl: int | None, ordinal: int = 0) -> None:
        """Select a hop of the target on the screen."""
        target = self.scene.target
        if target is not None:
            self.selected = {**self.selected, target.label: (ttl, ordinal)}
            if ttl is None:
                self.look_at(Cursor())

    def look_at(self, cursor: Cursor) -> None:
        """Look at another entry or probe of the target on the screen."""
        target = self.scene.target
        if target is not None:
            self.cursors = {**self.cursors, target.label: cursor}

    def show_view(self, name: str) -> None:
        """Put another view on the screen."""
        self.view = name

    def freeze(self) -> None:
        """Let the picture stand still, or go on."""
        if self.frozen is not None:
            self.frozen = None
            return
        newest = finished(self._newest(msgspec.structs.replace(self.look, privacy=Privacy())))
        still = [
            msgspec.structs.replace(
                target, status=Status.FROZEN, history=target.history.still(), log=target.log.still()
            )
            for target in newest.targets
        ]
        self.frozen = msgspec.structs.replace(newest, targets=tuple(still))


def _textual_key(key: str) -> str:
    """Textual's name for a key of the registry."""
    return _KEY_NAMES.get(key, key)


_KEY_NAMES = {
    ",": "comma",
    ".": "full_stop",
    "/": "slash",
    "?": "question_mark",
    "=": "equals_sign",
    "-": "minus",
    "+": "plus",
    "_": "underscore",
    "]": "right_square_bracket",
    "[": "left_square_bracket",
    "}": "right_curly_bracket",
    "{": "left_curly_bracket",
    "(": "left_parenthesis",
    ")": "right_parenthesis",
    "<": "less_than_sign",
    ">": "greater_than_sign",
    "'": "apostrophe",
    '"': "quotation_mark",
}
