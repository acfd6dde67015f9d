"""The hop table: one row for each TTL and each further responder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual.geometry import Size
from textual.message import Message

from tui.scene import Scene, TargetScene
from tui.view.cells import Line
from tui.view.columns import available, chosen
from tui.view.rows import Context, Row, arranged, build, matching
from tui.view.style import Style
from tui.view.table import Layout, header_line, lay_out, row_line
from tui.widgets.lines import Lines


class HopTable(Lines):
    """Draws the rows; a click selects a hop."""

    class Selected(Message):
        """The user picked a hop."""

        def __init__(self, ttl: int, ordinal: int) -> None:
            super().__init__()
            self.ttl = ttl
            self.ordinal = ordinal

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.rows: tuple[Row, ...] = ()
        """What is on the screen, from the top."""

    def lines_of(self, scene: Scene, size: Size) -> Sequence[Line]:
        target = scene.target
        if target is None:
            return ()
        self.rows = rows_of(scene, target)
        layout = layout_of(scene, size.width)
        return tuple(self._drawn(scene, target, layout))

    def _drawn(self, scene: Scene, target: TargetScene, layout: Layout) -> Iterator[Line]:
        look = scene.look
        yield header_line(layout, look.glyphs, look.sorted_by)
        for row in self.rows:
            line = row_line(row, layout, look.glyphs)
            chosen_row = row.ttl == target.selected and row.key[1] == target.ordinal
            yield tuple((text, Style.SELECTED) for text, _ in line) if chosen_row else line


def layout_of(scene: Scene, width: int) -> Layout:
    """The user's columns in this width; those without data are left out."""
    columns = available(chosen(scene.look.columns), scene.facts)
    return lay_out(columns, width, scene.look.widths)


def rows_of(scene: Scene, target: TargetScene) -> tuple[Row, ...]:
    """The rows as the user wants to see them."""
    look = scene.look
    context = Context(
        probes=target.history.last(),
        address_mode=look.address_mode,
        most_hosts=look.most_hosts,
    )
    rows = build(target.snapshot, context)
    if look.needle:
        rows = matching(rows, look.needle)
    if look.sorted_by is not None:
        column_id, order = look.sorted_by
        key = next(column.sort_key for column in chosen(look.columns) if column.id == column_id)
        rows = arranged(rows, key, order)
    return rows
