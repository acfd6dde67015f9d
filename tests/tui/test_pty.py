"""The real command on a real terminal: it comes up, it goes, and it leaves the terminal as it was."""

from __future__ import annotations

import json
import re
import signal
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.tui.on_terminal import assert_restored, complaint, hopscope
from tests.tui.pseudo_terminal import ALTERNATE_SCREEN, CURSOR, PASTE, Terminal
from tui.view.theme import PALETTES

WAN = ("--sim", "wan")
REACHED = "16 hops ·"
"""What the header says once the target of ``wan`` has answered."""


def up(opened: Terminal, text: str = REACHED) -> list[Any]:
    """Wait for the whole screen; returns how the terminal is set now."""
    opened.read_until(lambda screen: text in screen.text and PASTE in screen.modes)
    assert ALTERNATE_SCREEN in opened.screen.modes
    assert CURSOR not in opened.screen.modes
    return opened.settings()


# In


def test_the_screen_is_the_default_on_a_terminal_and_q_leaves_it_with_0() -> None:
    with hopscope(*WAN) as opened:
        settings = opened.settings()
        assert up(opened) != settings
        opened.press("q")
        assert opened.end() == 0
        assert_restored(opened, settings)
        assert opened.screen.text.strip() == ""


def test_ctrl_c_is_a_key_that_quits() -> None:
    with hopscope(*WAN) as opened:
        settings = opened.settings()
        up(opened)
        opened.press("\x03")
        assert opened.end() == 0
        assert_restored(opened, settings)


def test_a_target_that_was_not_reached_is_1() -> None:
    with hopscope("--sim", "blackhole") as opened:
        up(opened, "198.18.70.1")
        opened.press("q")
        assert opened.end() == 1


