"""Where the configuration file is: all that a run without one needs to know."""

from __future__ import annotations

from pathlib import Path

PROGRAM = "hopscope"


def config_path() -> Path:
    """The file of this user, whether it is there or not."""
    from platformdirs import user_config_dir  # noqa: PLC0415 - --help needs none

    return Path(user_config_dir(PROGRAM)) / "config.toml"


def is_there(path: Path) -> bool:
    """Whether this user has the file; one behind a door that is shut (HOME left from root) is not theirs."""
    try:
        return path.exists()
    except PermissionError:
        return False
