"""The registry of report modes: every mode renders every log, always the same, and loads only itself."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report import samples, stories, write_golden
from tests.stats.logbook import Log
from tracer.events import Event
from tracer.names import AsnInfo, Place
from tracer.ndjson import decode, encode
from tracer.report.modes import BY_NAME, FILES, MODES, Material, of_file

ROOT = Path(__file__).parents[2]
LOGS: dict[str, list[Event]] = {
    "eventful": stories.events(samples.eventful()),
    "branching": stories.branching(),
    "unreachable": stories.events(samples.unreachable()),
    "blackhole": stories.events(samples.blackhole()),
    "unsendable": stories.events(samples.unsendable()),
    "ipv6": stories.events(samples.ipv6()[1], samples.ipv6()[0]),
    "nowhere": stories.events(Log(), samples.nowhere()),
    "header": stories.events(Log()),
}

every_mode = pytest.mark.parametrize("mode", [mode.name for mode in MODES])
every_log = pytest.mark.parametrize("name", LOGS)


@pytest.mark.parametrize("name", write_golden.content())
def test_the_golden_files_hold(name: str) -> None:
    written = (write_golden.GOLDEN / name).read_bytes()
    assert write_golden.content()[name] == written, "python -m tests.report.write_golden, and look"


@every_mode
@every_log
def test_a_log_read_back_gives_the_same_bytes(mode: str, name: str) -> None:
    log = LOGS[name]
    again = [decode(encode(event)) for event in log]
    assert stories.render(mode, again) == stories.render(mode, log)


@every_mode
@every_log
def test_a_log_cut_off_anywhere_is_told_too(mode: str, name: str) -> None:
    for length in range(1, len(LOGS[name]) + 1):
        text = stories.render(mode, LOGS[name][:length]).decode()
        assert all(line.isprintable() for line in text.splitlines())


@every_mode
def test_no_log_is_no_report(mode: str) -> None:
    assert stories.render(mode, []).strip() in (b"", b"[]") or mode == "csv"


@pytest.mark.parametrize("mode", [mode.name for mode in MODES if mode.name != "json"])
@given(name=st.text(max_size=40) | st.just(stories.HOSTILE))
def test_hostile_names_reach_nobody(mode: str, name: str) -> None:
    """In ``json`` they are what the document holds, which is made printable when it is built."""
    known = {
        "hostname": name,
        "asn": AsnInfo(number=64500, name=name),
        "place": Place(city=name, country=name),
    }
    report = stories.named(samples.report(samples.eventful()), **known)
    text = stories.told(mode, [report], stories.events(samples.eventful())).decode()
    assert all(line.isprintable() for line in text.split("\n"))


def test_only_streams_and_silence_make_no_file() -> None:
    assert {mode.name for mode in MODES} - {mode.name for mode in FILES} == {"stream", "silent"}
    assert len({mode.ending for mode in FILES}) == len(FILES)


@pytest.mark.parametrize(
    ("file", "mode"),
    [
        ("a.json", "json"),
        ("a.mtr.json", "mtr-json"),
        ("A.TRIPPY.JSON", "trippy-json"),
        ("a.txt", "pretty"),
        ("a.flows.txt", "flows"),
        ("a.gv", None),
        ("json", None),
    ],
)
def test_the_longest_ending_that_fits_names_the_format(file: str, mode: str | None) -> None:
    found = of_file(file)
    assert (None if found is None else found.name) == mode


def test_a_mode_loads_itself_and_no_other() -> None:
    code = (
        "import sys, json; from tracer.report.modes import BY_NAME, Listening\n"
        "Listening(BY_NAME[sys.argv[1]]).render([])\n"
        "print(json.dumps([name for name in sys.modules if name.startswith('tracer.report.')]))"
    )
    loaded = {}
    for mode in MODES:
        done = subprocess.run(
            [sys.executable, "-c", code, mode.name], cwd=ROOT, capture_output=True, text=True, check=True
        )
        loaded[mode.name] = {name.removeprefix("tracer.report.") for name in json.loads(done.stdout)}
    assert loaded["silent"] == loaded["stream"] == {"modes"}
    every_report = {"modes", "document", "marks", "shown"}
    assert loaded["csv"] == {*every_report, "csv", "about"}
    assert loaded["mtr-json"] == {*every_report, "mtr", "about"}
    assert not loaded["json"] & {"pretty", "csv", "dot", "paths"}


def test_paths_are_folded_only_for_modes_that_draw_them() -> None:
    assert {mode.name for mode in MODES if mode.material is Material.PATHS} == {"dot", "flows"}
    assert BY_NAME["stream"].material is Material.EVENTS


@pytest.mark.parametrize("mode", ["json", "mtr-json", "trippy-json"])
@every_log
def test_jq_reads_the_json(mode: str, name: str) -> None:
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    counting = {
        "json": ".hops | length",
        "trippy-json": ".hops | length",
        "mtr-json": ".report.hubs | length",
    }
    content = stories.render(mode, LOGS[name])
    done = subprocess.run(["jq", counting[mode]], input=content, capture_output=True, check=True)
    assert int(done.stdout) == len(json.loads(stories.render("json", LOGS[name]))["hops"])
