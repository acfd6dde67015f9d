"""Sparklines, charts, heat maps and histograms: as they look, and never outside their frame."""

# ruff: noqa: RUF001 - crosses are losses

from __future__ import annotations

from statistics import quantiles

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stats.logbook import MS, Log
from tests.tui.view.traces import history
from tui.view.canvas import Canvas
from tui.view.cells import Line, line_width, plain
from tui.view.chart import MAX_ZOOM, Series, View, chart, series_of
from tui.view.glyphs import ASCII, GLYPHS, UNICODE, Glyphs
from tui.view.heatmap import HeatRow, Span, heatmap, span_of
from tui.view.heatmap import picture as picture_of_heat
from tui.view.histogram import bins, histogram
from tui.view.sparkline import level, sparkline
from tui.view.style import Style

S = 1_000_000_000
outcomes = st.one_of(st.none(), st.integers(0, 10**12))
sizes = st.tuples(st.integers(-1, 90), st.integers(-1, 30))
glyph_sets = st.sampled_from(list(GLYPHS.values()))


def picture(lines: tuple[Line, ...]) -> str:
    return "\n".join(plain(line).rstrip() for line in lines)


def test_a_sparkline_draws_losses_as_losses() -> None:
    recent = (1, 2, None, 8, 4)
    assert sparkline(recent, 7) == (
        ("  ", Style.TEXT),
        ("▁▂", Style.SPARK),
        ("×", Style.LOSS),
        ("█▄", Style.SPARK),
    )
    assert plain(sparkline(recent, 7, ASCII)) == "  _.x#="


def test_a_sparkline_shows_the_newest() -> None:
    assert plain(sparkline((9, 9, 1, 2), 2)) == "▁█"
    assert sparkline((1, 2), 0) == ()
    assert plain(sparkline((), 3)) == "   "


def test_sparklines_of_one_scale_can_be_compared() -> None:
    assert plain(sparkline((5, 5), 2, scale_ns=(0, 10))) == "▅▅"


@given(st.lists(outcomes, max_size=50), st.integers(-2, 60), glyph_sets)
def test_a_sparkline_is_as_wide_as_asked(recent: list[int | None], width: int, glyphs: Glyphs) -> None:
    line = sparkline(recent, width, glyphs)
    assert line_width(line) == max(width, 0)


@given(st.floats(0, 1e12), st.floats(0, 1e12), st.floats(0, 1e12), st.integers(1, 9))
def test_a_level_exists(value: float, low: float, high: float, levels: int) -> None:
    assert 0 <= level(value, low, high, levels) < levels


def test_braille_dots_stand_where_unicode_puts_them() -> None:
    canvas = Canvas(1, 1, UNICODE)
    for x, y in ((0, 0), (1, 3)):
        canvas.dot(x, y, Style.CHART_0)
    canvas.dot(5, 5, Style.CHART_1)
    assert canvas.lines() == ((("\u2881", Style.CHART_0),),)


RISING = Series(3, tuple((second * S, second * MS) for second in range(1, 11)))
LOSSY = Series(5, ((1 * S, 8 * MS), (4 * S, None), (10 * S, 8 * MS)))


def test_a_chart_with_axes() -> None:
    assert picture(chart([RISING], 26, 6)) == "\n".join(  # noqa: FLY002 - one line of the picture each
        (
            " 10.0┤              ⢀⣀⡠⠤⠔⠉",
            "     │         ⢀⡠⠤⠊⠉⠁",
            " 3.33┤   ⣀⠤⠤⠒⠒⠉⠁",
            "0.000┤⠤⠊⠉",
            "     └────────────────────",
            "   ms -9.0s            now",
        )
    )


def test_a_chart_in_ascii_marks_the_selected_hop_and_its_losses() -> None:
    assert picture(chart([LOSSY, RISING], 24, 8, selected=5, glyphs=ASCII)).isascii()
    drawn = chart([LOSSY, RISING], 24, 8, selected=5, glyphs=ASCII)
    assert any("#" in plain(line) for line in drawn)
    assert sum(plain(line).count("x") for line in drawn) == 1
    assert [style for line in drawn for text, style in line if "x" in text] == [Style.LOSS]


