"""The names of everything that is drawn in a way of its own. What they look like is the theme's."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """How bad something is for who uses the path."""

    ALARMING = "alarming"
    WARNING = "warning"
    HARMLESS = "harmless"
    FINE = "fine"
    UNKNOWN = "unknown"


class Style(StrEnum):
    """A semantic style name."""

    TEXT = "text"
    MUTED = "muted"
    STRONG = "strong"
    HEADER = "header"
    TITLE = "title"
    KEY = "key"
    LABEL = "label"
    VALUE = "value"
    LINK = "link"
    SELECTED = "selected"
    BANNER = "banner"
    LOSS = "loss"
    CHANGED = "changed"
    AXIS = "axis"
    SPARK = "spark"
    BAR = "bar"
    PERCENTILE = "percentile"
    ALARMING = "severity-alarming"
    WARNING = "severity-warning"
    HARMLESS = "severity-harmless"
    FINE = "severity-fine"
    UNKNOWN = "severity-unknown"
    HEAT_0 = "heat-0"
    HEAT_1 = "heat-1"
    HEAT_2 = "heat-2"
    HEAT_3 = "heat-3"
    HEAT_4 = "heat-4"
    HEAT_5 = "heat-5"
    CHART_SELECTED = "chart-selected"
    CHART_0 = "chart-0"
    CHART_1 = "chart-1"
    CHART_2 = "chart-2"
    CHART_3 = "chart-3"
    CHART_4 = "chart-4"
    CHART_5 = "chart-5"


SEVERITY_STYLES = {severity: Style(f"severity-{severity}") for severity in Severity}

HEAT = (Style.HEAT_0, Style.HEAT_1, Style.HEAT_2, Style.HEAT_3, Style.HEAT_4, Style.HEAT_5)
"""Round-trip time from the least to the greatest."""

CHART = (Style.CHART_0, Style.CHART_1, Style.CHART_2, Style.CHART_3, Style.CHART_4, Style.CHART_5)
"""Lines of a chart, over and over."""
