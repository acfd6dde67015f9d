"""Every option with every kind of bad value on every way, and files that are not what they should be.

Each is refused in one printable sentence with exit code 2, before anything is sent or a name is asked for.
"""

from __future__ import annotations

import contextlib
import io
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from _pytest.mark.structures import ParameterSet

from tracer import record
from tracer.config import Declared, declarations
from tracer.whole_file import LARGEST
from tui import cli
from tui.options import variable

LONGEST = 1500
SIM = ("--sim", "lan", "-m", "silent")
Refused = Callable[..., str]


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Refused:
    """Run the command in this process; returns what it complains of."""

    def nobody_is_asked(*_: object, **__: object) -> NoReturn:
        pytest.fail("a resolver was asked")

    for name in ("getaddrinfo", "gethostbyname", "gethostbyaddr", "getnameinfo"):
        monkeypatch.setattr(socket, name, nobody_is_asked)

    def run(*arguments: str, **variables: str) -> str:
        stdout, stderr = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        monkeypatch.setattr(sys, "argv", ["hopscope", *arguments])
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            with pytest.raises(SystemExit) as ended:
                cli.main()
            for stream in (stdout, stderr):
                stream.flush()
        told, complaint = (stream.buffer.getvalue().decode() for stream in (stdout, stderr))
        assert (ended.value.code, told) == (2, ""), complaint
        [line] = complaint.splitlines()
        assert line.startswith("hopscope: ")
        assert line.endswith((".", "?"))
        assert line.isprintable()
        assert len(line) < LONGEST
        return line

    return run


NO_NUMBER = (
    "many",
    "-1",
    "1.5e3",
    "9" * 400,
    "9" * 5000,
    "0x10",
    "1 2",
    "--udp",
    "\x1b[31m",
    "\u202e1",
    "1\n2",
    "nan",
    "-inf",
    "1e999",
    "\u0661\u0662",
    "\uff11s",
    "\u00b2",
    "1_0",
    "x" * 10_000,
)
NO_CHOICE = (
    "neither",
    "UDP\n",
    "x" * 10_000,
    "\x1b]0;owned\x07",
    "--tcp",
    "\u0131cmp",
    "-1",
    "nan",
    "m\u00fcnchen",
)
NO_SWITCH = ("perhaps", "2", "x" * 10_000, "\x1b[31m", "\u0661", "nan", "-1", "tru\u0435", "--tcp")
NO_ADDRESS = (
    "nope",
    "198.18.0.0/15",
    "-A",
    "1.2.3.4.5",
    "x" * 10_000,
    "1.2.3.4\x1b[31m",
    "1.2.3.\u0664",
    "m\u00fcnchen.example",
    "-1",
    "9" * 5000,
)


def bad_texts(declared: Declared) -> tuple[str, ...]:
    """What it cannot be, as text."""
    if declared.choices is not None:
        return NO_CHOICE
    if declared.is_switch:
        return NO_SWITCH
    if declared.option.low is not None:
        return NO_NUMBER
    return NO_ADDRESS if declared.name == "source_address" else ()


def cases(options: list[Declared]) -> list[ParameterSet]:
    return [
        pytest.param(declared, text, id=f"{declared.name}-{number}")
        for declared in options
        for number, text in enumerate(bad_texts(declared))
    ]


CASES = cases(list(declarations()))
CASES_OF_VALUES = cases([declared for declared in declarations() if not declared.is_switch])


@pytest.mark.parametrize(("declared", "text"), CASES_OF_VALUES)
def test_on_the_command_line(refused: Refused, declared: Declared, text: str) -> None:
    assert declared.flag in refused(*SIM, f"{declared.flag}={text}")


@pytest.mark.parametrize("declared", [one for one in declarations() if not one.is_switch and bad_texts(one)])
def test_nothing_on_the_command_line_is_no_value(refused: Refused, declared: Declared) -> None:
    """In the environment and in the file it is the same as leaving the option out, where that may be."""
    assert declared.flag in refused(*SIM, f"{declared.flag}=")


@pytest.mark.parametrize(("declared", "text"), CASES)
def test_in_the_environment(refused: Refused, declared: Declared, text: str) -> None:
    name = variable(declared.flag)
    assert name in refused(*SIM, **{name: text})