def test_losses_of_other_hops_are_not_marked() -> None:
    assert "×" not in picture(chart([LOSSY, RISING], 24, 8))
    assert "×" in picture(chart([RISING, LOSSY], 24, 8))


def test_small_charts_go_without_axes() -> None:
    assert [line_width(line) for line in chart([RISING], 8, 3)] == [8, 8, 8]
    assert "ms" not in picture(chart([RISING], 8, 3))


def test_a_chart_without_samples_says_so() -> None:
    assert picture(chart([], 20, 3)) == "no samples yet\n\n"


def test_zoom_and_pan_stay_within_the_samples() -> None:
    view = View()
    assert view.window(0, 80) == (0, 80)
    assert view.zoomed_out() == view.earlier() == view.later() == view
    near = view.zoomed_in().zoomed_in()
    assert near.window(0, 80) == (60, 80)
    assert near.earlier().window(0, 80) == (55, 75)
    far = near
    for _ in range(100):
        far = far.earlier()
    assert far.window(0, 80) == (0, 20)
    for _ in range(100):
        near = near.zoomed_in()
    assert near.zoom == MAX_ZOOM


def test_only_closed_probes_are_on_the_chart() -> None:
    log = Log()
    log.answered(1, 1, 5 * MS)
    log.sent(1, 2)
    log.lost(1, 2)
    log.sent(1, 3)
    assert series_of(1, history(log).samples(1)) == Series(1, ((0, 5 * MS), (0, None)))


@settings(max_examples=80)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 10**12), outcomes), max_size=12), max_size=4),
    sizes,
    st.integers(1, 64),
    st.integers(0, 300),
    glyph_sets,
)
def test_a_chart_fills_its_frame_exactly(
    points: list[list[tuple[int, int | None]]], size: tuple[int, int], zoom: int, pan: int, glyphs: Glyphs
) -> None:
    series = [Series(ttl, tuple(sorted(line, key=lambda point: point[0]))) for ttl, line in enumerate(points)]
    drawn = chart(series, *size, View(zoom, pan), 1, glyphs)
    assert len(drawn) == max(size[1], 0)
    assert {line_width(line) for line in drawn} <= {max(size[0], 0)}


def rounds(log: Log, ttl: int, told: list[int | None]) -> None:
    for round_id, rtt_ms in enumerate(told):
        sequence = ttl * 100 + round_id
        log.sent(ttl, sequence, round_id)
        if rtt_ms is None:
            log.lost(ttl, sequence, round_id)
        elif rtt_ms >= 0:
            log.reply(ttl, sequence, rtt_ms * MS, round_id)


def heat_rows() -> list[HeatRow]:
    log = Log()
    rounds(log, 1, [1, 1, 2, 1])
    rounds(log, 2, [10, None, 32, -1])
    rounds(log, 3, [100, 100, 1000, None])
    kept = history(log)
    return [HeatRow(str(ttl), kept.samples(ttl)) for ttl in (1, 2, 3)]


def test_a_heat_map_shows_time_as_heat_and_losses_as_losses() -> None:
    drawn = heatmap(heat_rows(), 12, 5)
    assert [plain(line) for line in drawn] == ["  1     ····", "  2     ▒×▓ ", "  3     ██■×"]
    assert drawn[1][2:] == (("▒", Style.HEAT_2), ("×", Style.LOSS), ("▓", Style.HEAT_3), (" ", Style.TEXT))


def test_a_heat_map_joins_rounds_and_a_loss_wins() -> None:
    drawn = [plain(line) for line in heatmap(heat_rows(), 6, 9, Span(per_cell=2))]
    assert [line[-2:] for line in drawn] == ["··", "×█", "■×"]


def test_a_heat_map_goes_back_in_time() -> None:
    drawn = [plain(line) for line in heatmap(heat_rows(), 4, 9, Span(back=2))]
    assert drawn == ["  ··", "  ▓×", "  ■■"]


