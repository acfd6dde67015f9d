"""Markdown: a reader of GitHub's dialect sees one table with our cells, whatever the names try."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report import samples, stories
from tracer.report.document import Report
from tracer.report.markdown import HEADINGS, render
from tracer.text import printable

markdown_it = pytest.importorskip("markdown_it")

PLAIN = {"inline", "tr_open", "tr_close", "th_open", "th_close", "td_open", "td_close"}


def tokens(report: Report) -> list[object]:
    reader = markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"])
    return list(reader.parse(render([report]).decode()))


def cells(report: Report) -> list[list[str]]:
    """The rows of the table as a reader sees them, marks and all taken for what they are."""
    found: list[list[str]] = []
    for token in tokens(report):
        kind = token.type  # type: ignore[attr-defined]
        if kind == "tr_open":
            found.append([])
        elif kind == "inline" and token.level == 4:  # type: ignore[attr-defined]
            children = token.children  # type: ignore[attr-defined]
            assert {child.type for child in children} <= {"text", "text_special"}, token
            found[-1].append("".join(child.content for child in children))
    return found


def test_the_table_is_what_the_report_says() -> None:
    heading, first, silent, *_ = cells(samples.report(samples.eventful()))
    assert tuple(heading) == HEADINGS
    assert first[:6] == ["1", "198.51.100.1", "198.51.100.1", "0.0", "2", "2"]
    assert silent[:4] == ["2", "???", "???", "100.0"]


def test_a_target_without_an_address_has_a_sentence_instead() -> None:
    text = render([samples.report(samples.blackhole(), samples.nowhere())]).decode()
    assert text.startswith("## nowhere.example.com\n")
    assert "has no address" in text


@given(st.text(max_size=30) | st.just(stories.HOSTILE) | st.text("|`*_[]()<>\\&~!#$", max_size=12))
def test_names_are_shown_and_do_nothing(name: str) -> None:
    report = stories.named(samples.report(samples.eventful()), hostname=name, asn=None, place=None)
    table = cells(report)
    assert [len(row) for row in table] == [len(HEADINGS)] * 6
    assert {row[2] for row in table[1:2]} == {printable(name).strip(" ")}
