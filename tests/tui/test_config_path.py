from __future__ import annotations

from pathlib import Path

import pytest
from platformdirs import user_config_dir

from tui import settings
from tui.config_path import config_path, is_there


def test_a_file_behind_a_shut_door_is_as_good_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shut(_path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "config.toml"
    path.write_text("[trace]\n", encoding="utf-8")
    assert is_there(path)
    monkeypatch.setattr(Path, "exists", shut)
    assert not is_there(path)
    assert settings.load(path) == settings.Saved()


@pytest.mark.parametrize("folder", ["/somewhere/else", "", "  ", None])
def test_it_is_where_platformdirs_says(folder: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if folder is None:
        monkeypatch.delenv("XDG_CONFIG_HOME")
    else:
        monkeypatch.setenv("XDG_CONFIG_HOME", folder)
    assert config_path() == Path(user_config_dir("hopscope")) / "config.toml"
