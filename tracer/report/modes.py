"""Every report mode, declared once: its name, what it is for, what it is made from, how its files end.

The command line, the documentation and the screen's list of formats derive from here. A mode's module is
imported when the mode is used, not before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from tracer.events import Event

if TYPE_CHECKING:
    from tracer.report.document import Report
    from tracer.stats.paths_taken import TakenFlow


class Material(StrEnum):
    """What a mode tells of."""

    REPORTS = "reports"
    """The report of each target."""
    PATHS = "paths"
    """Those, and the paths its flows took, folded from the events."""
    EVENTS = "events"
    """Every event as it happens, and nothing at the end."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What is told when a trace is over."""

    reports: list[Report]
    flows: Sequence[Sequence[TakenFlow]] = ()
    """Of each target in the same order, for modes made from paths."""
    width: int | None = None
    """Columns of the terminal; None where it is none."""


class Mode(msgspec.Struct, frozen=True, kw_only=True):
    """One way to tell of a trace."""

    name: str
    """As the user types it."""
    help: str
    """What it is, in a few words."""
    material: Material = Material.REPORTS
    ending: str = ""
    """Of a file in this format; empty where nobody would keep one."""
    render: Callable[[Told], bytes] = lambda _: b""
    """A pure function: the same bytes for the same reports."""


def _pretty(told: Told) -> bytes:
    from tracer.report import pretty  # noqa: PLC0415 - only for this mode

    return pretty.render(told.reports, told.width).encode("utf-8", "replace")


def _json(told: Told) -> bytes:
    from tracer.report import json  # noqa: PLC0415 - only for this mode

    return json.render(told.reports)


def _csv(told: Told) -> bytes:
    from tracer.report import csv  # noqa: PLC0415 - only for this mode

    return csv.render(told.reports)


def _markdown(told: Told) -> bytes:
    from tracer.report import markdown  # noqa: PLC0415 - only for this mode

    return markdown.render(told.reports)


def _dot(told: Told) -> bytes:
    from tracer.report import dot  # noqa: PLC0415 - only for this mode

    return dot.render(told.reports, told.flows)


def _flows(told: Told) -> bytes:
    from tracer.report import flows  # noqa: PLC0415 - only for this mode

    return flows.render(told.reports, told.flows)


def _mtr(told: Told) -> bytes:
    from tracer.report import mtr  # noqa: PLC0415 - only for this mode

    return mtr.render(told.reports)


def _trippy(told: Told) -> bytes:
    from tracer.report import trippy  # noqa: PLC0415 - only for this mode

    return trippy.render(told.reports)


MODES: tuple[Mode, ...] = (
    Mode(name="pretty", help="a table for people", ending=".txt", render=_pretty),
    Mode(name="json", help="everything, schema hopscope.report/1", ending=".json", render=_json),
    Mode(name="csv", help="a line for each hop", ending=".csv", render=_csv),
    Mode(name="markdown", help="a table for documents and tickets", ending=".md", render=_markdown),
    Mode(
        name="stream",
        help="an event on each line as it happens, schema hopscope.events/1",
        material=Material.EVENTS,
    ),
    Mode(
        name="dot",
        help="the paths as a graph for Graphviz",
        material=Material.PATHS,
        ending=".dot",
        render=_dot,
    ),
    Mode(
        name="flows",
        help="every path that was seen, and what took it",
        material=Material.PATHS,
        ending=".flows.txt",
        render=_flows,
    ),
    Mode(name="mtr-json", help="as mtr --json writes it", ending=".mtr.json", render=_mtr),
    Mode(name="trippy-json", help="as Trippy's -m json writes it", ending=".trippy.json", render=_trippy),
    Mode(name="silent", help="nothing but the exit code"),
)

BY_NAME: dict[str, Mode] = {mode.name: mode for mode in MODES}

FILES: tuple[Mode, ...] = tuple(mode for mode in MODES if mode.ending)
"""Modes that make a file."""


def of_file(name: str) -> Mode | None:
    """The mode that the ending of a file's name asks for; the longest ending that fits."""
    fitting = [mode for mode in FILES if name.lower().endswith(mode.ending)]
    return max(fitting, key=lambda mode: len(mode.ending), default=None)


class Listening:
    """Hears the events of a trace for one mode."""

    def __init__(self, mode: Mode) -> None:
        self._mode = mode
        self._fold: Callable[[Sequence[Event]], None] = lambda _: None
        self._flows: Callable[[], Sequence[Sequence[TakenFlow]]] = tuple
        if mode.material is Material.PATHS:
            from tracer.report.paths import PathFold  # noqa: PLC0415 - only for modes that draw paths

            paths = PathFold()
            self._fold, self._flows = paths.apply, paths.flows

    def apply(self, events: Sequence[Event]) -> None:
        """Hear the next events."""
        self._fold(events)

    def render(self, reports: list[Report], width: int | None = None) -> bytes:
        """What is told when there are no more. Call it once."""
        return self._mode.render(Told(reports=reports, flows=self._flows(), width=width))
