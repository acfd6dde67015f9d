"""What is measured: the command of this tree, on paths that need no network."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
COMMAND = (sys.executable, "-m", "tui")
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": str(ROOT),
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "TERM": "xterm-256color",
}


@contextlib.contextmanager
def wan_path(*arguments: str) -> Iterator[list[str]]:
    """A TUN device answered by the scenario ``wan``; yields the command that traces it as nobody.

    Needs root.
    """
    from tests.lab.labkit.families import Family  # noqa: PLC0415 - only where there is a laboratory
    from tests.lab.labkit.namespace import User  # noqa: PLC0415
    from tests.lab.labkit.tun import tun_lab  # noqa: PLC0415

    with tun_lab("wan") as lab:
        command = [*COMMAND, lab.target_address(Family.IPV4), *arguments]
        yield [*lab.namespace.command(command, User.NOBODY)]


@contextlib.contextmanager
def clean_path(hops: int) -> Iterator[str]:
    """The file of a scenario whose target is so many hops away, a millisecond each, and where all answer."""
    routers = (f'[[hop]]\naddresses = ["198.18.{ttl}.1"]\nrtt = "{ttl}ms"\n' for ttl in range(1, hops))
    target = f'[target]\naddresses = ["203.0.113.80"]\nrtt = "{hops}ms"\ntcp = {{ open = [80] }}\n'
    heading = f'name = "clean-{hops}"\nsummary = "{hops} hops that all answer"\n'
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"clean-{hops}.toml"
        file.write_text("\n".join([heading, *routers, target]))
        yield str(file)
