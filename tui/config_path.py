"""Where the configuration file is: all that a run without one needs to know."""

from __future__ import annotations

from pathlib import Path

PROGRAM = "hopscope"


def config_path() -> Path:
    """The file of this user, whether it is there or not."""
    from platformdirs import user_config_dir  # noqa: PLC0415 - --help needs none

    return Path(user_config_dir(PROGRAM)) / "config.toml"
