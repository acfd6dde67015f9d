"""Every command that is offered does something, stands in the help, and is found by the palette."""

from __future__ import annotations

from collections import Counter
from itertools import chain, combinations

import pytest

from tests.tui.screen_driver import live, main_screen, settled, type_in, until
from tui.actions import ACTIONS
from tui.app import HopscopeApp
from tui.screens.palette import PaletteScreen
from tui.view.cells import plain
from tui.view.commands import BY_ID, COMMANDS, Command, bindings, keys_of, offered
from tui.view.facts import Fact
from tui.view.finder import found
from tui.view.glyphs import UNICODE
from tui.view.help import help_lines

FILLED = frozenset({Fact.PORTS, Fact.FLOWS, Fact.PACKETS, Fact.TARGETS, Fact.REPLAY, Fact.LIVE})
"""What sources and data of this version can bring."""


def test_ids_are_unique() -> None:
    assert [name for name, times in Counter(command.id for command in COMMANDS).items() if times > 1] == []


def test_no_action_belongs_to_no_command() -> None:
    assert ACTIONS.keys() - BY_ID.keys() == set()


def test_every_command_that_is_offered_does_something() -> None:
    missing = {command.id for command in offered(FILLED)} - ACTIONS.keys()
    assert missing == set(), f"offered without an action: {', '.join(sorted(missing))}"


SOME_FACTS = [
    frozenset(some) for some in chain.from_iterable(combinations(sorted(Fact), size) for size in (0, 1, 9))
]


@pytest.mark.parametrize("facts", SOME_FACTS)
def test_the_help_tells_every_command_that_is_offered_with_its_keys(facts: frozenset[Fact]) -> None:
    text = [plain(line) for line in help_lines(facts, {}, 120, UNICODE)]
    for command in COMMANDS:
        told = [line for line in text if command.title in line and command.help.split()[0] in line]
        assert bool(told) == (command in offered(facts)), command.id
        for line in told[:1]:
            assert all(key in line for key in keys_of(command))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.id)
def test_the_palette_finds_it_first_by_its_title(command: Command) -> None:
    best, *_ = found(COMMANDS, command.title)
    assert best.title.casefold().startswith(command.title.casefold())
    assert command in found(COMMANDS, command.id)
    assert command in found(COMMANDS, command.help)


def test_what_is_not_offered_is_not_found() -> None:
    assert found(offered(()), "play or pause") == ()
    assert found(COMMANDS, "no such thing") == ()
    assert found(COMMANDS, "") == COMMANDS


async def test_a_command_without_keys_is_reached_through_the_palette() -> None:
    keyless = {command.id for command in offered(FILLED)} - {command.id for command in bindings().values()}
    assert keyless == {"save-settings"}
    app = HopscopeApp(live())
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(app)
        await pilot.press("ctrl+p")
        palette = await until(pilot, PaletteScreen)
        assert [command.id for command in palette.found] == [
            command.id for command in offered(main_screen(app).scene.facts)
        ]
        await type_in(pilot, "save set")
        await pilot.press("enter")
        await pilot.pause()
        (notice,) = app._notifications
        assert notice.message.startswith("Settings written to ")
