"""How far a headless run is: on a terminal only, on stderr only, and gone at the end."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report import samples, stories
from tui import progress
from tui.progress import Progress, line

ROOT = Path(__file__).resolve().parents[2]
SLOW = ["--sim", "clean", "-i", "400ms", "-T", "400ms", "-C", "5"]


def stderr_of(*arguments: str, **variables: str) -> tuple[str, bytes, int]:
    """Run the command with a terminal for stderr alone: what came there, stdout, the exit code."""
    here, there = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "tui.cli", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=there,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **variables},
    ) as child:
        os.close(there)
        written = b""
        while True:
            try:
                part = os.read(here, 65536)
            except OSError:  # EIO: the other end is closed
                break
            if not part:
                break
            written += part
        stdout, _ = child.communicate(timeout=30)
    os.close(here)
    return written.decode(), stdout, child.returncode


def left_on_screen(written: str) -> str:
    """What still stands on the line after all that was written."""
    cells: list[str] = []
    at = 0
    text = written.replace("\x1b[K", "\0")
    for char in text:
        if char == "\r":
            at = 0
        elif char == "\0":
            del cells[at:]
        else:
            cells[at : at + 1] = [char]
            at += 1
    return "".join(cells).strip()


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_long_run_shows_its_rounds_and_leaves_nothing(variables: dict[str, str]) -> None:
    written, stdout, code = stderr_of(*SLOW, "-m", "json", **{"TERM": "xterm", **variables})
    assert code == 0
    assert "/5 rounds" in written
    assert left_on_screen(written) == ""
    assert stdout.startswith(b"{")
    assert variables.get("TERM") != "dumb" or "\x1b" not in written


def test_a_short_run_a_replay_and_a_pipe_show_nothing(tmp_path: Path) -> None:
    record = str(tmp_path / "trace.ndjson")
    assert stderr_of("--sim", "lan", "-C", "1", "-m", "silent", "--record", record)[0] == ""
    assert stderr_of("--replay", record, "-m", "csv")[0] == ""
    done = subprocess.run(
        [sys.executable, "-m", "tui.cli", *SLOW, "-m", "silent"], cwd=ROOT, capture_output=True, check=True
    )
    assert done.stderr == b""


@given(st.integers(0, 100), st.integers(1, 100), st.floats(0, 1e6), st.integers(1, 200))
def test_the_line_fits_and_counts_no_more_than_was_asked(
    done: int, asked: int, elapsed: float, width: int
) -> None:
    text = line(done, asked, elapsed, width)
    assert len(text) < max(width, 1) or text == ""
    assert text.isprintable()
    if width > 80:
        assert f" {min(done, asked)}/{asked} rounds" in text
        assert text.count("#") + text.count(".") == 24


def test_the_bar_fills_with_the_rounds() -> None:
    assert line(0, 4, 0, 80).count("#") == 0
    assert line(2, 4, 0, 80).count("#") == 12
    assert line(4, 4, 0, 80).count("#") == 24


def test_the_slowest_target_tells_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "APPEARS_AFTER_S", 0.0)
    monkeypatch.setattr(progress, "REDRAW_S", 0.0)
    stream = io.StringIO()
    stream.fileno = lambda: (_ for _ in ()).throw(OSError)  # type: ignore[method-assign]
    shown = Progress(2, stream)
    for event in stories.events(samples.eventful()):
        shown.update([event])
    assert "0/2 rounds" in stream.getvalue()
    assert "1/2 rounds" in stream.getvalue()
    shown.close()
    assert left_on_screen(stream.getvalue()) == ""


def test_nobody_watches_a_file() -> None:
    closed = io.StringIO()
    closed.close()
    watched: list[Any] = [None, io.StringIO(), closed]
    assert not any(progress.wanted(stream) for stream in watched)