@pytest.mark.parametrize(("declared", "text"), CASES)
def test_in_the_file(refused: Refused, declared: Declared, text: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    quoted = "".join(f"\\U{ord(char):08x}" for char in text)
    file.write_text(f'[trace]\n{declared.flag.removeprefix("--")} = "{quoted}"\n')
    assert f"{file}:2: [trace] {declared.flag.removeprefix('--')}" in refused(*SIM, "-c", str(file))


ODD_VALUES = (
    "-1.5",
    "nan",
    "[1]",
    "{ a = 1 }",
    "1979-05-27",
    "07:32:00",
    "-9223372036854775808",
    "0x" + "f" * 99,
)


ODD_CASES = [
    pytest.param(declared, value, id=f"{declared.name}-{value[:12]}")
    for declared in declarations()
    for value in ODD_VALUES
    if bad_texts(declared) or not value.startswith("-9")  # where any text will do, a number is one
]


@pytest.mark.parametrize(("declared", "value"), ODD_CASES)
def test_a_value_of_another_type_in_the_file(
    refused: Refused, declared: Declared, value: str, tmp_path: Path
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f"[trace]\n{declared.flag.removeprefix('--')} = {value}\n")
    assert declared.flag.removeprefix("--") in refused(*SIM, "-c", str(file))


NO_FILES = {
    "binary": bytes(range(256)) * 40,
    "truncated": b'[trace]\nfirst-ttl = 1\nprotocol = "ud',
    "nul": b"\0" * 5000,
    "deep": b"a = " + b"[" * 5000,
    "utf-16": "[trace]\n".encode("utf-16"),
    "escapes": b'["\\u001b[31m"]\n"\\u202e" = 1\n',
    "long name": b"[" + b"x" * 100_000 + b"]\na = 1\n",
    "long key": b"[trace]\n" + b"x" * 100_000 + b" = 1\n",
    "huge": b"[trace]\n" + b"first-ttl = 1\n" * 200_000,
}


@pytest.mark.parametrize("option", ["-c", "--sim", "--replay"])
@pytest.mark.parametrize("name", NO_FILES)
def test_a_file_that_is_none(refused: Refused, option: str, name: str, tmp_path: Path) -> None:
    file = tmp_path / "input"
    file.write_bytes(NO_FILES[name])
    asked = [option, str(file)] if option != "-c" else ["-c", str(file), *SIM]
    assert str(file) in refused(*asked, "-m", "json")


@pytest.mark.parametrize("option", ["-c", "--sim", "--targets-file"])
def test_a_file_larger_than_any_of_its_kind_is_not_read_to_its_end(
    refused: Refused, option: str, tmp_path: Path
) -> None:
    """Comments only, which nothing else is wrong with; a device that never ends is one of them."""
    file = tmp_path / "input"
    file.write_bytes(b"# nothing\n" * (LARGEST // 10 + 1))
    for name in (str(file), "/dev/zero"):
        asked = {"--sim": (), "-c": SIM, "--targets-file": SIM[2:]}[option]
        complaint = refused(option, name, *asked)
        assert name in complaint
        assert "File too large" in complaint


@pytest.mark.parametrize("beginning", [b"", b"recording"])
def test_a_recording_with_a_line_that_does_not_end_is_damaged(
    refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beginning: bytes
) -> None:
    monkeypatch.setattr(record, "LONGEST_LINE", 5000)
    file = tmp_path / "trace.ndjson"
    with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())):
        cli.command.main([*SIM, "-C", "1", "--record", str(file)], standalone_mode=False)
    whole = file.read_bytes() if beginning else b""
    assert len(max(whole.splitlines(), default=b"")) < 5000
    file.write_bytes(whole + b" " * 5001)
    complaint = refused("--replay", str(file), "-m", "json")
    last = whole.count(b"\n") + 1
    assert ("no trace_started event" if last == 1 else f"is damaged in line {last}: ") in complaint


def test_a_recording_that_never_ends_is_refused(refused: Refused) -> None:
    assert "/dev/zero is not a recording" in refused("--replay", "/dev/zero", "-m", "json")


@pytest.mark.parametrize("option", ["--sim", "--replay"])
def test_an_empty_file(refused: Refused, option: str, tmp_path: Path) -> None:
    file = tmp_path / "input"
    file.touch()
    assert str(file) in refused(option, str(file), "-m", "json")


@pytest.mark.parametrize("option", ["-c", "--sim", "--replay"])
def test_a_folder(refused: Refused, option: str, tmp_path: Path) -> None:
    asked = [option, str(tmp_path)] if option != "-c" else ["-c", str(tmp_path), *SIM]
    assert str(tmp_path) in refused(*asked, "-m", "json")


LONG = "x" * 5000
OUTSIDE = [
    *(
        (option, value)
        for option in ("--sim", "--replay", "--record", "--pcap", "--targets-file", "--config-file")
        for value in ("", "no/such/file", "/dev/null/file", LONG, "\x1b[31m/file", "\u202e/\udcff", ".")
    ),
    *(("--mode", value) for value in ("", "neither", "TUI", LONG, "\x1b]0;owned\x07", "\u0131")),
    *(("--json-schema", value) for value in ("", "neither", LONG, "\x1b[31m")),
    *(("--generate", value) for value in ("", "neither", LONG, "\x1b[31m")),
    *((option, "1") for option in ("--doctor", "--version", "--help", "--print-config", "--generate-man")),
]
"""Options that the registry of a trace does not know, and what they cannot be."""


@pytest.mark.parametrize(("option", "value"), OUTSIDE)
def test_an_option_outside_of_the_registry(refused: Refused, option: str, value: str) -> None:
    alone = option in {"--sim", "--replay"}
    refused(*(() if alone else SIM[:2]), *(() if option == "--mode" else SIM[2:]), f"{option}={value}")


ON_THE_COMMAND_LINE_ONLY = {
    "--json-schema",
    "--generate",
    "--generate-man",
    "--print-config",
    "--version",
    "--help",
}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        (option, value)
        for option, value in OUTSIDE
        if option not in ON_THE_COMMAND_LINE_ONLY and value not in {"", "1"}
    ],
)
def test_an_option_outside_of_the_registry_in_the_environment(
    refused: Refused, option: str, value: str
) -> None:
    alone = option in {"--sim", "--replay"}
    arguments = (*(() if alone else SIM[:2]), *(() if option == "--mode" else SIM[2:]))
    refused(*arguments, **{variable(option): value})


