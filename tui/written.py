"""Files that are written while a trace runs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from importlib import import_module
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from tracer.errors import ConfigError, RecordingError
from tracer.events import Event

if TYPE_CHECKING:
    from tracer.event_file import EventFile


Begin = Callable[[Path, FileIO | None], "EventFile"]


class LateFile:
    """A file that begins with the first event: a trace that cannot begin leaves an older file alone."""

    def __init__(self, name: str, path: Path, begin: Begin) -> None:
        self.name = name
        """What the user calls it."""
        self._path = path
        self._begin = begin
        self._opened: FileIO | None = None
        self._is_new = False
        self._log: EventFile | None = None

    def open(self) -> None:
        """Open it while the right to do so is there, without touching what stands in it.

        A new one is for nobody else to read: it holds the addresses and names on the user's path.
        Raises RecordingError.
        """
        try:
            self._is_new = not self._path.exists()
            number = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._opened = FileIO(number, "wb")
        except OSError as error:
            raise RecordingError(
                f"{self._path} cannot be written: {error.strerror}.", "Choose another file."
            ) from error

    def write(self, events: Sequence[Event]) -> None:
        """Append these events. Raises RecordingError where the file cannot be made."""
        if self._log is None:
            if self._opened is None:
                self.open()
            if self._opened is not None:
                with contextlib.suppress(OSError):  # a pipe has no length
                    self._opened.truncate(0)
            self._log = self._begin(self._path, self._opened)
        self._log.write(events)

    def close(self) -> OSError | None:
        """Close the file; returns what ended it early."""
        if self._log is None:
            self._leave_no_trace()
            return None
        self._log.close()
        return self._log.failure

    def _leave_no_trace(self) -> None:
        if self._opened is not None:
            self._opened.close()
            if self._is_new:
                with contextlib.suppress(OSError):
                    self._path.unlink()


def files(record: Path | None, pcap: Path | None) -> list[LateFile]:
    """The files that the user asked for; what writes them is loaded with the first event.

    Raises ConfigError where both would be one file.
    """
    if record is not None and pcap is not None and _are_one(record, pcap):
        raise ConfigError("--pcap", str(pcap), "the recording is written there", "Choose another file.")
    asked = (("recording", record, "record", "Recorder"), ("capture", pcap, "pcapng", "CaptureWriter"))
    return [LateFile(name, path, _beginner(module, kind)) for name, path, module, kind in asked if path]


def _are_one(record: Path, pcap: Path) -> bool:
    """They are the same file, and no device such as /dev/null."""
    one = os.path.realpath(record)
    return one == os.path.realpath(pcap) and (os.path.isfile(one) or not os.path.lexists(one))


def _beginner(module: str, kind: str) -> Begin:
    def begin(path: Path, opened: FileIO | None) -> EventFile:
        log: EventFile = getattr(import_module(f"tracer.{module}"), kind)(path, opened)
        return log

    return begin
