"""Recordings: the event log as a file, written as it happens and read back to its last whole line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from tracer.errors import RecordingError
from tracer.event_file import EventFile
from tracer.events import SCHEMA, Event, TraceStarted
from tracer.ndjson import decode, encode

_UNREADABLE = (msgspec.DecodeError, ValueError, RecursionError)
"""What bytes that are no event raise: no JSON or no event, no UTF-8 or an endless number, a deep nest."""


class Recorder(EventFile):
    """Writes the log, a line for each event."""

    def encoded(self, events: Sequence[Event]) -> bytes:
        return b"".join(encode(event) for event in events)


def read(path: Path) -> Iterator[Event]:
    """Yield the events of a recording, the ``trace_started`` line first.

    A last line that is cut off is left out; events of a kind this version does not know are passed over.
    Raises RecordingError for a file that is no recording, and for damage before its last line.
    """
    try:
        with path.open("rb") as lines:
            yield from _events(path, lines)
    except OSError as error:
        raise RecordingError(
            f"{path} cannot be read: {error.strerror}.", "Give the path of a recording."
        ) from error


def _events(path: Path, lines: Iterator[bytes]) -> Iterator[Event]:
    yield _header(path, next(lines, b""))
    for number, line in enumerate(lines, start=2):
        if not line.endswith(b"\n"):
            return
        try:
            event = decode(line)
        except msgspec.ValidationError as error:
            if _is_unknown(line):
                continue
            raise _damaged(path, number, str(error)) from error
        except _UNREADABLE as error:
            raise _damaged(path, number, str(error)) from error
        yield event


def _header(path: Path, line: bytes) -> TraceStarted:
    try:
        header = decode(line)
    except _UNREADABLE as error:
        raise RecordingError(
            f"{path} is not a recording: its first line is no trace_started event.",
            "Recordings are written with --record.",
        ) from error
    if not isinstance(header, TraceStarted) or header.schema != SCHEMA:
        raise RecordingError(
            f"{path} is not a recording of schema {SCHEMA}.", "Recordings are written with --record."
        )
    samples = header.config.get("max_samples", 1)
    if not isinstance(samples, int) or not 0 < samples < 1 << 31:
        raise _damaged(path, 1, f"max_samples cannot be {samples!r}")
    return header


def _damaged(path: Path, number: int, reason: str) -> RecordingError:
    return RecordingError(f"{path} is damaged in line {number}: {reason}.", "Cut it off before that line.")


class _Tag(msgspec.Struct):
    event: str


def _is_unknown(line: bytes) -> bool:
    """A sound line whose event this version has no name for."""
    try:
        return msgspec.json.decode(line, type=_Tag).event not in _KNOWN
    except _UNREADABLE:
        return False


_KNOWN = frozenset(str(kind.__struct_config__.tag) for kind in Event.__args__)