@pytest.mark.parametrize("declared", declarations())
def test_nul_in_the_file(refused: Refused, declared: Declared, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f'[trace]\n{declared.flag.removeprefix("--")} = "lo\\u0000lo"\n')
    refused("127.0.0.1", "-m", "silent", "-C", "1", "-c", str(file))


@pytest.mark.parametrize("content", [b"127.0.0.1\0\n", b"\0", b"\xff\xfe1\0", b"# nothing\n", b""])
def test_targets_that_are_no_text(refused: Refused, content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "targets"
    file.write_bytes(content)
    assert str(file) in refused("-m", "silent", "--targets-file", str(file))


def test_targets_from_a_closed_stdin(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert "stdin is closed" in refused("-m", "silent", "--targets-file", "-")


def test_a_recording_and_a_capture_cannot_share_a_file(refused: Refused, tmp_path: Path) -> None:
    file = tmp_path / "written"
    link = tmp_path / "link"
    link.symlink_to(file)
    assert "--pcap" in refused(*SIM, "--record", str(file), "--pcap", str(link))
    assert not file.exists()


@pytest.mark.parametrize("name", ["-x", "--udpp", "--", "-C", "-Zhost", "-\x1b[31m"])
def test_an_option_in_disguise_is_no_target(refused: Refused, name: str) -> None:
    refused("-m", "json", name)


@pytest.mark.parametrize("option", ["--record", "--pcap"])
def test_what_a_trace_writes_is_for_nobody_else_to_read(option: str, tmp_path: Path) -> None:
    file = tmp_path / "written"
    with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())):
        cli.command.main(
            ["--sim", "lan", "-C", "1", "-m", "silent", option, str(file)], standalone_mode=False
        )
    assert file.stat().st_size > 0
    assert file.stat().st_mode & 0o777 == 0o600
