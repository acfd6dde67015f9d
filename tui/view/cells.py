"""Styled text as values: a segment is text and the name of its style, a line is a row of segments.

Widths are counted in terminal cells. All text is expected to be printable already (``tracer.text``); nothing
here reads markup.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from itertools import groupby
from operator import itemgetter

from tui.view.style import Style

Segment = tuple[str, Style]
Line = tuple[Segment, ...]

ELLIPSIS = "…"
BLANK: Line = ()

_STYLE = itemgetter(1)
_ZERO_WIDTH = frozenset({"Mn", "Me", "Cf", "Cc"})
_JAMO = ((0x1160, 0x11FF), (0xD7B0, 0xD7FF))
"""Vowels and final consonants of Hangul are drawn into the syllable they end."""


class Align(StrEnum):
    """Where text stands in a cell that is wider than it."""

    LEFT = "left"
    RIGHT = "right"


@lru_cache(maxsize=4096)
def char_width(char: str) -> int:
    """Cells that one character takes: 0, 1 or 2 (Unicode annex 11, ambiguous ones counted as narrow)."""
    if unicodedata.category(char) in _ZERO_WIDTH or any(low <= ord(char) <= high for low, high in _JAMO):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cell_width(text: str) -> int:
    """Cells that a text takes."""
    return len(text) if text.isascii() else sum(map(char_width, text))


def clip(text: str, width: int, ellipsis: str = ELLIPSIS) -> str:
    """``text`` in at most ``width`` cells; what had to be cut is told by the ellipsis, where that fits."""
    if cell_width(text) <= width:
        return text
    mark = ellipsis if cell_width(ellipsis) <= width else ""
    return _head(text, width - cell_width(mark)) + mark


def _head(text: str, width: int) -> str:
    used = 0
    for index, char in enumerate(text):
        used += char_width(char)
        if used > width:
            return text[:index]
    return text


def fit(text: str, width: int, align: Align = Align.LEFT, ellipsis: str = ELLIPSIS) -> str:
    """``text`` in exactly ``width`` cells (none when that is negative)."""
    clipped = clip(text, max(width, 0), ellipsis)
    padding = " " * (width - cell_width(clipped))
    return clipped + padding if align is Align.LEFT else padding + clipped


def wrapped(text: str, width: int) -> tuple[str, ...]:
    """``text`` broken at its blanks into lines of at most ``width`` cells; a longer word stays whole."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and cell_width(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return tuple(lines)


def line_width(line: Line) -> int:
    """Cells that a line takes."""
    return sum([cell_width(text) for text, _ in line])


def plain(line: Line) -> str:
    """A line without its styles."""
    return "".join(text for text, _ in line)


def clip_line(line: Line, width: int, ellipsis: str = ELLIPSIS) -> Line:
    """A line in at most ``width`` cells."""
    if line_width(line) <= width:
        return line
    clipped: list[Segment] = []
    left = max(width, 0)
    for index, (text, style) in enumerate(line):
        follows = any(text for text, _ in line[index + 1 :])
        needed = cell_width(text) + (cell_width(ellipsis) if follows else 0)
        if needed <= left:
            clipped.append((text, style))
            left -= cell_width(text)
            continue
        # Something is cut from here on, if only what follows: the mark for it has to stand here.
        marked = clip(text + ellipsis, left, ellipsis) if follows else clip(text, left, ellipsis)
        clipped.append((marked, style))
        break
    return tuple(segment for segment in clipped if segment[0])


def fit_line(line: Line, width: int, ellipsis: str = ELLIPSIS, fill: Style = Style.TEXT) -> Line:
    """A line in exactly ``width`` cells, filled up on the right."""
    taken = line_width(line)
    if taken > width:
        line = clip_line(line, width, ellipsis)
        taken = line_width(line)
    return (*line, (" " * (width - taken), fill)) if taken < width else line


def joined(lines: Iterable[Line], gap: Segment) -> Line:
    """Lines behind each other, with ``gap`` between them; empty ones are left out."""
    found: list[Segment] = []
    for line in lines:
        if line:
            found += [gap, *line] if found else line
    return tuple(found)


def merged(line: Iterable[Segment]) -> Line:
    """Neighbouring segments of one style made one."""
    found = []
    for style, run in groupby(line, _STYLE):
        if text := "".join([text for text, _ in run]):
            found.append((text, style))
    return tuple(found)
