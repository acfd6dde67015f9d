"""Thin widgets: each asks a view model for lines and draws them.

``VIEWS`` is the registry of what can fill the body; the tabs, the keys and the body derive from it.
"""

from __future__ import annotations

import msgspec

from tui.view.commands import BY_ID
from tui.view.facts import Fact
from tui.widgets.chart_view import ChartView
from tui.widgets.frame import Banner, Head, Keys
from tui.widgets.heat_view import HeatView
from tui.widgets.hop_table import HopTable
from tui.widgets.inspector_view import InspectorView
from tui.widgets.lines import Lines
from tui.widgets.log_view import LogView
from tui.widgets.paths_view import PathsView

__all__ = ["VIEWS", "Banner", "Head", "HopTable", "Keys", "Lines", "ViewSpec"]


class ViewSpec(msgspec.Struct, frozen=True):
    """One view: its name is the id of the command that shows it."""

    name: str
    widget: type[Lines]

    @property
    def title(self) -> str:
        """What its tab says."""
        return BY_ID[self.name].title

    @property
    def needs(self) -> Fact | None:
        """Without it there is nothing to show, and no tab."""
        return BY_ID[self.name].needs


VIEWS = (
    ViewSpec("view-table", HopTable),
    ViewSpec("chart", ChartView),
    ViewSpec("heatmap", HeatView),
    ViewSpec("flows", PathsView),
    ViewSpec("events", LogView),
    ViewSpec("inspector", InspectorView),
)
