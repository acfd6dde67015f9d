"""Which line of the chart is which hop, beside the chart or in a line below it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tracer.stats.snapshot import HopSnapshot, TraceSnapshot
from tui.view import format as fmt
from tui.view.cells import Align, Line, clip_line, fit, fit_line
from tui.view.chart import View, style_of
from tui.view.glyphs import UNICODE, Glyphs
from tui.view.rows import Context, host_text
from tui.view.strings import say
from tui.view.style import Style

BESIDE_FROM = 100
"""From this width on the legend stands beside the chart."""

WIDTH = 34
"""Cells of a legend beside the chart."""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One hop."""

    ttl: int
    host: str
    """Printable."""
    last: str
    """Last round-trip time in ms."""
    style: Style


def keys(snapshot: TraceSnapshot, context: Context, selected: int | None) -> tuple[Key, ...]:
    """One for each hop, in their order. Mask the snapshot first."""
    return tuple(
        Key(
            ttl=hop.ttl,
            host=host_of(hop, context),
            last=fmt.ms(None if hop.rtt is None else hop.rtt.last_ns),
            style=style_of(hop.ttl, selected),
        )
        for hop in snapshot.hops
    )


def host_of(hop: HopSnapshot, context: Context) -> str:
    """The responder that answers most at a hop."""
    most = max(hop.responders, key=lambda responder: responder.received, default=None)
    return host_text(None if most is None else most.address, context)


def window(found: Sequence[Key], height: int) -> Sequence[Key]:
    """Those that fit in so many lines: of too many the ones about the selected hop, else the last."""
    height = max(height, 0)
    chosen = next((at for at, key in enumerate(found) if key.style is Style.CHART_SELECTED), len(found) - 1)
    first = min(max(chosen - height // 2, 0), max(len(found) - height, 0))
    return found[first : first + height]


def beside(found: Sequence[Key], height: int, glyphs: Glyphs = UNICODE) -> tuple[Line, ...]:
    """``height`` lines of exactly ``WIDTH`` cells, one for each hop of the ``window``."""
    lines = [_entry(key, glyphs) for key in window(found, height)]
    return (*lines, *(((" " * WIDTH, Style.TEXT),),) * (max(height, 0) - len(lines)))


def _entry(key: Key, glyphs: Glyphs) -> Line:
    room = WIDTH - 8 - fmt.NUMBER_WIDTH
    text = Style.SELECTED if key.style is Style.CHART_SELECTED else Style.TEXT
    return (
        (" ", Style.TEXT),
        (_sample(key, glyphs), key.style),
        (f"{key.ttl:>3} {fit(key.host, room, ellipsis=glyphs.ellipsis)} ", text),
        (fit(key.last, fmt.NUMBER_WIDTH, Align.RIGHT), text),
    )


def _sample(key: Key, glyphs: Glyphs) -> str:
    return (glyphs.dots[key.style is Style.CHART_SELECTED] if glyphs.dots else glyphs.horizontal) * 2


def below(found: Sequence[Key], width: int, glyphs: Glyphs = UNICODE) -> Line:
    """The TTLs in the styles of their lines, in exactly ``width`` cells."""
    line = [
        segment
        for key in found
        for segment in ((_sample(key, glyphs)[:1], key.style), (f"{key.ttl} ", _text_style(key)))
    ]
    return fit_line(tuple(line), width, glyphs.ellipsis)


def _text_style(key: Key) -> Style:
    return Style.STRONG if key.style is Style.CHART_SELECTED else Style.LABEL


def caption(hop: HopSnapshot | None, key: Key | None, view: View, width: int, glyphs: Glyphs) -> Line:
    """Whose losses are marked, how many there are, and what part of the time is shown."""
    line: list[tuple[str, Style]] = []
    if hop is not None and key is not None:
        name = say("chart.hop", ttl=hop.ttl, host=key.host)
        line = [
            (name, Style.STRONG),
            ("  ", Style.TEXT),
            (glyphs.loss, Style.LOSS),
            (f" {say('chart.lost', lost=hop.lost, closed=hop.received + hop.lost)}", Style.LABEL),
        ]
    if view.zoom > 1:
        line.append((f"  {say('chart.zoom', zoom=view.zoom)}", Style.CHANGED))
    if view.pan:
        line.append((f"  {say('chart.back')}", Style.CHANGED))
    return fit_line(clip_line(tuple(line), width, glyphs.ellipsis), width, glyphs.ellipsis)
