"""Rows and columns: what stands in each cell, that the default table fits, and what is not offered."""

from __future__ import annotations

from textwrap import dedent

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.report import samples
from tests.stats.logbook import TARGET, Log
from tests.tui.view.hostile import HOSTILE, harmless, names
from tests.tui.view.traces import history, traced
from tracer.model import (
    Address,
    InterfaceIdentification,
    InterfaceInformation,
    InterfaceRole,
    QuotedDiff,
    QuotedHeader,
    UnknownExtension,
)
from tracer.stats.snapshot import TraceSnapshot, VerdictKind
from tui.view import columns, rows, strings, table
from tui.view.cells import cell_width, line_width, plain
from tui.view.columns import COLUMNS, DEFAULT, Column, available, chosen
from tui.view.facts import Fact
from tui.view.glyphs import ASCII, GLYPHS, UNICODE
from tui.view.rows import AddressMode, Context, Order, Row
from tui.view.style import Severity, Style
from tui.view.texts import columns as texts

TRIPPY = "holsravbwdtjgxiQSPTCNfFBDKMA"
EVERY = tuple(COLUMNS.values())


def drawn(snapshot: TraceSnapshot, width: int, letters: str = DEFAULT, context: Context | None = None) -> str:
    layout = table.lay_out(chosen(letters), width)
    lines = [
        table.header_line(layout),
        *(table.row_line(row, layout) for row in rows.build(snapshot, context)),
    ]
    assert {line_width(line) for line in lines} <= {width}
    return "\n".join(plain(line).rstrip() for line in lines)


def looks(text: str) -> str:
    return dedent(text).strip("\n")


def test_the_default_table_in_80_columns() -> None:
    assert drawn(traced(), 80) == looks("""
        !  # Host               Loss%   Snt  Recv  Last   Avg  Best Worst StDev Recent
        ?  1 198.51.100.1         0.0     2     2 0.600 0.500 0.400 0.600 0.141       ▁█
        ?  2 ???                  100     2     0     -     -     -     -     -       ××
        ?  3 198.51.100.31  50%   0.0     2     2  22.3  17.3  12.3  22.3  7.07       ▁█
             ├198.51.100.32 50%                 1  22.3  22.3  22.3  22.3     -
        ?  4 192.0.2.80           0.0     2     2 100.4 100.3 100.2 100.4 0.141       ▁█
    """)  # noqa: RUF001 - the crosses are losses


def test_columns_that_do_not_fit_are_left_out_from_the_right() -> None:
    assert drawn(traced(), 40).splitlines()[0] == "!   # Host                   Loss%   Snt"


def test_a_narrow_table_keeps_its_first_column() -> None:
    assert [placed.column.id for placed in table.lay_out(chosen("ol"), 5)] == ["o"]


def test_all_of_trippys_columns_are_there() -> None:
    assert set(TRIPPY) <= set(COLUMNS)
    assert len(TRIPPY) == 28


def test_letters_are_single_and_names_unique() -> None:
    assert all(len(column.id) == 1 for column in EVERY)
    assert len({column.name for column in EVERY}) == len(EVERY)


def test_every_column_has_a_header_and_an_explanation_and_no_text_is_left_over() -> None:
    assert all(column.header and column.help.endswith(".") for column in EVERY)
    assert {f"column.{column.name}" for column in EVERY} == {
        key for key in texts.TEXTS if key.startswith("column.") and not key.endswith(".help")
    }


def test_headers_fit_their_columns() -> None:
    assert [column.id for column in EVERY if cell_width(column.header) > column.width.preferred] == []


def test_the_default_columns_fit_80_cells_with_all_of_them() -> None:
    assert len(table.lay_out(chosen(DEFAULT), 80)) == len(DEFAULT)


def test_unknown_and_repeated_letters_are_refused() -> None:
    with pytest.raises(ValueError, match="no column X"):
        chosen("hoX")
    with pytest.raises(ValueError, match="h is named twice"):
        chosen("hoh")


