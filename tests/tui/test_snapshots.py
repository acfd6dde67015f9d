"""Pictures of the screen, byte for byte: what the cheaper tests cannot see is seen here.

The traces come from virtual time, so a picture changes only with the screen. After a wanted change:
``make test ARGS="tests/tui/test_snapshots.py --snapshot-update"``, and look at the difference.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.tui.still_screen import StillSource, traced
from tui.app import HopscopeApp
from tui.scene import Look

SMALL, MIDDLE, LARGE = (80, 24), (120, 36), (200, 50)

PICTURES: dict[str, tuple[str, tuple[str, ...], tuple[int, int], str]] = {
    "table-small": ("wan", (), SMALL, "dark"),
    "table-middle": ("wan", (), MIDDLE, "dark"),
    "table-large": ("wan", (), LARGE, "dark"),
    "table-light": ("loss", (), SMALL, "light"),
    "table-high-contrast": ("loss", (), SMALL, "high-contrast"),
    "table-colour-blind": ("loss", (), SMALL, "colour-blind"),
    "detail-small": ("ratelimit", ("down",) * 4 + ("d",), SMALL, "dark"),
    "detail-large": ("ratelimit", ("down",) * 4 + ("d",), LARGE, "dark"),
    "chart-small": ("bufferbloat", ("c",), SMALL, "dark"),
    "chart-large": ("bufferbloat", ("c",), LARGE, "dark"),
    "heatmap-middle": ("route-change", ("e",), MIDDLE, "dark"),
    "events-small": ("route-change", ("l",), SMALL, "dark"),
    "inspector-middle": ("wan", ("down",) * 8 + ("x",), MIDDLE, "dark"),
    "help-small": ("wan", ("h",), SMALL, "dark"),
    "settings-small": ("wan", ("s",), SMALL, "dark"),
    "frozen-small": ("blackhole", ("ctrl+f",), SMALL, "dark"),
}
"""Scenario, keys, terminal and palette of each."""


@pytest.mark.parametrize("name", PICTURES)
def test_the_picture_is_as_it_was(name: str, snap_compare: Callable[..., bool]) -> None:
    scenario, keys, size, palette = PICTURES[name]
    events = asyncio.run(traced(scenario, report_cycles=30))
    app: Any = HopscopeApp(StillSource(events), Look(palette=palette))
    assert snap_compare(app, press=keys, terminal_size=size)
