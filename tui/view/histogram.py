"""How round-trip times are distributed: a bar for each bin, with the percentiles marked where they fall."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from math import exp, log

from tui.view import format as fmt
from tui.view.cells import Align, Line, fit, fit_line
from tui.view.glyphs import UNICODE, Glyphs
from tui.view.strings import say
from tui.view.style import Style

_LONG_TAIL = 10
"""From this ratio of the worst to the best time on, bins grow by a factor instead of a difference."""

Bin = tuple[float, float, int]
"""From, below (the last one: up to and with), how many."""


def bins(samples_ns: Sequence[int], count: int) -> tuple[Bin, ...]:
    """Distribute the samples over at most ``count`` bins; none without samples."""
    if not samples_ns or count <= 0:
        return ()
    low, high = min(samples_ns), max(samples_ns)
    if low == high:
        return ((float(low), float(high), len(samples_ns)),)
    edges = _edges(low, high, count)
    counts = [0] * count
    for sample in samples_ns:
        counts[_bin(sample, edges)] += 1
    return tuple(zip(edges, edges[1:], counts, strict=False))


def _edges(low: int, high: int, count: int) -> list[float]:
    if low > 0 and high / low >= _LONG_TAIL:
        step = log(high / low) / count
        inner = [low * exp(step * index) for index in range(1, count)]
    else:
        inner = [low + (high - low) * index / count for index in range(1, count)]
    return [float(low), *inner, float(high)]


def _bin(value: float, edges: Sequence[float]) -> int:
    return max(0, min(len(edges) - 2, bisect_right(edges, value) - 1))


def histogram(
    samples_ns: Sequence[int],
    width: int,
    height: int,
    percentiles: Mapping[str, float] | None = None,
    glyphs: Glyphs = UNICODE,
) -> tuple[Line, ...]:
    """At most ``height`` lines of exactly ``width`` cells, the shortest times on top.

    ``percentiles`` maps labels such as ``p50`` to nanoseconds; each stands behind the bar of its bin.
    """
    if width <= 0 or height <= 0:
        return ()
    found = bins(samples_ns, height)
    if not found:
        return (fit_line(((say("chart.empty"), Style.MUTED),), width, glyphs.ellipsis),)
    edges = [found[0][0], *(high for _, high, _ in found)]
    marks: dict[int, list[str]] = {}
    for name, value in (percentiles or {}).items():
        marks.setdefault(_bin(value, edges), []).append(name)
    most = max(number for _, _, number in found)
    return tuple(_bar(found[index], most, marks.get(index, []), width, glyphs) for index in range(len(found)))


def _bar(found: Bin, most: int, marks: Sequence[str], width: int, glyphs: Glyphs) -> Line:
    low, _, number = found
    label = f"{fit(fmt.ms(low), fmt.NUMBER_WIDTH, Align.RIGHT)} "
    aside = f" {fmt.count(number)}"
    told = f" {glyphs.percentile}{' '.join(marks)}" if marks else ""
    room = max(width - len(label) - len(aside) - len(told), 0)
    # Something that is there is never drawn as nothing.
    length = max(1, round(number * room / most)) if number else 0
    line = (
        (label, Style.LABEL),
        (glyphs.bar * min(length, room), Style.BAR),
        (aside, Style.VALUE),
        (told, Style.PERCENTILE),
    )
    return fit_line(tuple(segment for segment in line if segment[0]), width, glyphs.ellipsis)
