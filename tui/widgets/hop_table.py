"""The hop table: one row for each TTL and each further responder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from textual import events
from textual.geometry import Size
from textual.message import Message

from tui.parts import layout_of, rows_of, selected_row, table_lines
from tui.scene import Scene, TargetScene
from tui.view.cells import Line
from tui.view.glyphs import Glyphs
from tui.view.rows import Row, RowKey
from tui.view.table import Layout, Placed, column_at, edge_at, row_line
from tui.widgets.lines import Lines

_HEADER = 1


class _Drag(msgspec.Struct, frozen=True):
    """A column whose edge is held by the mouse."""

    placed: Placed
    from_x: int


class HopTable(Lines):
    """Draws the rows. A click selects a hop, on the header it sorts; edges of headers can be dragged."""

    FIXED = _HEADER

    class Selected(Message):
        """The user picked a hop."""

        def __init__(self, ttl: int, ordinal: int) -> None:
            super().__init__()
            self.ttl = ttl
            self.ordinal = ordinal

    class HeaderClicked(Message):
        """The user picked a column."""

        def __init__(self, column_id: str) -> None:
            super().__init__()
            self.column_id = column_id

    class Resized(Message):
        """The user pulled a column to a width."""

        def __init__(self, column_id: str, width: int) -> None:
            super().__init__()
            self.column_id = column_id
            self.width = width

    class Opened(Message):
        """The user wants to know more of the selected hop."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.rows: tuple[Row, ...] = ()
        """What is on the screen, from the top."""
        self._layout_now: Layout = ()
        self._rows_of: tuple[object, ...] = ()
        self._drawn: dict[RowKey, tuple[Row, Line]] = {}
        self._drawn_for: tuple[object, ...] = ()
        self._at: tuple[str, int | None, int] | None = None
        self._drag: _Drag | None = None
        self._dragged = False

    # Drawing

    def show(self, scene: Scene) -> None:
        super().show(scene)
        target = scene.target
        if target is not None and self.size.height and self._at != _cursor(target):
            self._at = _cursor(target)
            if (number := selected_row(self.rows, target)) is not None:
                self.reveal(number + _HEADER)

    def prepare(self, scene: Scene) -> Iterator[None]:
        if scene.target is not None and self.size:
            self._take(scene, scene.target, self.size.width - self._overflows)
            yield
            for _ in self._draw(scene, scene.target):
                yield

    def lines_of(self, scene: Scene, size: Size) -> Sequence[Line]:
        target = scene.target
        if target is None:
            self.rows, self._rows_of = (), ()
            return ()
        self._take(scene, target, size.width)
        return tuple(self._draw(scene, target))

    def _take(self, scene: Scene, target: TargetScene, width: int) -> None:
        """The rows and the columns; every event makes a new snapshot: the same one has the same rows."""
        source = (target.snapshot, scene.look)
        if len(self._rows_of) != 2 or any(a is not b for a, b in zip(source, self._rows_of, strict=True)):
            self.rows = rows_of(scene, target)
            self._rows_of = source
        self._layout_now = layout_of(scene, width)

    def _draw(self, scene: Scene, target: TargetScene) -> Iterator[Line]:
        drawn_for = (self._layout_now, scene.look.glyphs)
        if drawn_for != self._drawn_for:
            self._drawn, self._drawn_for = {}, drawn_for
        return table_lines(scene, target, self.rows, self._layout_now, self._kept_line)

    def _kept_line(self, row: Row, layout: Layout, glyphs: Glyphs) -> Line:
        """The line drawn last, where the row is the same."""
        known = self._drawn.get(row.key)
        if known is None or known[0] is not row:
            same = known is not None and known[0] == row
            line = known[1] if same and known else row_line(row, layout, glyphs)
            known = self._drawn[row.key] = (row, line)
        return known[1]

    # The mouse

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of the edge of a column."""
        self._dragged = False
        if event.y < _HEADER and (placed := edge_at(self._layout_now, event.x)) is not None:
            self._drag = _Drag(placed, event.screen_x)
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Pull the edge along."""
        if self._drag is None:
            return
        by = event.screen_x - self._drag.from_x
        if by or self._dragged:
            self._dragged = True
            # From where it began: the columns move while one of them is pulled.
            self.post_message(self.Resized(self._drag.placed.column.id, self._drag.placed.width + by))

    def on_mouse_up(self, _event: events.MouseUp) -> None:
        """Let go of the edge."""
        if self._drag is not None:
            self._drag = None
            self.release_mouse()

    def on_click(self, event: events.Click) -> None:
        """Sort by a header, select a row, open it with the second click."""
        if self._dragged:
            return
        if event.y < _HEADER:
            if (column := column_at(self._layout_now, event.x)) is not None:
                self.post_message(self.HeaderClicked(column.id))
            return
        number = self.line_at(event.y) - _HEADER
        if 0 <= number < len(self.rows):
            self.post_message(self.Selected(*self.rows[number].key))
            if event.chain == 2:
                self.post_message(self.Opened())


def _cursor(target: TargetScene) -> tuple[str, int | None, int]:
    return target.label, target.selected, target.ordinal
