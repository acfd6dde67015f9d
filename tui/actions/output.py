"""What is taken out of the program: copies, reports, recordings, and the last picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tracer.errors import HopscopeError
from tracer.events import Event
from tui.export import RunningRecording, as_text, default_name, save_log, save_report
from tui.parts import rows_of
from tui.source import LiveSource
from tui.view.columns import COLUMNS, available, chosen
from tui.view.commands import BY_ID, keys_of
from tui.view.strings import say
from tui.view.table import markdown
from tui.widgets import Prompt

if TYPE_CHECKING:
    from tui.screens.main import MainScreen

_SHOWN = 60
"""Characters of a copied text that the notice repeats."""


def tell(screen: MainScreen, text: str) -> None:
    """A notice; never read as markup."""
    screen.notify(text, markup=False)


def complain(screen: MainScreen, text: str) -> None:
    """A notice of something that did not work."""
    screen.notify(text, severity="error", markup=False)


def copy_cell(screen: MainScreen) -> None:
    """Copy the host of the selected row, or what stands in the column that was clicked last."""
    target = screen.scene.target
    rows = () if target is None else rows_of(screen.scene, target)
    at = None if target is None else (target.selected, target.ordinal)
    row = next((row for row in rows if row.key == at), None)
    if row is None:
        tell(screen, say("told.nothing-selected"))
        return
    text = COLUMNS[screen.cell_column].text(row)
    screen.app.copy_to_clipboard(text)
    tell(screen, say("told.copied", text=text[:_SHOWN]))


def copy_table(screen: MainScreen) -> None:
    """Copy the table as it is shown, uncut."""
    target = screen.scene.target
    if target is not None:
        rows = rows_of(screen.scene, target)
        columns = available(chosen(screen.look.columns), screen.scene.facts)
        screen.app.copy_to_clipboard(markdown(columns, rows))
        tell(screen, say("told.table-copied", rows=len(rows)))


def _ask_for_path(screen: MainScreen, question: str, name: str, save: Callable[[Path], None]) -> None:
    """Ask where to write. What is refused is asked again, as it was typed."""

    def answered(text: str) -> None:
        if not text:
            return
        try:
            save(Path(text).expanduser())
        except (HopscopeError, RuntimeError) as error:  # RuntimeError: there is no such user's home
            complain(screen, str(error))
            _ask_for_path(screen, question, text, save)

    screen.query_one(Prompt).ask(question, name, done=answered)


def _name(screen: MainScreen, ending: str) -> str:
    return default_name(screen.scene, datetime.now(UTC).isoformat(), ending)


def ask_for_report(screen: MainScreen) -> None:
    """Write the report of what is on the screen."""

    def save(path: Path) -> None:
        save_report(path, screen.scene, screen.source.bridge.header, screen.source.recorded())
        tell(screen, say("told.report-saved", path=path))

    _ask_for_path(screen, "ask.save-report", _name(screen, ".json"), save)


def record(screen: MainScreen) -> None:
    """Begin a recording, or end the one that runs; of a replay, write all of it."""
    if screen.recording is not None and not screen.recording.ended:
        screen.recording.close()
        tell_of_recording(screen, screen.recording)
    else:
        source = screen.source
        save = (
            partial(_begin_recording, screen, source)
            if isinstance(source, LiveSource)
            else partial(_save_log, screen)
        )
        _ask_for_path(screen, "ask.save-recording", _name(screen, ".ndjson"), save)


def _begin_recording(screen: MainScreen, source: LiveSource, path: Path) -> None:
    recording = RunningRecording(path, source.recorded(), lambda: screen.look.privacy)
    screen.recording = recording
    if recording.ended:
        tell_of_recording(screen, recording)
        return

    def hear(events: Sequence[Event]) -> None:
        was_running = not recording.ended
        recording.write(events)
        if recording.ended:
            source.unlisten(hear)
        if recording.ended and was_running:  # by a full disk or a new trace, which nobody has told of yet
            tell_of_recording(screen, recording)

    source.listen(hear)
    key = next(iter(keys_of(BY_ID["save-recording"], screen.look.keys)), "")
    tell(screen, say("told.recording-begun", path=path, key=key))


def tell_of_recording(screen: MainScreen, recording: RunningRecording) -> None:
    """How a recording ended."""
    if recording.failure is not None:
        reason = recording.failure.strerror
        complain(screen, say("told.recording-broken", path=recording.path, reason=reason))
    else:
        tell(screen, say("told.recording-ended", path=recording.path, count=recording.count))


def _save_log(screen: MainScreen, path: Path) -> None:
    screen.run_worker(_write_log(screen, path), name="save-recording")


async def _write_log(screen: MainScreen, path: Path) -> None:
    try:
        await save_log(path, screen.source.recorded(), screen.look.privacy)
    except HopscopeError as error:
        complain(screen, str(error))
    else:
        tell(screen, say("told.recording-saved", path=path))


def leave_with_report(screen: MainScreen) -> None:
    """End the program; the report of what is on the screen stays on the terminal."""
    screen.last_words = as_text(screen.scene, screen.source.bridge.header, screen.app.size.width)
    screen.app.exit()


ACTIONS: dict[str, Callable[[MainScreen], None]] = {
    "copy-cell": copy_cell,
    "copy-table": copy_table,
    "save-report": ask_for_report,
    "save-recording": record,
    "quit-preserve-screen": leave_with_report,
}
