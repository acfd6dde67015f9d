"""The command palette: which commands a few typed letters mean, best first."""

from __future__ import annotations

from collections.abc import Sequence

from tui.view.cells import Line, cell_width, fit, fit_line
from tui.view.commands import Command, keys_of
from tui.view.glyphs import Glyphs
from tui.view.help import Keys
from tui.view.style import Style

_TITLE = 24


def found(commands: Sequence[Command], needle: str) -> tuple[Command, ...]:
    """The commands in which every typed word occurs: by title before by explanation, else in their order."""
    words = needle.casefold().split()
    ranked = [
        (rank, number)
        for number, command in enumerate(commands)
        if (rank := _rank(command, words)) is not None
    ]
    return tuple(commands[number] for _, number in sorted(ranked))


def _rank(command: Command, words: Sequence[str]) -> int | None:
    """0 where the title begins with what was typed; None where a word does not occur."""
    title = command.title.casefold()
    everything = f"{title} {command.id} {command.group.heading.casefold()} {command.help.casefold()}"
    if not all(word in everything for word in words):
        return None
    if title.startswith(" ".join(words)):
        return 0
    return 1 if all(word in title or word in command.id for word in words) else 2


def finder_line(command: Command, keys: Keys, width: int, glyphs: Glyphs, style: Style | None) -> Line:
    """One command in exactly ``width`` cells; ``style`` for all of it, where it is the chosen one."""
    told = " ".join(keys_of(command, keys))
    room = max(width - cell_width(told) - 2, 0)
    left = fit_line(
        ((f" {fit(command.title, _TITLE)} ", Style.STRONG), (command.help, Style.MUTED)),
        room,
        glyphs.ellipsis,
    )
    line = fit_line((*left, (f" {told} ", Style.KEY)), width, glyphs.ellipsis)
    return line if style is None else tuple((text, style) for text, _ in line)
