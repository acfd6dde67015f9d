"""Where the configuration file is: all that a run without one needs to know."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PROGRAM = "hopscope"


def config_path() -> Path:
    """The file of this user, whether it is there or not."""
    return Path(_folder()) / "config.toml"


def _folder() -> str:
    if sys.platform != "linux":
        from platformdirs import user_config_dir  # noqa: PLC0415 - see below

        return str(user_config_dir(PROGRAM))
    # platformdirs says the same here, but takes a tenth of the time to the first frame.
    configured = os.environ.get("XDG_CONFIG_HOME", "").strip() or os.path.expanduser("~/.config")
    return os.path.join(configured, PROGRAM)


def is_there(path: Path) -> bool:
    """Whether this user has the file.

    One behind a door that is shut (HOME left from root) is not theirs; what cannot be a path is no file.
    """
    try:
        return path.exists()
    except OSError:
        return False