def test_columns_without_data_are_not_offered() -> None:
    bare = {column.id for column in available(EVERY, ())}
    assert bare.isdisjoint("NKMqAySP")
    assert set(DEFAULT) <= bare
    assert {column.id for column in available(EVERY, Fact)} == set(COLUMNS)


@pytest.mark.parametrize("column", EVERY, ids=lambda column: column.name)
@pytest.mark.parametrize(
    "make", [samples.eventful, samples.blackhole, samples.unsendable, samples.unreachable]
)
def test_every_column_has_a_text_for_every_row(column: Column, make: object) -> None:
    assert callable(make)
    for row in rows.build(traced(make())):
        assert harmless(column.text(row))
        column.sort_key(row)


def cell(letter: str, ttl: int, context: Context | None = None, snapshot: TraceSnapshot | None = None) -> str:
    found = rows.build(snapshot or traced(), context)
    return COLUMNS[letter].text(next(row for row in found if row.ttl == ttl))


@pytest.mark.parametrize(
    ("letter", "ttl", "text"),
    [
        ("h", 3, "3"),
        ("o", 3, "198.51.100.31 50%"),
        ("o", 2, "???"),
        ("l", 2, "100"),
        ("n", 2, "2"),
        ("I", 2, "34-100"),
        ("L", 3, "1"),
        ("u", 3, "1"),
        ("k", 4, "1"),
        ("f", 4, "1"),
        ("c", 1, "kernel"),
        ("c", 3, "both"),
        ("c", 2, "-"),
        ("m", 3, "24015/17"),
        ("T", 1, "11"),
        ("C", 1, "0"),
        ("R", 1, "63"),
        ("U", 1, "-"),
        ("j", 1, "0.200"),
        ("x", 1, "0.200"),
        ("j", 2, "-"),
        ("N", 1, "-"),
        ("A", 1, "-"),
        ("t", 1, "not enough evidence"),
        ("z", 1, "0.400 0.600"),
        ("z", 2, "* *"),
    ],
)
def test_cells(letter: str, ttl: int, text: str) -> None:
    assert cell(letter, ttl) == text


def test_cells_that_need_more_than_the_snapshot() -> None:
    address = Address("198.51.100.1")
    context = Context(
        names={address: "router.example.com"},
        asns={address: "AS64496"},
        countries={address: "ZZ"},
        probes=history(samples.eventful()).last(),
    )
    texts = {letter: cell(letter, 1, context) for letter in "oAyQSP"}
    assert texts == {
        "o": "router.example.com (198.51.100.1)",
        "A": "AS64496",
        "y": "ZZ",
        "Q": "6",
        "S": "40000",
        "P": "33434",
    }


def quoting() -> TraceSnapshot:
    log = Log()
    diff = (QuotedDiff("source", "192.0.2.10", "203.0.113.9"),)
    objects = (
        InterfaceInformation(role=InterfaceRole.INCOMING, name="xe-0\x1b", index=7),
        InterfaceInformation(role=InterfaceRole.OUTGOING, index=8),
        InterfaceIdentification(address=Address("198.51.100.7")),
        UnknownExtension(247, 1, b""),
    )
    log.answered(1, 1, quoted=QuotedHeader(ttl=1, dscp=46, ecn=2, diff=()), reply_ttl=52)
    log.answered(2, 2, quoted=QuotedHeader(ttl=2, dscp=0, ecn=3, diff=diff), extensions=objects)
    log.answered(3, 3, quoted=QuotedHeader(ttl=1, dscp=5, ecn=3, diff=None))
    log.answered(4, 4, reply_ttl=None)
    return log.fold()


