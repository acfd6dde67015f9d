"""The ``hopscope`` command, run inside the lab, and the mtr and traceroute it is compared with."""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.lab.labkit.namespace import Namespace, User

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Mapping

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


class EventStream:
    """The events of a product that runs in stream mode, as it prints them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        """Everything printed so far."""
        self._rest = b""
        self._began_ns: int | None = None

    def until(self, wanted: Callable[[dict[str, Any]], bool], seconds: float = 20) -> dict[str, Any]:
        """Read on to the first event that is wanted. Raises TimeoutError, or EOFError at the stream's end."""
        deadline = time.monotonic() + seconds
        while True:
            event = self._next(deadline)
            self.events.append(event)
            if wanted(event):
                return event

    def drain(self) -> int:
        """Read what has been printed by now; returns the newest round of any probe."""
        while True:
            try:
                self.events.append(self._next(0.0))
            except (TimeoutError, EOFError):
                return max((event["round"] for event in self.events if "round" in event), default=0)

    def _next(self, deadline: float) -> dict[str, Any]:
        assert self.process.stdout is not None
        fd = self.process.stdout.fileno()
        while b"\n" not in self._rest:
            if not select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"the event does not come; the last were {self.events[-3:]}")
            chunk = os.read(fd, 65536)
            if not chunk:
                errors = self.process.stderr.read() if self.process.stderr else ""
                raise EOFError(f"the stream ended; the last were {self.events[-3:]}: {errors}")
            self._rest += chunk
        line, self._rest = self._rest.split(b"\n", 1)
        event: dict[str, Any] = json.loads(line)
        began_ns = time.monotonic_ns() - event["at_ns"]
        self._began_ns = began_ns if self._began_ns is None else min(began_ns, self._began_ns)
        return event

    def now_ns(self) -> int:
        """This moment on the clock of the log, early by what the quickest event took to get here."""
        assert self._began_ns is not None
        return time.monotonic_ns() - self._began_ns


@contextlib.contextmanager
def hopscope_stream(
    namespace: Namespace,
    *arguments: str,
    user: User = User.NOBODY,
    environment: Mapping[str, str] = ENVIRONMENT,
) -> Iterator[EventStream]:
    """Run the product inside in stream mode for at most as long as the block lasts."""
    command = hopscope_command("-m", "stream", *arguments)
    with namespace.start(command, user=user, environment=environment, directory=ROOT) as process:
        yield EventStream(process)


def responders(report: dict[str, Any]) -> list[set[str]]:
    """Who answered at each TTL of a report, from the first."""
    return [{one["address"] for one in hop["responders"]} for hop in report["hops"]]


def error_kinds(report: dict[str, Any]) -> set[str]:
    """The kinds of local trouble a report tells of."""
    return {error["kind"] for error in report["errors"]}
