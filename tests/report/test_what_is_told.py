"""Recordings, captures and reports hold what the documents say: nothing of this host's user beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.report import samples
from tests.report.test_docs import quoted_words
from tracer.config import TraceConfig
from tracer.report import json as json_report
from tracer.report.stream import encode

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PRIVATE = "keep-this-to-yourself"
"""Stands in the environment, in the paths and among the options of a run."""

SHAPES = ("json", "csv", "markdown", "stream", "dot", "flows", "mtr-json", "trippy-json", "pretty")
OPEN = frozenset({"evidence", "send_errors", "failed"})
"""Their keys are numbers' names, error numbers and error kinds, which the report's own tests know."""

OPTIONS = frozenset(field.name for field in msgspec.structs.fields(TraceConfig))


def keys_of(value: Any, inside: str = "") -> Iterator[tuple[str, str]]:
    """Every key of a document, with the one it stands under; not those of the open ones."""
    if isinstance(value, dict) and inside not in OPEN:
        for key, below in value.items():
            yield inside, key
            yield from keys_of(below, key)
    elif isinstance(value, list):
        for one in value:
            yield from keys_of(one, inside)


def undocumented(document: Any, page: str) -> set[str]:
    """Keys that the page does not name; below ``config`` those that are no option."""
    named = quoted_words(page) | quoted_words("report.md")
    return {key for inside, key in keys_of(document) if key not in (OPTIONS if inside == "config" else named)}


LOGS = (samples.eventful, samples.unreachable, samples.blackhole, samples.unsendable)


@pytest.mark.parametrize("log", LOGS)
def test_reports_and_event_lines_have_the_documented_keys_alone(log: Any) -> None:
    assert undocumented(json.loads(json_report.render([samples.report(log())])), "report.md") == set()
    for event in (samples.HEADER, *log().events):
        assert undocumented(json.loads(encode(event)), "events.md") == set()


AS_SOMEBODY = """
import getpass, os, platform, socket
for module, name in ((socket, "gethostname"), (socket, "getfqdn"), (platform, "node"), (getpass, "getuser")):
    setattr(module, name, lambda *_: os.environ["USER"])
system = os.uname()
os.uname = lambda: os.uname_result((system.sysname, os.environ["USER"], *system[2:]))
from tui.__main__ import main
main()
"""


def run(folder: Path, *arguments: str) -> bytes:
    """The command, by somebody whose name, host, home and environment are private; what it prints."""
    home = folder / PRIVATE
    home.mkdir(exist_ok=True)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(home),
        **dict.fromkeys(("USER", "LOGNAME", "HOSTNAME", "EMAIL", "SSH_CONNECTION"), PRIVATE),
    }
    done = subprocess.run(
        [sys.executable, "-c", AS_SOMEBODY, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def personal(written: bytes) -> set[str]:
    """What stands in it of whoever made it, and of the system and the place it was made with."""
    host = os.uname()
    return {
        text
        for text in (PRIVATE, host.release, host.version, sys.executable, str(ROOT))
        if text.encode() in written
    }


@pytest.mark.parametrize("where", [("--sim", "wan"), ("127.0.0.1", "--udp")], ids=["simulated", "loopback"])
def test_a_recording_and_a_capture_say_nothing_of_their_maker(where: tuple[str, ...], tmp_path: Path) -> None:
    folder = tmp_path / PRIVATE
    folder.mkdir()
    config = folder / "config.toml"
    config.write_text("[trace]\nfirst-ttl = 1\n")
    log, capture = folder / "log", folder / "capture"
    files = ("--record", str(log), "--pcap", str(capture), "-c", str(config))
    report = run(tmp_path, *where, "-C", "2", "-m", "json", *files)
    recorded = log.read_bytes()
    assert personal(report) == personal(recorded) == personal(capture.read_bytes()) == set()
    assert undocumented(json.loads(report), "report.md") == set()
    lines = [json.loads(line) for line in recorded.splitlines()]
    assert len(lines) > 3
    assert set().union(*(undocumented(line, "events.md") for line in lines)) == set()


@pytest.mark.parametrize("shape", SHAPES)
def test_no_other_report_says_anything_of_its_maker(shape: str, tmp_path: Path) -> None:
    told = run(tmp_path, "--sim", "lan", "-C", "1", "-m", shape)
    assert told
    assert personal(told) == set()


def test_what_would_be_found_is_found() -> None:
    assert personal(f"x {PRIVATE}/log".encode()) == {PRIVATE}
    assert undocumented({"hops": [{"user_name": 1}], "config": {"ttl": 1}}, "report.md") == {
        "user_name",
        "ttl",
    }
