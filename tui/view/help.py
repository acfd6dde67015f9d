"""The help: every command that is offered with its keys, the columns, and what marks and colours mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from tui.view.cells import Line, cell_width, clip_line, fit
from tui.view.columns import COLUMNS, available
from tui.view.commands import keys_of, offered
from tui.view.facts import Fact
from tui.view.glyphs import Glyphs
from tui.view.strings import say
from tui.view.style import SEVERITY_STYLES, Severity, Style

_FIRST, _SECOND = 16, 24
"""Cells of keys and of titles."""

Keys = Mapping[str, tuple[str, ...]]
"""Keys by command id, where the user chose others."""


def help_lines(facts: Iterable[Fact], keys: Keys, width: int, glyphs: Glyphs) -> tuple[Line, ...]:
    """All of it, in lines of at most ``width`` cells."""
    known = frozenset(facts)
    lines = (*_commands(known, keys, width), *_marks(width, glyphs), *_columns(known, width))
    return tuple(clip_line(line, width, glyphs.ellipsis) for line in lines)


def _commands(facts: frozenset[Fact], keys: Keys, width: int) -> Iterator[Line]:
    for group, commands in groupby(offered(facts), key=lambda command: command.group):
        yield from _heading(group.heading)
        for command in commands:
            bound = keys_of(command, keys)
            told = "  ".join(bound) if bound else say("help.no-key")
            yield from _entry((told, Style.KEY if bound else Style.MUTED), command.title, command.help, width)


def _marks(width: int, glyphs: Glyphs) -> Iterator[Line]:
    yield from _heading(say("help.marks"))
    for severity in Severity:
        mark = (glyphs.severity[severity], SEVERITY_STYLES[severity])
        yield from _entry(mark, say(f"severity.{severity}"), say(f"help.severity.{severity}"), width)
    for char, style, text in (
        (glyphs.loss, Style.LOSS, say("help.loss-mark")),
        (glyphs.silent, Style.MUTED, say("help.silent-mark")),
        (glyphs.branch, Style.MUTED, say("help.branch-mark")),
    ):
        yield from _entry((char, style), text, "", width)


def _columns(facts: frozenset[Fact], width: int) -> Iterator[Line]:
    yield from _heading(say("help.columns"))
    for column in available(COLUMNS.values(), facts):
        yield from _entry((column.id, Style.KEY), column.header, column.help, width)


def _heading(text: str) -> Iterator[Line]:
    yield ()
    yield ((text, Style.TITLE),)


def _entry(lead: tuple[str, Style], title: str, text: str, width: int) -> Iterator[Line]:
    """One entry: its explanation beside it, in as many lines as it takes, or below where that is narrow."""
    first: Line = ((f" {fit(lead[0], _FIRST - 2)} ", lead[1]), (title, Style.STRONG))
    room = width - _FIRST - _SECOND
    if room < _SECOND:
        yield first
        for part in wrapped(text, max(width - 4, 1)):
            yield (("    ", Style.TEXT), (part, Style.MUTED))
        return
    parts = wrapped(text, room)
    yield (first[0], (f"{fit(title, _SECOND - 1)} ", Style.STRONG), (parts[0] if parts else "", Style.TEXT))
    for part in parts[1:]:
        yield ((" " * (_FIRST + _SECOND), Style.TEXT), (part, Style.TEXT))


def wrapped(text: str, width: int) -> list[str]:
    """A text in lines of at most ``width`` cells, broken between words; a longer word stays whole."""
    lines: list[str] = []
    for word in text.split():
        if lines and cell_width(lines[-1]) + 1 + cell_width(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