@pytest.mark.parametrize(
    ("letter", "cells"),
    [
        ("N", ["no", "yes", "-", "-"]),
        ("K", ["EF", "CS0", "0x05", "-"]),
        ("M", ["ECT(0)", "CE", "CE", "-"]),
        ("q", ["1", "2", "1", "-"]),
        ("H", ["13", "3", "4", "-"]),
        ("e", ["-", r"in xe-0\x1b, out #8, 198.51.100.7, 247/1", "-", "-"]),
    ],
)
def test_cells_of_what_a_reply_tells(letter: str, cells: list[str]) -> None:
    assert [COLUMNS[letter].text(row) for row in rows.build(quoting())] == cells


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        (AddressMode.IP, "198.51.100.1"),
        (AddressMode.HOST, "r.example.com"),
        (AddressMode.BOTH, "r.example.com (198.51.100.1)"),
    ],
)
def test_the_host_is_shown_as_the_user_wants_it(mode: AddressMode, text: str) -> None:
    context = Context(names={Address("198.51.100.1"): "r.example.com"}, address_mode=mode)
    assert cell("o", 1, context) == text


def test_further_responders_have_their_own_times_and_no_loss() -> None:
    further = next(row for row in rows.build(traced()) if not row.leads)
    assert further.key == (3, 1)
    assert [COLUMNS[letter].text(further) for letter in "hlsra"] == ["", "", "", "1", "22.3"]


def test_concealed_responders_are_counted() -> None:
    found = rows.build(traced(), Context(most_hosts=1))
    assert [(row.key, row.concealed) for row in found if row.ttl == 3] == [((3, 0), 1)]
    layout = table.lay_out(chosen("o"), 30)
    assert plain(table.row_line(found[2], layout)) == "198.51.100.31           50% +1"


def test_every_kind_of_verdict_has_a_severity_and_every_severity_a_mark() -> None:
    assert set(rows.SEVERITIES) == set(VerdictKind)
    for glyphs in GLYPHS.values():
        assert set(glyphs.severity) == set(Severity)
        assert len(set(glyphs.severity.values())) == len(Severity)
    assert all(mark.isascii() for mark in ASCII.severity.values())


def test_loss_is_styled_by_what_it_means() -> None:
    lost = rows.build(traced())[1]
    styles = {
        severity: COLUMNS["l"].style_of(msgspec.structs.replace(lost, severity=severity))
        for severity in Severity
    }
    assert styles[Severity.HARMLESS] is Style.HARMLESS
    assert styles[Severity.ALARMING] is Style.ALARMING


def test_only_rows_that_changed_are_drawn_again() -> None:
    log = samples.eventful()
    before = rows.build(traced(log))
    log.answered(1, 20, 700_000, 2)
    after = rows.build(traced(log))
    assert rows.diff(before, before) == ()
    assert rows.diff(before, after) == (0,)
    assert rows.diff((), before) == (0, 1, 2, 3, 4)
    assert rows.diff(before, before[:2]) == ()


def keys(found: tuple[Row, ...]) -> list[rows.RowKey]:
    return [row.key for row in found]


def test_sorting_keeps_responders_under_their_hop_and_the_unknown_last() -> None:
    found = rows.build(traced())
    worst = COLUMNS["w"].sort_key
    assert keys(rows.arranged(found, worst, Order.ASCENDING)) == [(1, 0), (3, 0), (3, 1), (4, 0), (2, 0)]
    assert keys(rows.arranged(found, worst, Order.DESCENDING)) == [(4, 0), (3, 0), (3, 1), (1, 0), (2, 0)]


@pytest.mark.parametrize("column", EVERY, ids=lambda column: column.name)
def test_every_column_can_be_sorted_by(column: Column) -> None:
    found = rows.build(traced())
    assert sorted(keys(rows.arranged(found, column.sort_key, Order.DESCENDING))) == sorted(keys(found))


def test_the_filter_keeps_whole_hops() -> None:
    found = rows.build(traced())
    assert keys(rows.matching(found, "100.32")) == [(3, 0), (3, 1)]
    assert keys(rows.matching(found, "")) == keys(found)
    assert rows.matching(found, "nothing") == ()


def test_the_sorted_column_says_which_way() -> None:
    layout = table.lay_out(chosen("hl"), 20)
    assert plain(table.header_line(layout, UNICODE, ("l", Order.DESCENDING))) == "  # Loss▾"
    assert plain(table.header_line(layout, ASCII, ("h", Order.ASCENDING))) == " #^ Loss%"


