"""What ``-m`` takes: the screen, and every report mode there is."""

from __future__ import annotations

from tracer.report.modes import MODES

TUI = "tui"
"""The screen."""

PRETTY = "pretty"
"""What is printed where no screen can be."""

MODE = "mode"
"""Its key in the table ``[report]`` of the configuration file."""

MODE_NAMES: tuple[str, ...] = (TUI, *(mode.name for mode in MODES))
