"""Thin widgets: each asks a view model for lines and draws them.

``VIEWS`` is the registry of what can fill the body; the tabs, the keys and the body derive from it.
"""

from __future__ import annotations

import msgspec

from tui.scene import Scene
from tui.view.commands import BY_ID
from tui.view.facts import Fact
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
    "offered_views",
]


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
    ViewSpec("map", MapView),
    ViewSpec("flows", PathsView),
    ViewSpec("events", LogView),
    ViewSpec("inspector", InspectorView),
    ViewSpec("overview", Overview),
)


def offered_views(scene: Scene) -> tuple[str, ...]:
    """Names of the views there is data for; the first of them always is."""
    return tuple(view.name for view in VIEWS if view.needs is None or view.needs in scene.facts)
