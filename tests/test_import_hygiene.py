"""What a fresh interpreter loads: a headless run needs no screen and no Scapy, help needs no network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tracer.report.modes import MODES

ROOT = Path(__file__).parents[1]
SCREEN_AND_SCAPY = {"textual", "rich", "scapy"}

HEADLESS = {
    **{mode.name: ["--sim", "clean", "-C", "1", "-m", mode.name] for mode in MODES},
    "json": ["--sim", "wan", "-C", "1", "-m", "json"],
    "default": ["--sim", "clean", "-C", "1"],
    "print-config": ["--print-config"],
    "template": ["--print-config-template"],
    "manual": ["--generate-man"],
}
PRINTING = {"print-config", "template", "manual"}
LOOKUPS = {"dns", "maxminddb"}
SETTINGS = {"tui.settings", "tui.settable", "tui.scene"}


def fresh(*arguments: str) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """Run an interpreter; returns how it ended and every module it imported, as it says itself."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    rows = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return done, {line.rpartition("|")[2].strip() for line in rows}


def packages(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def inside(modules: set[str], package: str) -> set[str]:
    return {module for module in modules if module == package or module.startswith(f"{package}.")}


@pytest.mark.parametrize("mode", HEADLESS)
def test_a_headless_run_loads_neither_a_screen_nor_scapy(mode: str) -> None:
    done, modules = fresh("-m", "tui.cli", *HEADLESS[mode])
    assert done.returncode == 0, done.stderr[-2000:]
    assert ("tracer.session" in modules) != (mode in PRINTING)
    assert not packages(modules) & (SCREEN_AND_SCAPY | LOOKUPS)
    assert not inside(modules, "tracer.lookup")
    assert mode in PRINTING or not modules & SETTINGS
    # A simulation opens no sockets, so nothing that could is loaded.
    assert not inside(modules, "tracer.net")
    assert "netifaces" not in modules


def test_a_headless_run_prints_its_report() -> None:
    done, _ = fresh("-m", "tui.cli", *HEADLESS["json"])
    report = json.loads(done.stdout)
    assert report["outcome"]["target_ttl"] == 16


def test_a_replay_loads_neither_a_screen_nor_scapy_nor_the_network(tmp_path: Path) -> None:
    file = str(tmp_path / "trace.ndjson")
    fresh("-m", "tui.cli", "--sim", "clean", "-C", "1", "--record", file)
    done, modules = fresh("-m", "tui.cli", "--replay", file, "-m", "json")
    assert done.returncode == 0, done.stderr[-2000:]
    assert not packages(modules) & SCREEN_AND_SCAPY
    assert not inside(modules, "tracer.net")
    assert not inside(modules, "tracer.sim")


def test_the_first_frame_waits_for_nothing_it_does_not_show() -> None:
    done, modules = fresh("-c", "from tui import cli, interactive")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "tui.first_frame" in modules
    assert not packages(modules) & {
        *SCREEN_AND_SCAPY,
        "platformdirs",
        "tempfile",
        "shutil",
        "tomllib",
        "statistics",
    }
    assert not inside(modules, "tracer.net") | inside(modules, "tracer.sim")
    assert not modules & {"tui.settings", "tui.app", "tui.replay", "tui.export", "tracer.record"}


def test_the_package_loads_neither_a_screen_nor_scapy_nor_the_command_line() -> None:
    done, modules = fresh("-c", "import tracer")
    assert done.returncode == 0
    assert "tracer" in modules
    assert not packages(modules) & (SCREEN_AND_SCAPY | {"click", "tui"})


@pytest.mark.parametrize(
    ("options", "loaded"),
    [
        (["-m", "json"], set()),
        (["-m", "json", "-n"], set()),
        (["-m", "pretty", "-n"], set()),
        (["-m", "pretty"], set()),
        (["-m", "json", "--dns-server", "127.0.0.1:9"], {"dns"}),
    ],
)
def test_a_real_trace_loads_what_looks_names_up_only_where_it_is_asked_for(
    options: list[str], loaded: set[str]
) -> None:
    done, modules = fresh("-m", "tui.cli", "127.0.0.1", "--udp", "-C", "1", "--dns-timeout", "1s", *options)
    assert done.returncode == 0, done.stderr[-2000:]
    assert packages(modules) & (LOOKUPS | SCREEN_AND_SCAPY) == loaded


AT_THE_FIRST_PACKET = """
import sys
def hear(event, _):
    if event in ("socket.sendto", "socket.sendmsg") and not told:
        told.append(event)
        print("loaded:", *sys.modules, file=sys.stderr)
told = []
sys.addaudithook(hear)
from tui.cli import main
main()
"""


def test_the_first_packet_leaves_before_event_loop_statistics_and_reports_are_loaded() -> None:
    options = ["127.0.0.1", "--udp", "-C", "1", "-m", "json"]
    done, modules = fresh("-c", AT_THE_FIRST_PACKET, *options)
    assert json.loads(done.stdout)["schema"] == "hopscope.report/1"
    [loaded] = [set(line.split()) for line in done.stderr.splitlines() if line.startswith("loaded:")]
    assert "tracer.session" in loaded
    late = {"asyncio", "tracer.stats.tracker", "tracer.report.document"}
    assert late <= modules
    assert not late & loaded


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_loads_no_network_no_simulation_and_no_screen(option: str) -> None:
    done, modules = fresh("-m", "tui.cli", option)
    assert done.returncode == 0
    assert "hopscope" in done.stdout.lower()
    assert not modules & {"asyncio", "tracer.session", "tracer.report.document"}
    assert not packages(modules) & SCREEN_AND_SCAPY
    assert not inside(modules, "tracer.net") | inside(modules, "tracer.sim")
