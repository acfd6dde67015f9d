"""The ``hopscope`` command, run inside the lab, and the mtr and traceroute it is compared with."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.lab.labkit.namespace import Namespace, User

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT: Mapping[str, str] = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "PYTHONPATH": str(ROOT),
    "PYTHONDONTWRITEBYTECODE": "1",
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
}
"""Nothing of the developer's own settings may reach the command."""


def hopscope_command(*arguments: str) -> list[str]:
    """The command line of the product, from this tree."""
    return [sys.executable, "-m", "tui.cli", *arguments]


@dataclass(frozen=True)
class Run:
    """How a run of the product ended."""

    exit_code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def report(self) -> dict[str, Any]:
        """The JSON report on stdout, which must be the whole of it."""
        parsed: dict[str, Any] = json.loads(self.stdout)
        return parsed

    def __str__(self) -> str:
        return f"exit {self.exit_code} after {self.seconds:.2f} s\n{self.stderr}\n{self.stdout[:2000]}"


def hopscope(namespace: Namespace, *arguments: str, user: User = User.NOBODY, seconds: float = 30) -> Run:
    """Run the product inside to its end."""
    begun = time.monotonic()
    done = namespace.run(
        hopscope_command(*arguments), user=user, seconds=seconds, environment=ENVIRONMENT, directory=ROOT
    )
    return Run(done.returncode, done.stdout, done.stderr, time.monotonic() - begun)


def responders(report: dict[str, Any]) -> list[set[str]]:
    """Who answered at each TTL of a report, from the first."""
    return [{one["address"] for one in hop["responders"]} for hop in report["hops"]]


def error_kinds(report: dict[str, Any]) -> set[str]:
    """The kinds of local trouble a report tells of."""
    return {error["kind"] for error in report["errors"]}
