"""The hop table: one row for each TTL and each further responder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from textual import events
from textual.geometry import Size
from textual.message import Message

from tui.scene import Scene, TargetScene
from tui.view.about import context
from tui.view.cells import Line
from tui.view.columns import COLUMNS, available, chosen
from tui.view.rows import Context, Row, RowKey, arranged, build, matching
from tui.view.style import Style
from tui.view.table import Layout, Placed, column_at, edge_at, header_line, lay_out, row_line
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
            if (number := self._row_number(target)) is not None:
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
        look = scene.look
        drawn_for = (self._layout_now, look.glyphs)
        if drawn_for != self._drawn_for:
            self._drawn, self._drawn_for = {}, drawn_for
        selected = self._row_number(target)
        yield header_line(self._layout_now, look.glyphs, look.sorted_by)
        for number, row in enumerate(self.rows):
            known = self._drawn.get(row.key)
            if known is None or known[0] is not row:
                same = known is not None and known[0] == row
                line = known[1] if same and known else row_line(row, self._layout_now, look.glyphs)
                known = self._drawn[row.key] = (row, line)
            line = known[1]
            yield tuple((text, Style.SELECTED) for text, _ in line) if number == selected else line

    def _row_number(self, target: TargetScene) -> int | None:
        """The selected row: the responder's, or its hop's where that is not shown."""
        keys = [row.key for row in self.rows]
        for key in ((target.selected, target.ordinal), (target.selected, 0)):
            if key in keys:
                return keys.index(key)
        return None

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


def layout_of(scene: Scene, width: int) -> Layout:
    """The user's columns in this width; those without data are left out."""
    columns = available(chosen(scene.look.columns), scene.facts)
    return lay_out(columns, width, scene.look.widths)


_DIRECTIONS = frozenset("FBD")
"""Columns that need ``History.directions``, which costs more than the rest of the table."""


def context_of(scene: Scene, target: TargetScene) -> Context:
    """What rows show beside the snapshot."""
    look = scene.look
    wanted = _DIRECTIONS.intersection(look.columns)
    ttls = [int(hop.ttl) for hop in target.snapshot.hops] if wanted else []
    return msgspec.structs.replace(
        context(target.snapshot, look.address_mode),
        probes=target.history.last(),
        directions=target.history.directions(ttls) if wanted else {},
        most_hosts=look.most_hosts,
    )


def rows_of(scene: Scene, target: TargetScene) -> tuple[Row, ...]:
    """The rows as the user wants to see them."""
    look = scene.look
    rows = build(target.snapshot, context_of(scene, target))
    if look.needle:
        rows = matching(rows, look.needle)
    if look.sorted_by is not None:
        column_id, order = look.sorted_by
        rows = arranged(rows, COLUMNS[column_id].sort_key, order)
    return rows
