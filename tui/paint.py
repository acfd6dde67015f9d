"""Lines of the view models as strips of the terminal: the one place where style names meet colours."""

from __future__ import annotations

from functools import lru_cache

from rich.segment import Segment as RichSegment
from rich.style import Style as RichStyle
from textual.strip import Strip

from tui.view.cells import Line, merged
from tui.view.style import Style
from tui.view.theme import PALETTES, Paint


@lru_cache(maxsize=16)
def styles(palette: str) -> dict[Style, RichStyle]:
    """What every style name looks like in a palette."""
    return {name: _style(paint) for name, paint in PALETTES[palette].styles.items()}


def _style(paint: Paint) -> RichStyle:
    return RichStyle(
        color=_colour(paint.foreground),
        bgcolor=_colour(paint.background),
        bold=paint.bold or None,
        dim=paint.dim or None,
        reverse=paint.reverse or None,
    )


def _colour(name: str | None) -> str | None:
    """Rich's word for a colour of a palette."""
    return None if name is None else name.removeprefix("ansi_")


def strip(line: Line, looks: dict[Style, RichStyle]) -> Strip:
    """One line, ready for a widget; Textual takes time for every segment."""
    return Strip([RichSegment(text, looks[style]) for text, style in merged(line)])