def test_keys_and_resizing_are_obeyed() -> None:
    with hopscope(*WAN) as opened:
        up(opened)
        opened.press("\x06")
        opened.see("frozen")
        opened.resize(80, 24)
        opened.press("\x06")
        opened.see("running")
        opened.read_until(lambda screen: "198.18.0.254" in screen.text)
        opened.resize(20, 5)
        opened.press("q")
        assert opened.end() == 0


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--sim", "nowhere"), 2, "nowhere"),
        (("--sim", "lan", "--channel", "errqueue"), 2, "simulated"),
        (("127.0.0.1", "-I", "nope0"), 2, "There are: "),
        (("a..b",), 2, "TARGET cannot be 'a..b'"),
        (("127.0.0.1", "-6"), 4, "127.0.0.1 has no address."),
        (("--sim", "lan", "--record", "/dev/null/trace"), 2, "cannot be written"),
    ],
)
def test_what_keeps_the_trace_from_starting_ends_the_screen_with_a_sentence(
    arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    with hopscope(*arguments) as opened:
        settings = opened.settings()
        assert opened.end() == code
        assert_restored(opened, settings)
        assert sentence in complaint(opened)


def test_the_screen_is_drawn_on_stdout_whatever_stderr_is(tmp_path: Path) -> None:
    with (tmp_path / "stderr").open("wb") as stderr, hopscope(*WAN, stderr=stderr.fileno()) as opened:
        up(opened)
        opened.press("q")
        assert opened.end() == 0
    assert (tmp_path / "stderr").read_bytes() == b""


def test_a_dumb_terminal_gets_the_report() -> None:
    with hopscope("--sim", "lan", "-C", "1", variables={"TERM": "dumb"}) as opened:
        assert opened.end() == 0
        assert b"\x1b[?1049h" not in opened.heard
        assert "Reached in" in opened.screen.text


def test_pretty_grows_live_on_a_terminal_where_asked_for() -> None:
    with hopscope("--sim", "lan", "-C", "2", "-i", "500ms", "-T", "500ms", "-m", "pretty") as opened:
        assert opened.end() == 0
        assert b"\x1b[?1049h" not in opened.heard
        assert b"\x1b[J" in opened.heard
        assert "Reached in" in opened.screen.text


def test_no_color_draws_without_any_colour_and_still_shows_what_is_selected() -> None:
    with hopscope(*WAN, variables={"NO_COLOR": "1", "COLORTERM": "truecolor"}) as opened:
        up(opened)
        opened.press("\x1b[B")
        opened.read_until(lambda _: re.search(rb"[\[;]7[;m]", opened.heard))
        opened.press("q")
        assert opened.end() == 0
        assert opened.screen.colours == set()


def test_the_terminals_own_colours_are_left_to_the_terminal() -> None:
    """Every theme in turn, up to the one that has no colours of its own."""
    with hopscope(*WAN, variables={"COLORTERM": "truecolor"}) as opened:
        up(opened)
        opened.press("T" * (len(PALETTES) - 1))
        opened.read_until(lambda _: b"\x1b[32m" in opened.heard)
        opened.press("q")
        assert opened.end() == 0


def test_colours_are_drawn_otherwise() -> None:
    with hopscope(*WAN, variables={"NO_COLOR": "", "COLORTERM": "truecolor"}) as opened:
        up(opened)
        opened.press("q")
        assert opened.end() == 0
        assert any(colour.count(b";") > 4 for colour in opened.screen.colours)


def test_a_recording_of_the_screen_is_whole_and_can_be_reported(tmp_path: Path) -> None:
    record = tmp_path / "trace.ndjson"
    with hopscope(*WAN, "--record", str(record)) as opened:
        up(opened)
        opened.press("q")
        assert opened.end() == 0
    first, *_, last = record.read_text().splitlines()
    assert json.loads(first)["event"] == "trace_started"
    assert json.loads(last)["event"] == "trace_ended"
    assert json.loads(last)["reason"] == "interrupted"


def test_a_recording_that_ends_early_is_told_on_the_screen_and_when_it_is_left() -> None:
    sentence = "The recording is incomplete: No space left on device."
    with hopscope(*WAN, "--record", "/dev/full", size=(200, 36)) as opened:
        opened.read_until(lambda screen: sentence in screen.text and PASTE in screen.modes)
        opened.press("q")
        assert opened.end() == 0
        assert complaint(opened) == f"hopscope: {sentence}"


# Out


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
def test_a_signal_restores_the_terminal_and_gives_its_code(number: int, code: int) -> None:
    with hopscope(*WAN) as opened:
        settings = opened.settings()
        up(opened)
        opened.process.send_signal(number)
        assert opened.end() == code
        assert_restored(opened, settings)
        assert opened.screen.text.strip() == ""


def test_a_signal_while_the_screen_comes_up_does_as_well() -> None:
    with hopscope(*WAN) as opened:
        settings = opened.settings()
        opened.read_until(lambda screen: ALTERNATE_SCREEN in screen.modes)
        opened.process.send_signal(signal.SIGTERM)
        assert opened.end() == 143
        assert_restored(opened, settings)


@pytest.mark.fault("terminal gone (SIGHUP)", "ends, exit code 129")
def test_a_window_that_is_closed_ends_it() -> None:
    with hopscope(*WAN) as opened:
        up(opened)
        opened.hang_up()
        assert opened.end() == 129


def test_a_terminal_that_takes_nothing_any_more_does_not_keep_it() -> None:
    with hopscope("--sim", "wan", "-i", "10ms", "-T", "10ms", size=(200, 60)) as opened:
        up(opened)
        # Nothing is read from here on, until the terminal is full and writing blocks.
        opened.process.send_signal(signal.SIGTERM)
        assert opened.process.wait(10) == 143


CRASHES = {
    "drawing": """
        from tui.widgets import HopTable
        def broken(*_): raise ZeroDivisionError("no\\x1b[31m hops")
        HopTable.lines_of = broken
    """,
    "rendering": """
        from tui.widgets import HopTable
        def broken(*_): raise ZeroDivisionError("no hops")
        HopTable.strip_of = broken
    """,
    "composing": """
        from tui.screens.main import MainScreen
        def broken(*_): raise ZeroDivisionError("no hops")
        MainScreen.compose = broken
    """,
    "reading": """
        from textual._xterm_parser import XTermParser
        def broken(*_): raise ZeroDivisionError("no hops")
        XTermParser.feed = broken
    """,
    "folding": """
        from tui.bridge import Bridge
        def broken(*_): raise ZeroDivisionError("no hops")
        Bridge.update = broken
    """,
    "style": """
        from tui.app import HopscopeApp
        HopscopeApp.CSS = "Screen { nonsense: 1 }"
    """,
}


@pytest.mark.parametrize("crash", CRASHES)
def test_a_fault_of_our_own_restores_the_terminal_and_is_one_sentence(crash: str) -> None:
    broken = textwrap.dedent(CRASHES[crash]) + "\nfrom tui.cli import main\nmain()\n"
    with hopscope(*WAN, command=(sys.executable, "-c", broken), size=(400, 36)) as opened:
        settings = opened.settings()
        if crash == "reading":
            opened.read_until(lambda screen: ALTERNATE_SCREEN in screen.modes)
            opened.press("x")
        assert opened.end() == 1
        assert_restored(opened, settings)
        assert "fault of hopscope" in complaint(opened)


def test_without_a_terminal_for_input_the_screen_is_refused() -> None:
    script = 'exec "$0" -m tui.cli --sim lan -m tui </dev/null'
    with hopscope(command=("sh", "-c", script, sys.executable)) as opened:
        assert opened.end() == 2
        assert "needs a terminal" in complaint(opened)


def test_a_recording_is_played_on_a_terminal(tmp_path: Path) -> None:
    record = tmp_path / "trace.ndjson"
    with hopscope("--sim", "lan", "-C", "2", "-m", "json", "--record", str(record)) as opened:
        assert opened.end() == 0
    with hopscope("--replay", str(record)) as opened:
        settings = opened.settings()
        up(opened, "198.18.20.1")
        opened.press("q")
        assert opened.end() == 0
        assert_restored(opened, settings)


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    record = tmp_path / "trace.ndjson"
    record.write_text("nothing\n")
    with hopscope("--replay", str(record)) as opened:
        settings = opened.settings()
        assert opened.end() == 2
        assert_restored(opened, settings)
        assert "is not a recording" in complaint(opened)


@pytest.mark.fault("resolver stuck", "waits in a thread that nobody waits for; can be left at once")
def test_quitting_while_a_name_is_looked_up_leaves_at_once() -> None:
    slow = """
        import socket, threading
        socket.getaddrinfo = lambda *_, **__: threading.Event().wait(60)
        from tui.cli import main
        main()
    """
    with hopscope("slow.example", command=(sys.executable, "-c", textwrap.dedent(slow))) as opened:
        settings = opened.settings()
        opened.see("Quit")
        opened.press("q")
        assert opened.end(8) == 1
        assert_restored(opened, settings)
