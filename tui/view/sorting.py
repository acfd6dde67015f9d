"""How the user sorts the table: by a click on a header, or by keys from one column to the next."""

from __future__ import annotations

from collections.abc import Sequence

from tui.view.cells import Align
from tui.view.columns import Column
from tui.view.rows import Order

Sorting = tuple[str, Order] | None
"""Column id and direction; None for the order of the path."""

_TURNED = {Order.ASCENDING: Order.DESCENDING, Order.DESCENDING: Order.ASCENDING}


def first_order(column: Column) -> Order:
    """Names and the TTL from the least; of numbers the greatest is what one looks for."""
    return Order.ASCENDING if column.align is Align.LEFT or column.name == "ttl" else Order.DESCENDING


def clicked(now: Sorting, column: Column) -> Sorting:
    """A header was clicked: sort by it, then the other way, then by the path again."""
    if now is None or now[0] != column.id:
        return column.id, first_order(column)
    return reverse(now) if now[1] is first_order(column) else None


def following(now: Sorting, columns: Sequence[Column]) -> Sorting:
    """Sort by the next of ``columns``; after the last by the path again."""
    ids = [column.id for column in columns]
    at = ids.index(now[0]) + 1 if now is not None and now[0] in ids else 0
    return (columns[at].id, first_order(columns[at])) if at < len(columns) else None


def reverse(now: Sorting) -> Sorting:
    """The other way round; nothing where the path's order holds."""
    return None if now is None else (now[0], _TURNED[now[1]])
