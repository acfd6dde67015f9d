"""Styled lines as the bytes a terminal takes (ECMA-48, SGR), in as many colours as it has.

Which colours a terminal has, and which come nearest where it has fewer, is decided as Rich does, which draws
for the application: the same picture looks the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache

from tui.view.cells import Line, merged
from tui.view.theme import PALETTES, Paint


class Colours(StrEnum):
    """How many a terminal has."""

    NONE = "none"
    SIXTEEN = "16"
    PALETTE = "256"
    TRUE = "true"


def colours_of(environment: Mapping[str, str]) -> Colours:
    """What the environment says of the terminal."""
    if environment.get("NO_COLOR"):  # https://no-color.org
        return Colours.NONE
    if environment.get("COLORTERM", "").strip().lower() in {"truecolor", "24bit"}:
        return Colours.TRUE
    kind = environment.get("TERM", "").strip().lower().rpartition("-")[2]
    return Colours.PALETTE if kind in {"256color", "kitty"} else Colours.SIXTEEN


def painted(line: Line, palette: str, colours: Colours) -> str:
    """The line as text with control sequences; no style lasts beyond it."""
    parts = []
    for text, style in merged(line):
        codes = sgr(PALETTES[palette].styles[style], colours)
        parts.append(f"\x1b[{codes}m{text}\x1b[0m" if codes else text)
    return "".join(parts)


@lru_cache(maxsize=256)
def sgr(paint: Paint, colours: Colours) -> str:
    """The parameters of SGR for a paint; empty where there is nothing to choose."""
    attributes = {"1": paint.bold, "2": paint.dim, "7": paint.reverse}
    chosen = [code for code, wanted in attributes.items() if wanted]
    if colours is not Colours.NONE:
        chosen += [
            _colour(colour, colours, offset)
            for colour, offset in ((paint.foreground, 0), (paint.background, _BACKGROUND))
            if colour is not None
        ]
    return ";".join(chosen)


_BACKGROUND = 10
"""Added to the code of a foreground."""

_NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")


def _colour(name: str, colours: Colours, offset: int) -> str:
    if name.startswith("ansi_"):
        hue = name.removeprefix("ansi_")
        bright = hue.startswith("bright_")
        return _ansi(_NAMES.index(hue.removeprefix("bright_")) + 8 * bright, offset)
    red, green, blue = (int(name[at : at + 2], 16) for at in (1, 3, 5))
    if colours is Colours.TRUE:
        return f"{38 + offset};2;{red};{green};{blue}"
    if colours is Colours.PALETTE:
        return f"{38 + offset};5;{_of_256(red, green, blue)}"
    return _ansi(_of_16(red, green, blue), offset)


def _ansi(number: int, offset: int) -> str:
    return str((30 + number if number < 8 else 82 + number) + offset)


def _of_256(red: int, green: int, blue: int) -> int:
    """The number in xterm's palette: of its grey ramp where the colour is nearly grey, else of its cube."""
    least, most = min(red, green, blue) / 255, max(red, green, blue) / 255
    span, both = most - least, most + least
    saturation = 0.0 if span == 0 else span / (both if both <= 1 else 2 - both)
    if saturation < 0.15:
        grey = round(both / 2 * 25)
        return {0: 16, 25: 231}.get(grey, 231 + grey)
    # The cube has its steps at 0, 95, 135, 175, 215, 255.
    steps = [round(part / 95 if part < 95 else 1 + (part - 95) / 40) for part in (red, green, blue)]
    return 16 + 36 * steps[0] + 6 * steps[1] + steps[2]


_SIXTEEN = (
    (0, 0, 0), (170, 0, 0), (0, 170, 0), (170, 85, 0), (0, 0, 170), (170, 0, 170), (0, 170, 170),
    (170, 170, 170), (85, 85, 85), (255, 85, 85), (85, 255, 85), (255, 255, 85), (85, 85, 255),
    (255, 85, 255), (85, 255, 255), (255, 255, 255),
)  # fmt: skip


def _of_16(red: int, green: int, blue: int) -> int:
    """The nearest of the sixteen, by a distance weighted as the eye does (compuphase.com/cmetric.htm)."""

    def distance(number: int) -> int:
        other = _SIXTEEN[number]
        mean = (red + other[0]) // 2
        by = (red - other[0], green - other[1], blue - other[2])
        return ((512 + mean) * by[0] * by[0] >> 8) + 4 * by[1] * by[1] + ((767 - mean) * by[2] * by[2] >> 8)

    return min(range(len(_SIXTEEN)), key=distance)
