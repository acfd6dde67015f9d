"""The screen as nobody on a path of the laboratory: it comes, it goes, and changes no number."""

from __future__ import annotations

import functools
import json
import re
import statistics
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.labkit.capture import capture, round_trips_ns
from tests.lab.labkit.families import Family
from tests.lab.labkit.namespace import User
from tests.lab.labkit.packets import Key
from tests.lab.labkit.product import ENVIRONMENT, ROOT, hopscope_command
from tests.lab.labkit.tun import DEVICE, TunLab, tun_lab
from tests.tui.pseudo_terminal import ALTERNATE_SCREEN, CURSOR, Screen, Terminal, terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

ICMP = 1
VIEWS = "cetlxt"


@pytest.fixture(scope="module")
def wan() -> Iterator[TunLab]:
    with tun_lab("wan") as lab:
        yield lab


def on_terminal(lab: TunLab, *arguments: str) -> AbstractContextManager[Terminal]:
    command = lab.namespace.command(hopscope_command(*arguments), User.NOBODY)
    return terminal(command, environment={**ENVIRONMENT, "TERM": "xterm-256color"}, directory=ROOT)


@pytest.mark.parametrize("family", Family)
def test_nobody_sees_the_path_grow_and_leaves_the_terminal_as_it_was(wan: TunLab, family: Family) -> None:
    target = wan.target_address(family)
    with on_terminal(wan, target, "--udp") as opened:
        settings = opened.settings()
        opened.read_until(lambda screen: screen.text.count(target) > 1)
        for answering in filter(None, wan.responders(family)):
            opened.read_until(functools.partial(_shows_one, answering))
        opened.press("d")
        opened.press("q")
        assert opened.end() == 0
        assert opened.settings() == settings
        assert ALTERNATE_SCREEN not in opened.screen.modes
        assert CURSOR in opened.screen.modes


def test_a_busy_screen_changes_no_kernel_stamped_round_trip_time(wan: TunLab, open_folder: Path) -> None:
    target = wan.target_address(Family.IPV4)
    record = open_folder / "trace.ndjson"
    rounds = ("-i", "200ms", "-T", "200ms", "--record", str(record))
    with (
        capture(wan.namespace, DEVICE) as tap,
        on_terminal(wan, target, "--icmp", *rounds) as opened,
    ):
        opened.see(target)
        for number, view in enumerate(VIEWS * 2, start=3):
            opened.press(view)
            opened.press("T")
            opened.read_until(functools.partial(_is_in_round, number))
        opened.press("tq")
        assert opened.end() == 0
        captured = round_trips_ns(tap.packets())
    reported = {
        Key(ICMP, target, event["source_port"], event["sequence"]): event["rtt_ns"]
        for event in _replies(record)
    }
    assert reported.keys() <= captured.keys()
    biases = [rtt_ns - captured[key] for key, rtt_ns in reported.items()]
    assert len(biases) > 100
    assert abs(statistics.median(biases)) < 10_000


def _shows_one(addresses: set[str], screen: Screen) -> bool:
    return any(address in screen.text for address in addresses)


def _is_in_round(number: int, screen: Screen) -> bool:
    shown = re.search(r"round (\d+)", screen.lines[0])
    return shown is not None and int(shown[1]) >= number


def _replies(record: Path) -> Iterator[dict[str, Any]]:
    for line in record.read_text().splitlines():
        event = json.loads(line)
        if event["event"] == "reply" and event["rx"]["clock"] == "kernel":
            yield event
