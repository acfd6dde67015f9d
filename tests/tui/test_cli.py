"""The ``hopscope`` command as other programs see it: exit codes, stdout, and one sentence on stderr."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tracer import prepare
from tracer.config import Declared, declarations, format_duration
from tracer.errors import LocalError, NotPermittedError
from tracer.events import Event
from tracer.model import Failure, FailureKind
from tracer.version import VERSION
from tui import cli
from tui.mode_names import MODE_NAMES, TUI

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
LAN = ("--sim", "lan", "-C", "1")


@dataclass(frozen=True)
class Run:
    """How a run of the command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    def complaint(self) -> str:
        """The one sentence (and its remedy) on stderr."""
        assert "Traceback" not in self.stderr
        [line] = self.stderr.splitlines()
        assert line.startswith("hopscope: ")
        assert line.endswith(".")
        return line


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Run the console script in this process."""

    def hopscope(*arguments: str) -> Run:
        stdout, stderr = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        monkeypatch.setattr(sys, "argv", ["hopscope", *arguments])
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            with pytest.raises(SystemExit) as ended:
                cli.main()
            for stream in (stdout, stderr):
                stream.flush()
        texts = [stream.buffer.getvalue().decode() for stream in (stdout, stderr)]
        return Run(int(ended.value.code or 0), *texts)

    return hopscope


def process(*arguments: str | bytes, **options: Any) -> subprocess.Popen[bytes]:
    """The command as a process of its own."""
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen([sys.executable, "-m", "tui.cli", *arguments], cwd=ROOT, **pipes)


# Exit codes


@pytest.mark.parametrize(
    ("scenario", "code"),
    [("lan", 0), ("clean", 0), ("blackhole", 1)],
)
def test_reached_is_0_and_not_reached_is_1(run: Callable[..., Run], scenario: str, code: int) -> None:
    done = run("--sim", scenario, "-C", "1", "-m", "json", "--timeout", "100ms", "--gap-limit", "1")
    assert done.code == code
    assert done.json["outcome"]["reached"] is (code == 0)
    assert done.stderr == ""


def test_no_target_is_a_usage_error(run: Callable[..., Run]) -> None:
    done = run()
    assert done.code == 2
    assert "Give a TARGET" in done.complaint()
    assert done.stdout == ""


def test_what_is_not_permitted_is_3(run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    async def real(*_: object) -> None:
        raise NotPermittedError("The sysctl says no.", "Ask root.")

    monkeypatch.setattr(prepare, "real", real)
    done = run("--icmp", "127.0.0.1")
    assert done.code == 3
    assert done.complaint() == "hopscope: The sysctl says no. Ask root."


def test_an_unresolved_target_is_4_with_a_report(run: Callable[..., Run]) -> None:
    done = run("127.0.0.1", "-6", "-m", "json")
    assert done.code == 4
    assert done.json["outcome"]["reason"] == "error"
    [error] = done.json["errors"]
    assert error["kind"] == "target_not_resolved"
    assert error["message"] == "127.0.0.1 has no address."


def test_nothing_sent_is_5_with_a_report(run: Callable[..., Run]) -> None:
    done = run("127.0.0.1", "--udp", "-A", "198.18.77.77", "-C", "1", "-m", "json")
    assert done.code == 5
    assert (done.json["health"]["sent"], done.json["outcome"]["reason"]) == (0, "error")
    [error] = done.json["errors"]
    assert error["kind"] == "source_unavailable"
    assert error["remedy"]
    assert error["evidence"]["address"] == "198.18.77.77"


def test_a_host_that_cannot_send_at_all_is_5(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def real(*_: object) -> None:
        raise LocalError(
            Failure(kind=FailureKind.SOURCE_UNAVAILABLE, message="No address.", remedy="Get one.")
        )

    monkeypatch.setattr(prepare, "real", real)
    done = run("127.0.0.1")
    assert done.code == 5
    assert done.complaint() == "hopscope: No address. Get one."


def test_want_of_descriptors_is_5(run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    async def real(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(prepare, "real", real)
    done = run("127.0.0.1")
    assert done.code == 5
    assert "ulimit" in done.complaint()


def test_the_worst_of_several_targets_decides(run: Callable[..., Run]) -> None:
    assert run("127.0.0.1", "::1", "-4", "--udp", "-C", "1").code == 4
    assert run("127.0.0.1", "::1", "-4", "--udp", "-C", "1", "-A", "198.18.77.77").code == 5


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_gives_a_partial_report_and_its_code(tmp_path: Path, number: int, code: int) -> None:
    record = tmp_path / "trace.ndjson"
    os.mkfifo(record)
    with process("--sim", "blackhole", "-C", "1000000", "-m", "json", "--record", str(record)) as child:
        with record.open("rb") as events:
            assert any(b'"probe_sent"' in line for line in events if b'"probe_sent"' in line)
            child.send_signal(number)
            for _ in events:
                pass
        stdout, stderr = child.communicate(timeout=20)
    assert (child.returncode, stderr) == (code, b"")
    report = json.loads(stdout)
    assert report["outcome"]["reason"] == "interrupted"
    assert report["hops"][0]["sent"] >= 1


def test_ctrl_c_before_the_first_probe_is_130_without_a_traceback(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def real(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(prepare, "real", real)
    done = run("127.0.0.1")
    assert done.code == 130
    assert "Traceback" not in done.stderr


INTERRUPTED = """
import os, signal, sys
class Interrupts:
    @classmethod
    def find_spec(cls, name, *_):
        if name == "tui.options":
            os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupts)
