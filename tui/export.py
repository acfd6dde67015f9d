"""What leaves the screen: reports and recordings, masked as the screen is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from tracer.events import Event, TraceStarted
from tracer.ndjson import encode
from tracer.record import Recorder
from tracer.report import pretty
from tracer.report.document import Report
from tracer.report.modes import FILES, Material, Told, of_file
from tracer.report.paths import PathFold
from tracer.stats.paths_taken import TakenFlow
from tracer.text import named
from tui.files import FileError, reserve, write_new
from tui.masked import reports as masked_reports
from tui.mode_names import PRETTY
from tui.scene import Scene
from tui.view.privacy import Masker, Privacy, mask, mask_event
from tui.view.strings import say

SLICE = 1_000
"""Events written before the screen has its turn."""


def reports(scene: Scene, header: TraceStarted | None) -> list[Report]:
    """The reports of the targets on the screen, as they stand there: frozen, closed, masked."""
    return masked_reports(header, [target.snapshot for target in scene.targets], scene.look.privacy)


def as_text(scene: Scene, header: TraceStarted | None, width: int | None = None) -> str:
    """The reports for people; of a trace that runs what is known so far."""
    running = [target.snapshot.reason is None for target in scene.targets]
    render = {True: pretty.render_running, False: pretty.render}
    shown = zip(reports(scene, header), running, strict=False)
    return "\n".join(render[runs]([report], width) for report, runs in shown)


ENDINGS = ", ".join(mode.ending for mode in FILES)
"""Of the files a report can be saved as."""


def save_report(path: Path, scene: Scene, header: TraceStarted | None, log: Sequence[Event]) -> None:
    """Write the report in the format its ending names. Raises FileError.

    ``log`` is what is known of the past: the paths are taken from it, up to the moment on the screen.
    """
    mode = of_file(path.name)
    if mode is None:
        raise FileError(say("ask.format", path=named(str(path)), endings=ENDINGS))
    if mode.name == PRETTY:
        content = as_text(scene, header).encode("utf-8", "replace")
    else:
        flows = _flows(scene, log) if mode.material is Material.PATHS else ()
        content = mode.render(Told(reports=reports(scene, header), flows=flows))
    write_new(path, content)


def _flows(scene: Scene, log: Sequence[Event]) -> list[tuple[TakenFlow, ...]]:
    paths = PathFold()
    paths.apply(mask_event(event, scene.look.privacy) for event in log if event.at_ns <= scene.position_ns)
    return [paths.flows_of(target.label) for target in scene.targets]


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
