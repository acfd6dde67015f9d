"""The time before the application is there: the picture, its keys, and the way out, on a real terminal.

The application is held back for as long as a test wants, by a pipe that nobody writes to.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import termios
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.tui.on_terminal import assert_restored, complaint, hopscope
from tests.tui.pseudo_terminal import ALTERNATE_SCREEN, CURSOR, PASTE, Screen, Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST_HOP = "198.18.0.254"
REACHED = "16 hops ·"
WAN = ("--sim", "wan")

HELD_BACK = """
    import importlib.machinery, importlib.util, os, sys, tui
    class Hold:
        @classmethod
        def find_spec(cls, name, *_):
            return importlib.util.spec_from_loader(name, cls) if name == "tui.app" else None
        @staticmethod
        def create_module(spec):
            return None
        @staticmethod
        def exec_module(module):
            {instead}
            found = importlib.machinery.PathFinder.find_spec("tui.app", tui.__path__)
            module.__file__ = found.origin
            found.loader.exec_module(module)
    sys.meta_path.insert(0, Hold)
    {before}
    from tui.__main__ import main
    main()
"""


def held_back(instead: str, before: str = "") -> tuple[str, ...]:
    """The command, with something else in the place of loading the application."""
    script = textwrap.dedent(HELD_BACK).format(instead=instead, before=before)
    return (sys.executable, "-c", script)


@contextlib.contextmanager
def early(*arguments: str, before: str = "", **options: Any) -> Iterator[tuple[Terminal, int]]:
    """The command before its application; a byte to the pipe lets that come."""
    reader, writer = os.pipe()
    command = held_back(f"os.read({reader}, 1)", before)
    try:
        with hopscope(*arguments, command=command, pass_fds=(reader,), **options) as opened:
            yield opened, writer
    finally:
        os.close(reader)
        os.close(writer)


def see_whole(opened: Terminal, text: str = REACHED) -> None:
    """Wait for a picture to its last line: a terminal passes it on in pieces, the first line first."""
    opened.read_until(lambda screen: text in screen.text and "Quit" in screen.lines[-1])


def let_it_come(writer: int) -> None:
    os.write(writer, b"x")


def test_the_whole_picture_is_there_before_the_application() -> None:
    with early(*WAN) as (opened, _):
        see_whole(opened)
        assert {ALTERNATE_SCREEN} == opened.screen.modes & {ALTERNATE_SCREEN, CURSOR, PASTE}
        first, *_, last = opened.screen.lines
        assert first.startswith("www.example.net (203.0.113.80)")
        assert FIRST_HOP in opened.screen.text
        assert "Quit" in last


@pytest.mark.parametrize("key", ["q", "\x03", "j\x03"])
def test_a_key_that_quits_does_so_at_once(key: str) -> None:
    with early(*WAN) as (opened, _):
        settings = opened.settings()
        opened.see(REACHED)
        assert opened.settings() != settings
        opened.press(key)
        assert opened.end() == 0
        assert_restored(opened, settings)
        assert opened.screen.text.strip() == ""


def test_keys_the_user_chose_quit_and_those_given_up_do_not(tmp_path: Path) -> None:
    file = tmp_path / "hopscope" / "config.toml"
    file.parent.mkdir()
    file.write_text('[bindings]\nquit = ["ctrl+x"]\n')
    with early(*WAN, variables={"XDG_CONFIG_HOME": str(tmp_path)}) as (opened, writer):
        opened.see(REACHED)
        opened.press("q\x03")
        let_it_come(writer)
        opened.read_until(lambda screen: PASTE in screen.modes)
        opened.press("\x18")
        assert opened.end() == 0
    with early(*WAN, variables={"XDG_CONFIG_HOME": str(tmp_path)}) as (opened, _):
        opened.see(REACHED)
        opened.press("\x18")
        assert opened.end() == 0


def test_keys_typed_before_the_application_are_obeyed_by_it() -> None:
    with early(*WAN) as (opened, writer):
        opened.see(REACHED)
        opened.press("\x1b[B\x1b[Bd")
        let_it_come(writer)
        opened.read_until(lambda screen: PASTE in screen.modes)
        opened.see("Hop 2 answered")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
def test_a_signal_restores_the_terminal_and_gives_its_code(number: int, code: int) -> None:
    with early(*WAN) as (opened, _):
        settings = opened.settings()
        opened.see(FIRST_HOP)
        opened.process.send_signal(number)
        assert opened.end() == code
        assert_restored(opened, settings)
        assert opened.screen.text.strip() == ""


def test_a_window_that_is_closed_ends_it() -> None:
    with early(*WAN) as (opened, _):
        opened.see(FIRST_HOP)
        opened.hang_up()
        assert opened.end() == 129


CLOSED = """import termios
def gone(*_):
    raise termios.error(5, "Input/output error")
