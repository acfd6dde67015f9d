"""Files that are written while a trace runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol

from tracer.events import Event


class Log(Protocol):
    """What ``tracer.record.Recorder`` and ``tracer.pcapng.CaptureWriter`` have in common."""

    failure: OSError | None

    def write(self, events: Sequence[Event]) -> None: ...

    def close(self) -> None: ...


class LateFile:
    """A file that begins with the first event: a trace that cannot begin leaves an older file alone."""

    def __init__(self, name: str, begin: Callable[[], Log]) -> None:
        self.name = name
        """What the user calls it."""
        self._begin = begin
        self._log: Log | None = None

    def write(self, events: Sequence[Event]) -> None:
        """Append these events. Raises RecordingError where the file cannot be made."""
        if self._log is None:
            self._log = self._begin()
        self._log.write(events)

    def close(self) -> OSError | None:
        """Close the file; returns what ended it early."""
        if self._log is None:
            return None
        self._log.close()
        return self._log.failure


def files(record: Path | None, pcap: Path | None) -> list[LateFile]:
    """The files that the user asked for; what writes them is loaded with the first event."""
    asked = (("recording", record, "record", "Recorder"), ("capture", pcap, "pcapng", "CaptureWriter"))
    return [LateFile(name, _beginner(module, kind, path)) for name, path, module, kind in asked if path]


def _beginner(module: str, kind: str, path: Path) -> Callable[[], Log]:
    def begin() -> Log:
        log: Log = getattr(import_module(f"tracer.{module}"), kind)(path)
        return log

    return begin
