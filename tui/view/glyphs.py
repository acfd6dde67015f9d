"""The characters drawings are made of, in Unicode and in ASCII."""

from __future__ import annotations

import msgspec

from tui.view.style import Severity


class Glyphs(msgspec.Struct, frozen=True, kw_only=True):
    """One set of drawing characters, each one cell wide."""

    name: str
    ellipsis: str
    levels: str
    """Bars of growing height; the first stands for the least value, not for none."""
    loss: str
    """A lost probe: like no level."""
    silent: str
    """No answer yet, or none at all."""
    separator: str
    """Between the parts of a line, with its blanks."""
    arrow: str
    vertical: str
    horizontal: str
    corner: str
    tick: str
    bar: str
    percentile: str
    heat: str
    """One character per heat level, so that colour is not needed to tell them apart."""
    severity: dict[Severity, str]
    branch: str
    """Before a further responder of a hop."""
    more_left: str
    """Further tabs on this side."""
    more_right: str
    ticked: str
    unticked: str
    sort_up: str
    sort_down: str
    micro: str
    dots: str
    """Characters of a chart without braille: an ordinary line, the selected one; empty means braille."""


UNICODE = Glyphs(
    name="unicode",
    ellipsis="…",
    levels="▁▂▃▄▅▆▇█",
    loss="×",  # noqa: RUF001 - a cross is what it is meant to be
    silent="·",
    separator=" · ",
    arrow="→",
    vertical="│",
    horizontal="─",
    corner="└",
    tick="┤",
    bar="█",
    percentile="◂",
    heat="·░▒▓█■",
    severity={
        Severity.ALARMING: "✖",
        Severity.WARNING: "▲",
        Severity.HARMLESS: "○",
        Severity.FINE: "●",
        Severity.UNKNOWN: "?",
    },
    branch="├",
    more_left="‹",  # noqa: RUF001 - a quotation mark that points
    more_right="›",  # noqa: RUF001 - the same
    ticked="■",
    unticked="□",
    sort_up="▴",
    sort_down="▾",
    micro="µ",
    dots="",
)

ASCII = Glyphs(
    name="ascii",
    ellipsis="~",
    levels="_.-=+*%#",
    loss="x",
    silent=" ",
    separator=" | ",
    arrow=">",
    vertical="|",
    horizontal="-",
    corner="+",
    tick="+",
    bar="#",
    percentile="<",
    heat=".:-=+#",
    severity={
        Severity.ALARMING: "!",
        Severity.WARNING: "*",
        Severity.HARMLESS: "o",
        Severity.FINE: "+",
        Severity.UNKNOWN: "?",
    },
    branch="|",
    more_left="<",
    more_right=">",
    ticked="x",
    unticked="-",
    sort_up="^",
    sort_down="v",
    micro="u",
    dots=".#",
)

GLYPHS = {glyphs.name: glyphs for glyphs in (UNICODE, ASCII)}