termios.tcgetattr = gone"""


def test_a_window_that_is_closed_before_there_is_a_picture_ends_it() -> None:
    with early(*WAN, before=CLOSED) as (opened, _):
        assert opened.end() == 129
        assert opened.heard == b""


def test_a_terminal_that_takes_nothing_does_not_keep_it() -> None:
    with early(*WAN) as (opened, _):
        termios.tcflow(opened._inner, termios.TCOOFF)
        while opened.settings()[3] & termios.ECHO:
            os.sched_yield()
        opened.process.send_signal(signal.SIGTERM)
        assert opened.process.wait(10) == 143
        termios.tcflow(opened._inner, termios.TCOON)


def test_a_name_without_an_address_restores_the_terminal() -> None:
    unknown = "import socket; socket.getaddrinfo = lambda *_, **__: []"
    with early("nowhere.example", before=unknown) as (opened, _):
        settings = opened.settings()
        assert opened.end() == 4
        assert_restored(opened, settings)
        assert "nowhere.example" in complaint(opened)


def test_an_application_that_cannot_be_loaded_restores_the_terminal() -> None:
    with hopscope(*WAN, command=held_back("raise ImportError('no textual')"), size=(200, 36)) as opened:
        settings = opened.settings()
        assert opened.end() == 1
        assert_restored(opened, settings)
        assert "fault of hopscope" in complaint(opened)


def test_a_fault_in_drawing_restores_the_terminal() -> None:
    broken = "import tui.first_frame; tui.first_frame.picture = lambda *_: 1 / 0"
    with early(*WAN, before=broken, size=(200, 36)) as (opened, _):
        settings = opened.settings()
        assert opened.end() == 1
        assert_restored(opened, settings)
        assert "fault of hopscope" in complaint(opened)


def test_the_picture_follows_the_size_of_the_terminal() -> None:
    with early(*WAN) as (opened, _):
        opened.see(REACHED)
        opened.resize(80, 24)
        opened.read_until(lambda screen: "Help" in screen.lines[-1] and len(screen.lines) == 24)
        opened.resize(20, 5)
        # What was on its way for the larger terminal may still come first.
        opened.read_until(
            lambda screen: screen.lines[0].startswith("www.example.net") and "Help" not in screen.text
        )


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (500, 100)])
def test_it_is_drawn_in_every_size(size: tuple[int, int]) -> None:
    with early(*WAN, size=size) as (opened, writer):
        opened.read_until(lambda _: b"\x1b[1;1H" in opened.heard)
        let_it_come(writer)
        opened.read_until(lambda screen: PASTE in screen.modes)
        opened.press("q")
        assert opened.end() in {0, 1}


def test_no_color_draws_without_any_colour() -> None:
    with early(*WAN, variables={"NO_COLOR": "1", "COLORTERM": "truecolor"}) as (opened, _):
        see_whole(opened)
        assert opened.screen.colours == set()
        assert b"\x1b[1;7m" in opened.heard


def test_the_saved_look_is_that_of_the_first_picture(tmp_path: Path) -> None:
    file = tmp_path / "hopscope" / "config.toml"
    file.parent.mkdir()
    file.write_text('[tui]\ntheme = "terminal"\nglyphs = "ascii"\n')
    with early(*WAN, variables={"XDG_CONFIG_HOME": str(tmp_path), "COLORTERM": "truecolor"}) as (opened, _):
        see_whole(opened, "16 hops |")
        assert opened.screen.text.isascii()
        assert opened.screen.colours
        assert not any(b";" in colour.removeprefix(b"1;") for colour in opened.screen.colours)


def test_the_application_takes_over_without_clearing_anything() -> None:
    with early(*WAN) as (opened, writer):
        settings = opened.settings()
        see_whole(opened)
        opened.read_until(lambda screen: not any(screen.lines[24:35]))
        before = opened.screen.lines
        let_it_come(writer)
        opened.read_until(lambda screen: _stands(screen, before) and PASTE in screen.modes)
        opened.read_until(lambda screen: _stands(screen, before) and "round 2" in screen.text)
        assert opened.heard.count(b"\x1b[?1049h") == 1
        opened.press("q")
        assert opened.end() == 0
        assert_restored(opened, settings)


def _stands(screen: Screen, before: list[str]) -> bool:
    """What does not change from round to round has never gone."""
    lasting = (*range(2, 4), *range(21, len(before)))
    assert [screen.lines[number][:20] for number in lasting] == [before[number][:20] for number in lasting]
    return True


def test_a_recording_is_played_in_the_same_way(tmp_path: Path) -> None:
    record = tmp_path / "trace.ndjson"
    with hopscope("--sim", "lan", "-C", "2", "-m", "json", "--record", str(record)) as opened:
        assert opened.end() == 0
    with early("--replay", str(record)) as (opened, _):
        settings = opened.settings()
        opened.see("198.18.20.1")
        opened.press("q")
        assert opened.end() == 0
        assert_restored(opened, settings)