def test_a_mouse_finds_its_column() -> None:
    layout = table.lay_out(chosen("hl"), 20)
    found = [table.column_at(layout, cell) for cell in (0, 2, 3, 4, 8, 9)]
    assert [None if column is None else column.id for column in found] == ["h", "h", None, "l", "l", None]


def test_a_width_the_user_asked_for_is_kept() -> None:
    layout = table.lay_out(chosen("hol"), 80, {"o": 30})
    assert [placed.width for placed in layout] == [3, 30, 5]


def test_markdown_holds_the_whole_table_and_no_markup_of_others() -> None:
    context = Context(names={Address("198.51.100.1"): "a|b`[x](y)"}, address_mode=AddressMode.HOST)
    text = table.markdown(chosen("hol"), rows.build(traced(), context)[:2])
    assert text == looks(r"""
        | \# | Host | Loss% |
        | ---: | :--- | ---: |
        | 1 | a\|b\`\[x\](y) | 0.0 |
        | 2 | ??? | 100 |
    """).replace(r"| \# |", "| # |") + "\n"  # fmt: skip


@settings(max_examples=60)
@given(
    st.permutations(sorted(COLUMNS)),
    st.integers(1, len(COLUMNS)),
    st.integers(0, 220),
    st.sampled_from([*GLYPHS]),
)
def test_no_row_is_ever_wider_than_asked(letters: list[str], count: int, width: int, glyphs: str) -> None:
    layout = table.lay_out(chosen("".join(letters[:count])), width)
    for row in rows.build(traced()):
        assert line_width(table.row_line(row, layout, GLYPHS[glyphs])) <= width
    assert line_width(table.header_line(layout, GLYPHS[glyphs])) <= width


@settings(max_examples=60)
@given(names, names, st.integers(1, 200))
def test_names_from_the_network_are_data(name: str, asn: str, width: int) -> None:
    address = Address("198.51.100.31")
    context = Context(names={address: name}, asns={address: asn}, countries={address: asn})
    layout = table.lay_out(chosen("hoAyl"), width)
    for row in rows.build(traced(), context):
        line = table.row_line(row, layout)
        assert line_width(line) <= width
        assert harmless(plain(line))
        assert harmless(row.host)


@pytest.mark.parametrize("name", HOSTILE)
def test_markup_in_a_name_stays_as_it_is_typed(name: str) -> None:
    context = Context(names={Address("198.51.100.1"): name}, address_mode=AddressMode.HOST)
    line = plain(table.row_line(rows.build(traced(), context)[0], table.lay_out(chosen("o"), 600)))
    assert harmless(line)
    if "[" in name and "\x1b" not in name:
        assert name in line


def test_ipv6_addresses_get_the_room_they_need() -> None:
    target, log = samples.ipv6()
    snapshot = msgspec.structs.replace(log.fold(), target=target)
    assert "2001:db8:1111:2222:3333:4444:5555:6666" in drawn(snapshot, 130)


def test_an_empty_trace_has_no_rows() -> None:
    assert rows.build(Log().fold()) == ()
    assert TARGET.query == "example.com"


def test_a_translation_must_keep_the_placeholders() -> None:
    with pytest.raises(ValueError, match="other placeholders"):
        strings.install({"header.round": "Runde"})
    with pytest.raises(ValueError, match="no text"):
        strings.install({"header.rund": "Runde"})


def test_a_translation_changes_headers_and_what_it_lacks_stays_english() -> None:
    strings.install({"column.loss": "Verl%", "header.round": "Runde {round}"})
    try:
        assert columns.COLUMNS["l"].header == "Verl%"
        assert strings.say("header.round", round=3) == "Runde 3"
        assert columns.COLUMNS["s"].header == "Snt"
    finally:
        strings.install({})
    assert columns.COLUMNS["l"].header == "Loss%"