def test_the_whole_map_has_a_legend_and_an_axis() -> None:
    drawn = [plain(line).rstrip() for line in picture_of_heat(heat_rows(), 60)]
    assert drawn[0] == "·░▒▓█■ 1.00 to 1000 ms  × lost  a cell is 1 round"
    assert drawn[1:4] == [plain(line).rstrip() for line in heatmap(heat_rows(), 60, 3)]
    assert drawn[4].endswith("round 4")
    assert {line_width(line) for line in picture_of_heat(heat_rows(), 60)} == {60}
    assert {line_width(line) for line in picture_of_heat([], 10)} == {10}


def test_a_map_of_many_rounds_shows_all_of_them_and_zooms_to_single_ones() -> None:
    assert span_of(View(), (0, 99), 30) == Span(per_cell=4)
    assert span_of(View(zoom=2), (0, 99), 30) == Span(per_cell=2)
    assert span_of(View(zoom=64, pan=1), (0, 99), 30) == Span(per_cell=1, back=7)
    assert span_of(View(zoom=64, pan=252), (0, 99), 30) == Span(per_cell=1, back=70)


@settings(max_examples=80)
@given(
    st.lists(st.lists(st.one_of(st.none(), st.integers(-1, 9999)), max_size=12), max_size=5),
    sizes,
    st.integers(1, 5),
    st.integers(0, 20),
    glyph_sets,
)
def test_a_heat_map_stays_in_its_frame(
    told: list[list[int | None]], size: tuple[int, int], per_cell: int, back: int, glyphs: Glyphs
) -> None:
    log = Log()
    for ttl, outcome in enumerate(told, 1):
        rounds(log, ttl, outcome)
    kept = history(log)
    heat = [HeatRow(str(ttl), kept.samples(ttl)) for ttl in range(1, len(told) + 1)]
    drawn = heatmap(heat, *size, Span(per_cell, back), glyphs)
    assert len(drawn) <= max(size[1], 0)
    assert {line_width(line) for line in drawn} <= {max(size[0], 0)}


def test_a_histogram_marks_percentiles_in_their_bins() -> None:
    samples = [1 * MS, 1 * MS, 1 * MS, 2 * MS, 5 * MS]
    drawn = histogram(samples, 24, 4, {"p50": 1 * MS, "p99": 4_900_000})
    assert [plain(line).rstrip() for line in drawn] == [
        " 1.00 ███████████ 3 ◂p50",
        " 2.00 █████ 1",
        " 3.00  0",
        " 4.00 ████ 1 ◂p99",
    ]


def test_long_tails_get_bins_that_grow() -> None:
    edges = [low for low, _, _ in bins([1 * MS, 1000 * MS], 3)]
    assert [round(edge / MS) for edge in edges] == [1, 10, 100]


def test_equal_samples_share_one_bin_and_none_have_none() -> None:
    assert bins([7, 7], 5) == ((7.0, 7.0, 2),)
    assert bins([], 5) == bins([7], 0) == ()
    assert picture(histogram([], 20, 3)) == "no samples yet"


@given(st.lists(st.integers(0, 10**11), min_size=2, max_size=200), st.integers(1, 12))
def test_every_sample_is_in_the_bin_it_belongs_to(samples: list[int], count: int) -> None:
    found = bins(samples, count)
    assert sum(number for _, _, number in found) == len(samples)
    inner = found[:-1]
    assert [number for low, high, number in inner] == [
        sum(low <= sample < high for sample in samples) for low, high, _ in inner
    ]


@given(st.lists(st.integers(0, 10**11), max_size=60), sizes, glyph_sets)
def test_a_histogram_stays_in_its_frame(samples: list[int], size: tuple[int, int], glyphs: Glyphs) -> None:
    marks = {}
    if len(samples) > 1:
        marks = dict(zip(("p25", "p50", "p75"), quantiles(samples, n=4, method="inclusive"), strict=True))
    drawn = histogram(samples, *size, marks, glyphs)
    assert len(drawn) <= max(size[1], 1)
    assert {line_width(line) for line in drawn} <= {max(size[0], 0)}


@pytest.mark.parametrize("glyphs", GLYPHS.values(), ids=lambda glyphs: glyphs.name)
def test_heat_levels_and_losses_differ_without_colour(glyphs: Glyphs) -> None:
    marks = [*glyphs.heat, glyphs.loss]
    assert len(set(marks)) == 7
    assert glyphs.loss not in glyphs.levels
