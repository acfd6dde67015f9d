"""Terminals that know their size, do not know it, or are gone."""

from __future__ import annotations

import os
import pty
import termios
from io import TextIOWrapper
from typing import TYPE_CHECKING

import pytest

from tests.report import samples
from tracer.report import pretty
from tui.live import LiveTable
from tui.terminal_size import USUAL, size_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a pseudo-terminal, ours first."""
    ours, theirs = pty.openpty()
    yield ours, theirs
    for end in (ours, theirs):
        os.close(end)


@pytest.mark.parametrize(
    ("told", "taken"), [((100, 30), (100, 30)), ((0, 0), USUAL), ((0, 30), (80, 30)), ((100, 0), (100, 24))]
)
def test_what_a_terminal_does_not_know_is_as_usual(
    terminal: tuple[int, int], told: tuple[int, int], taken: tuple[int, int]
) -> None:
    columns, lines = told
    termios.tcsetwinsize(terminal[1], (lines, columns))
    assert size_of(terminal[1]) == taken


def test_what_is_no_terminal_is_as_large_as_usual() -> None:
    with open(os.devnull, "rb") as nothing:
        assert size_of(nothing.fileno()) == USUAL


def test_the_growing_report_is_whole_on_a_terminal_that_does_not_know_its_size(
    terminal: tuple[int, int],
) -> None:
    ours, theirs = terminal
    termios.tcsetwinsize(theirs, (0, 0))
    reports = [samples.report(samples.eventful())]
    with TextIOWrapper(os.fdopen(os.dup(theirs), "wb", buffering=0), write_through=True) as written:
        LiveTable(lambda: reports, written).update([])
        shown = os.read(ours, 65536).decode().replace("\r\n", "\n")
    assert shown == pretty.render_running(reports, 80)
