"""Thin widgets: each asks a view model for lines and draws them.

``VIEWS`` is the registry of what can fill the body; the tabs, the keys and the body derive from it.
"""

from __future__ import annotations

import msgspec

from tui.parts import VIEW_NAMES
from tui.widgets.chart_view import ChartView
from tui.widgets.detail import Detail
from tui.widgets.frame import Banner, Head, Keys
from tui.widgets.heat_view import HeatView
from tui.widgets.hop_table import HopTable
from tui.widgets.inspector_view import InspectorView
from tui.widgets.lines import Lines
from tui.widgets.log_view import LogView
from tui.widgets.map_view import MapView
from tui.widgets.paths_view import PathsView
from tui.widgets.prompt import Prompt
from tui.widgets.scrubber import Scrubber
from tui.widgets.targets import Overview, TargetOpened, TargetPicked, Targets
from tui.widgets.view_tabs import ViewPicked, ViewTabs

__all__ = [
    "VIEWS",
    "Banner",
    "Detail",
    "Head",
    "HopTable",
    "Keys",
    "Lines",
    "LogView",
    "Prompt",
    "Scrubber",
    "TargetOpened",
    "TargetPicked",
    "Targets",
    "ViewPicked",
    "ViewSpec",
    "ViewTabs",
]


class ViewSpec(msgspec.Struct, frozen=True):
    """One view: its name is the id of the command that shows it."""

    name: str
    widget: type[Lines]


_WIDGETS: dict[str, type[Lines]] = {
    "view-table": HopTable,
    "chart": ChartView,
    "heatmap": HeatView,
    "map": MapView,
    "flows": PathsView,
    "events": LogView,
    "inspector": InspectorView,
    "overview": Overview,
}

VIEWS = tuple(ViewSpec(name, _WIDGETS[name]) for name in VIEW_NAMES)