from tui.__main__ import main
main()
"""


def test_ctrl_c_while_it_is_loaded_leaves_no_traceback() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, check=False, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


# Usage errors, generated from the declarations

RANGED = [one for one in declarations() if one.option.low is not None]


def _written(declared: Declared, value: int) -> str:
    return format_duration(value) if declared.is_duration else str(value)


def _bad_values() -> list[tuple[str, str]]:
    bad = [(one.flag, _written(one, one.option.low - 1)) for one in RANGED if one.option.low is not None]
    bad += [(one.flag, _written(one, one.option.high + 1)) for one in RANGED if one.option.high is not None]
    bad += [(one.flag, text) for one in RANGED for text in ("", "many", "-1", "1.5e3", "9" * 400)]
    bad += [(one.flag, f"{'9' * 400}h") for one in RANGED if one.is_duration]
    bad += [(one.flag, text) for one in declarations() if one.choices for text in ("", "neither")]
    bad += [("--source-address", text) for text in ("", "nope", "198.18.0.0/15")]
    return [*bad, ("--interface", "\x1b[31m"), ("--mode", "neither"), ("--json-schema", "neither")]


@pytest.mark.parametrize(("flag", "value"), _bad_values())
def test_a_bad_value_is_refused_in_one_sentence_that_names_the_option(
    run: Callable[..., Run], flag: str, value: str
) -> None:
    done = run(*LAN, f"{flag}={value}")
    assert done.code == 2
    assert flag in done.complaint()
    assert done.stdout == ""
    assert done.complaint().isprintable()


@pytest.mark.parametrize("declared", RANGED, ids=lambda one: one.name)
def test_both_ends_of_a_range_are_accepted(declared: Declared) -> None:
    for value in (declared.option.low, declared.option.high):
        declared.option.check(declared.name, value)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--bogus"], "--bogus"),
        (["-%"], "-%"),
        (["--udp", "--tcp"], "--udp"),
        (["--udp", "-p", "icmp"], "--protocol"),
        (["-4", "-6"], "-4/--ipv4"),
        (["-f", "9", "-t", "8"], "--first-ttl"),
        (["-i", "2s", "-T", "1s"], "--min-round-duration"),
        (["-P", "80"], "--target-port"),
        (["--icmp", "-S", "4000"], "--source-port"),
        (["-6", "--packet-size", "40"], "--packet-size"),
        (["-A", "198.18.0.1", "-I", "lo"], "--source-address"),
        (["-C"], "-C"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_sentence(
    run: Callable[..., Run], arguments: list[str], named: str
) -> None:
    done = run("--sim", "lan", *arguments)
    assert done.code == 2
    assert named in done.complaint()


@pytest.mark.parametrize("option", [["-A", "198.18.0.1"], ["-I", "lo"], ["--channel", "errqueue"]])
def test_a_simulation_refuses_what_it_would_ignore(run: Callable[..., Run], option: list[str]) -> None:
    done = run(*LAN, *option)
    assert done.code == 2
    assert "simulated" in done.complaint()


@pytest.mark.parametrize("option", [["host"], ["--sim", "lan"], ["--record", "x"], ["-C", "3"], ["--udp"]])
def test_a_replay_refuses_what_it_would_ignore(run: Callable[..., Run], option: list[str]) -> None:
    done = run("--replay", "trace.ndjson", *option)
    assert done.code == 2
    assert "--replay" in done.complaint()


def test_an_interface_nobody_has_is_refused(run: Callable[..., Run]) -> None:
    done = run("127.0.0.1", "-I", "nope0")
    assert done.code == 2
    assert "There are: " in done.complaint()


@pytest.mark.parametrize("scenario", ["nowhere", "/nonexistent/file.toml", ""])
def test_an_unknown_scenario_is_refused(run: Callable[..., Run], scenario: str) -> None:
    done = run("--sim", scenario)
    assert done.code == 2
    assert done.complaint()


def test_a_refused_run_leaves_an_older_recording_alone(run: Callable[..., Run], tmp_path: Path) -> None:
    record = tmp_path / "trace.ndjson"
    record.write_bytes(b"precious\n")
    assert run("--sim", "nowhere", "--record", str(record)).code == 2
    assert record.read_bytes() == b"precious\n"


def test_a_recording_that_cannot_be_written_is_refused(run: Callable[..., Run], tmp_path: Path) -> None:
    done = run(*LAN, "--record", str(tmp_path / "missing" / "trace"))
    assert done.code == 2
    assert "cannot be written" in done.complaint()


# What is printed


def test_the_version_and_the_help_print_and_end_well(run: Callable[..., Run]) -> None:
    for flag in ("-V", "--version"):
        assert run(flag) == Run(0, f"hopscope {VERSION}\n", "")
    for flag in ("-h", "--help"):
        done = run(flag)
        assert (done.code, done.stderr) == (0, "")
        assert all(one.flag in done.stdout for one in declarations())


@pytest.mark.parametrize(
    ("argument", "schema"),
    [
        ("--json-schema", "hopscope.report/1"),
        ("--json-schema=report", "hopscope.report/1"),
        ("--json-schema=events", "hopscope.events/1"),
    ],
)
def test_a_schema_is_valid_json_and_names_its_schema(
    run: Callable[..., Run], argument: str, schema: str
) -> None:
    done = run(argument)
    assert (done.code, done.stderr) == (0, "")
    assert isinstance(done.json, dict)
    assert schema in done.stdout


def test_every_line_of_the_stream_is_an_event(run: Callable[..., Run]) -> None:
    done = run(*LAN, "-m", "stream")
    lines = done.stdout.splitlines()
    events = [msgspec.json.decode(line, type=Event) for line in lines]
    kinds = [json.loads(line)["event"] for line in lines]
    assert done.code == 0
    assert (kinds[0], kinds[-1]) == ("trace_started", "trace_ended")
    assert len(events) == len(kinds) > 4


def test_several_targets_are_an_array_in_the_order_given(run: Callable[..., Run]) -> None:
    queries = ["127.0.0.1", "::1", "127.0.0.1", "::2", "127.0.0.2"]
    done = run(*queries, "-4", "--udp", "-C", "1", "-m", "json")
    assert [report["target"]["query"] for report in done.json] == queries
    assert [report["target"]["address"] for report in done.json] == [
        "127.0.0.1",
        None,
        "127.0.0.1",
        None,
        "127.0.0.2",
    ]
    reasons = ["target_reached", "error", "target_reached", "error", "target_reached"]
    assert [report["outcome"]["reason"] for report in done.json] == reasons


def test_labels_stay_unique_whatever_the_targets_are_called(run: Callable[..., Run]) -> None:
    done = run("::1%a", "::1%a", "::1%a#2", "::1%a", "-4", "-m", "stream")
    [header, *ended] = [json.loads(line) for line in done.stdout.splitlines()]
    labels = [target["label"] for target in header["targets"]]
    assert labels == ["::1%a", "::1%a#2", "::1%a#2#2", "::1%a#3"]
    assert [event["target"] for event in ended] == labels


@pytest.mark.parametrize("mode", [mode for mode in MODE_NAMES if mode != TUI])
@pytest.mark.parametrize(
    "options", [["lan"], ["loss", "--udp"], ["blackhole"], ["wan", "nowhere", "203.0.113.80"]]
)
def test_a_replay_prints_the_live_report_byte_for_byte(
    run: Callable[..., Run], tmp_path: Path, options: list[str], mode: str
) -> None:
    record = tmp_path / "trace.ndjson"
    quick = ["-C", "2", "-i", "50ms", "-T", "50ms", "--timeout", "100ms", "--gap-limit", "2"]
    live = run("--sim", *options, *quick, "-m", mode, "--record", str(record))
    assert run("--replay", str(record), "-m", mode) == live
    assert mode == "silent" or live.stdout
    assert mode != "stream" or live.stdout == record.read_text()


def test_the_flows_told_are_those_of_the_report(run: Callable[..., Run], tmp_path: Path) -> None:
    """Two folds of one log: the report keeps the last address of each TTL, ``flows`` every path by round."""
    record = str(tmp_path / "trace.ndjson")
    arguments = ("--sim", "wan", "--udp", "-R", "paris", "--flows", "8", "-C", "2", "-m", "flows")
    lines = run(*arguments, "--record", record).stdout.splitlines()
    told, hops = {}, ""
    for line in lines:
        if line.startswith("flow "):
            hops = line.partition(": ")[2]
        elif line.startswith("#   flow id "):
            words = line.removeprefix("#   flow id ").split(", ")
            told[int(words[0])] = (hops.split(", "), words[2:])
    report = run("--replay", record, "-m", "json").json
    assert told == {
        flow["id"]: (
            [address or "*" for address in flow["path"]],
            [f"source port {flow['sport']}", f"target port {flow['dport']}"],
        )
        for flow in report["flows"]
    }
    assert len(told) == 8
    assert len({tuple(path) for path, _ in told.values()}) == sum(line.startswith("flow ") for line in lines)


def test_the_interface_alone_chosen_is_said_in_report_and_header(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("127.0.0.1", "--udp", "-C", "1", "-I", "lo", "--channel", "errqueue")
    done = run(*arguments, "-m", "json")
    assert (done.code, done.json["source"]) == (0, {"address": "127.0.0.1", "interface": "lo"})
    assert "only its address" not in done.json["channel"]["reason"]
    monkeypatch.setattr("tracer.net.choose.bind_device", lambda *_: False)
    assert "only its address was chosen" in run(*arguments, "-m", "json").json["channel"]["reason"]
    assert "only its address was chosen" in run(*arguments).stdout.splitlines()[0]


# Hostile and odd input

ODD = {
    "empty": "",
    "long": "x" * 10_000,
    "spaces": " .. ",
    "idn": "ü" * 80,
    "bytes": "\udcff\udcfe..",
    "escape": "\x1b[31m..\u202e",
    "dash": "-..-",
    "newline": "a\n..b",
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("mode", ["json", "stream", "pretty"])
@pytest.mark.parametrize("network", [(), LAN])
def test_an_impossible_target_is_refused_in_one_clear_sentence_in_every_mode(
    run: Callable[..., Run], name: str, mode: str, network: tuple[str, ...]
) -> None:
    done = run(*network, "-m", mode, "--", "127.0.0.1", ODD[name])
    assert (done.code, done.stdout) == (2, "")
    complaint = done.complaint()
    assert complaint.startswith("hopscope: TARGET cannot be ")
    assert complaint.isprintable()
    assert len(complaint) < 400


def test_bytes_of_the_command_line_that_are_no_utf8_are_refused() -> None:
    with process("-m", "json", b"\xff\xfe..") as child:
        stdout, stderr = child.communicate(timeout=20)
    assert (child.returncode, stdout) == (2, b"")
    assert stderr.count(b"\n") == 1


@pytest.mark.parametrize("mode", ["json", "stream", "pretty"])
def test_a_reader_that_goes_away_gets_no_traceback(mode: str) -> None:
    """As with ``| head -1``: nobody reads what is written."""
    read, write = os.pipe()
    os.close(read)
    with process(*LAN, "-m", mode, stdout=write) as child:
        os.close(write)
        assert child.communicate(timeout=20)[1] == b""
    assert child.returncode == 1


@pytest.mark.parametrize(("option", "name"), [("--record", "recording"), ("--pcap", "capture")])
def test_a_file_that_ends_early_is_told_while_the_trace_goes_on(option: str, name: str) -> None:
    with process(*LAN, "-C", "1000000", "-m", "silent", option, "/dev/full") as child:
        assert child.stderr is not None
        told = child.stderr.readline().decode()
        assert Run(1, "", told).complaint() == f"hopscope: The {name} is incomplete: No space left on device."
        assert child.poll() is None
        child.terminate()
        assert child.communicate(timeout=20)[1] == b"", "once is enough"
    assert child.returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize("mode", ["json", "stream", "pretty"])
def test_a_full_disk_behind_stdout_is_one_sentence(mode: str) -> None:
    with Path("/dev/full").open("wb") as full, process(*LAN, "-m", mode, stdout=full) as child:
        stderr = child.communicate(timeout=20)[1].decode()
    assert child.returncode == 1
    assert "No space left on device" in Run(1, "", stderr).complaint()


def test_a_closed_stdout_is_nobodys_trouble() -> None:
    script = 'exec "$0" -m tui.cli --sim lan -C 1 >&-'
    done = subprocess.run(
        ["sh", "-c", script, sys.executable], cwd=ROOT, capture_output=True, timeout=20, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
