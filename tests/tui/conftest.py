"""No test reads or writes the settings of whoever runs it, and none waits longer than there is work."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.tui.quiet import FRAME_S, quiet


@pytest.fixture(autouse=True)
def _own_settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder: Path = tmp_path_factory.mktemp("config")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))


@pytest.fixture(autouse=True)
def _pilot_without_naps(monkeypatch: pytest.MonkeyPatch) -> None:
    if "textual.pilot" in sys.modules:
        monkeypatch.setattr("textual.pilot.wait_for_idle", quiet)
        monkeypatch.setattr("textual.app.wait_for_idle", quiet)
        monkeypatch.setattr("textual.screen.UPDATE_PERIOD", FRAME_S)
