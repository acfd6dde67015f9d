"""What leaves the screen: reports and recordings, masked as the screen is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from tracer.events import Event, TraceStarted
from tracer.ndjson import encode
from tracer.record import Recorder
from tracer.report import json, pretty
from tracer.report.document import Report, build
from tracer.text import named
from tui.files import FileError, reserve, write_new
from tui.scene import Scene
from tui.view.privacy import Masker, Privacy, mask, mask_event
from tui.view.strings import say

SLICE = 1_000
"""Events written before the screen has its turn."""


def reports(scene: Scene, header: TraceStarted | None) -> list[Report]:
    """The reports of the targets on the screen, as they stand there: frozen, closed, masked."""
    privacy = scene.look.privacy
    masked = None if header is None else mask_event(header, privacy)
    if not isinstance(masked, TraceStarted):
        return []
    snapshots = [mask(target.snapshot, privacy) for target in scene.targets]
    return [build(masked, snapshot.target, snapshot) for snapshot in snapshots]


def as_text(scene: Scene, header: TraceStarted | None, width: int | None = None) -> str:
    """The reports for people; of a trace that runs what is known so far."""
    running = [target.snapshot.reason is None for target in scene.targets]
    render = {True: pretty.render_running, False: pretty.render}
    shown = zip(reports(scene, header), running, strict=False)
    return "\n".join(render[runs]([report], width) for report, runs in shown)


def _as_json(scene: Scene, header: TraceStarted | None) -> bytes:
    return json.render(reports(scene, header))


def _as_text(scene: Scene, header: TraceStarted | None) -> bytes:
    return as_text(scene, header).encode("utf-8", "replace")


FORMATS: dict[str, Callable[[Scene, TraceStarted | None], bytes]] = {".json": _as_json, ".txt": _as_text}
"""Formats of a report by the ending of its file."""


def save_report(path: Path, scene: Scene, header: TraceStarted | None) -> None:
    """Write the report in the format its ending names. Raises FileError."""
    render = FORMATS.get(path.suffix.lower())
    if render is None:
        raise FileError(say("ask.format", path=named(str(path)), endings=", ".join(FORMATS)))
    write_new(path, render(scene, header))


async def save_log(path: Path, events: Sequence[Event], privacy: Privacy) -> None:
    """Write a whole log. Raises FileError."""
    parts = []
    masker = Masker()
    for start in range(0, len(events), SLICE):
        parts.append(b"".join(encode(masker.mask(event, privacy)) for event in events[start : start + SLICE]))
        await asyncio.sleep(0)
    write_new(path, b"".join(parts))


class RunningRecording:
    """A recording of a trace that goes on: what is known of its past, and then every event as it comes.

    It holds one trace: when the trace starts over, or the disk is full, it ends. What is private when an
    event is written is masked in it; ``privacy`` tells.
    """

    def __init__(self, path: Path, past: Sequence[Event], privacy: Callable[[], Privacy]) -> None:
        reserve(path)
        self.path = path
        self.count = 0
        """Events written."""
        self.ended = False
        self._privacy = privacy
        self._masker = Masker()
        self._recorder = Recorder(path)
        self._write(past)

    @property
    def failure(self) -> OSError | None:
        """What ended it early."""
        return self._recorder.failure

    def write(self, events: Sequence[Event]) -> None:
        """Hear the next events."""
        if any(isinstance(event, TraceStarted) for event in events):
            self.close()
        if not self.ended:
            self._write(events)

    def _write(self, events: Sequence[Event]) -> None:
        privacy = self._privacy()
        self._recorder.write([self._masker.mask(event, privacy) for event in events])
        self.count += len(events)
        if self.failure is not None:
            self.close()

    def close(self) -> None:
        """End it."""
        if not self.ended:
            self.ended = True
            self._recorder.close()


def default_name(scene: Scene, started_at: str, ending: str) -> str:
    """A name for a file about the target on the screen; nothing in it can leave the folder."""
    target = scene.target
    query = "trace" if target is None else mask(target.snapshot, scene.look.privacy).target.query
    safe = "".join(char if char.isascii() and (char.isalnum() or char in ".-") else "_" for char in query)
    moment = "".join(char for char in started_at[:19] if char.isdigit() or char == "T")
    return f"hopscope-{safe[:60].lstrip('.')}-{moment}{ending}"
