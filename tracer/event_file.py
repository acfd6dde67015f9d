"""A file of events that grows while a trace runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from io import RawIOBase
from pathlib import Path

from tracer.errors import RecordingError
from tracer.events import Event


class EventFile(ABC):
    """Writes every batch of events at once, so that a crash costs at most a part of the last one.

    A disk that fills up ends the file, not the trace: ``failure`` then says why.
    """

    def __init__(self, path: Path, opened: RawIOBase | None = None) -> None:
        """Write to ``opened`` where the file was opened beforehand, else to ``path``.

        Raises RecordingError where it cannot be opened.
        """
        self.failure: OSError | None = None
        """What ended the file early."""
        try:
            self._file: RawIOBase = opened or path.open("wb", buffering=0)
        except OSError as error:
            raise RecordingError(
                f"{path} cannot be written: {error.strerror}.", "Choose another file."
            ) from error

    @abstractmethod
    def encoded(self, events: Sequence[Event]) -> bytes:
        """These events as the file holds them."""

    def write(self, events: Sequence[Event]) -> None:
        """Append these events."""
        if self.failure is not None:
            return
        rest = memoryview(self.encoded(events))
        try:
            while rest:
                # A disk that is nearly full takes a part; the next write says why.
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self.failure = error

    def close(self) -> None:
        """Close the file."""
        self._file.close()
