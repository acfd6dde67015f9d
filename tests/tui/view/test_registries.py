"""Commands, themes and the front door: complete, without conflicts, and without a screen library."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tui
from tracer.errors import ConfigError
from tui.view.commands import BY_ID, COMMANDS, bindings, canonical, offered
from tui.view.facts import Fact
from tui.view.style import Severity, Style
from tui.view.texts import ENGLISH
from tui.view.texts import commands as texts
from tui.view.theme import DEFAULT_PALETTE, PALETTES, next_palette

TRIPPY_KEYS = {
    "help": {"h", "?"},
    "settings": {"s"},
    "settings-tui": {"1"},
    "settings-columns": {"7"},
    "next-hop": {"down"},
    "previous-hop": {"up"},
    "next-trace": {"right"},
    "previous-trace": {"left"},
    "next-hop-address": {"."},
    "previous-hop-address": {","},
    "address-mode-ip": {"i"},
    "address-mode-host": {"n"},
    "address-mode-both": {"b"},
    "freeze": {"ctrl+f"},
    "chart": {"c"},
    "map": {"m"},
    "flows": {"f"},
    "expand-privacy": {"p"},
    "contract-privacy": {"o"},
    "expand-hosts": {"]"},
    "contract-hosts": {"["},
    "expand-hosts-max": {"}"},
    "contract-hosts-min": {"{"},
    "zoom-in": {"="},
    "zoom-out": {"-"},
    "clear-trace-data": {"ctrl+r"},
    "clear-dns-cache": {"ctrl+k"},
    "clear-selection": {"escape"},
    "as-info": {"z"},
    "hop-details": {"d"},
    "quit": {"q", "ctrl+c"},
    "quit-preserve-screen": {"Q"},
}


def test_trippys_keys_do_what_they_do_there() -> None:
    bound = bindings()
    for command_id, keys in TRIPPY_KEYS.items():
        assert {key for key, command in bound.items() if command.id == command_id} == keys


def test_ids_are_unique_and_every_command_has_its_texts_and_no_text_is_left_over() -> None:
    assert len(BY_ID) == len(COMMANDS)
    assert all(command.title and command.help.endswith(".") and command.group.heading for command in COMMANDS)
    titles = {key.removeprefix("command.") for key in texts.TEXTS if key.startswith("command.")}
    assert {title for title in titles if not title.endswith(".help")} == set(BY_ID)


def test_no_two_commands_have_the_same_title() -> None:
    assert [
        title for title, count in Counter(command.title for command in COMMANDS).items() if count > 1
    ] == []


def test_a_conflict_names_both_commands() -> None:
    with pytest.raises(ConfigError) as caught:
        bindings({"chart": ["d"]})
    assert "chart" in str(caught.value)
    assert "hop-details" in str(caught.value)


def test_keys_can_change_hands() -> None:
    bound = bindings({"chart": ["d"], "hop-details": ["shift+c", "F5"], "columns": []})
    assert (bound["d"].id, bound["C"].id, bound["f5"].id) == ("chart", "hop-details", "hop-details")
    assert "c" not in bound


@pytest.mark.parametrize("overrides", [{"fly": ["x"]}, {"chart": [""]}, {"chart": ["hold+x"]}])
def test_what_is_no_command_or_no_key_is_refused(overrides: dict[str, list[str]]) -> None:
    with pytest.raises(ConfigError):
        bindings(overrides)


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("q", "q"),
        ("Q", "Q"),
        ("shift+q", "Q"),
        ("Ctrl-F", "ctrl+f"),
        ("alt+ctrl+x", "ctrl+alt+x"),
        ("ESC", "escape"),
        ("backtab", "shift+tab"),
        ("-", "-"),
        ("+", "+"),
        ("ctrl+-", "ctrl+-"),
        ("ctrl++", "ctrl++"),
        ("PgUp", "pageup"),
    ],
)
def test_keys_have_one_spelling(typed: str, key: str) -> None:
    assert canonical(typed) == key


@given(st.text(max_size=12))
def test_a_spelling_is_settled_after_one_step(typed: str) -> None:
    try:
        once = canonical(typed)
    except ValueError:
        return
    assert canonical(once) == once


def test_what_cannot_be_done_is_not_offered() -> None:
    bare = {command.id for command in offered(())}
    assert bare.isdisjoint({"map", "flows", "overview", "inspector", "replay-pause", "next-trace"})
    assert {command.id for command in offered(Fact)} == set(BY_ID)


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.1)."""
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


WANTED = {"dark": 4.5, "light": 4.5, "high-contrast": 7.0, "colour-blind": 4.0}


@pytest.mark.parametrize("name", WANTED)
@pytest.mark.parametrize("style", Style)
def test_every_style_can_be_read(name: str, style: Style) -> None:
    paint = PALETTES[name].styles[style]
    assert paint.foreground is not None
    assert paint.background is not None
    assert contrast(paint.foreground, paint.background) >= WANTED[name]


def test_every_palette_has_every_style_and_the_terminal_its_own_colours() -> None:
    assert [*PALETTES] == ["dark", "light", "high-contrast", "colour-blind", "terminal"]
    assert all(set(palette.styles) == set(Style) for palette in PALETTES.values())
    used = {paint.foreground for paint in PALETTES["terminal"].styles.values()}
    assert all(colour is None or colour.startswith("ansi_") for colour in used)


def test_severities_differ_in_every_palette() -> None:
    for palette in PALETTES.values():
        assert len(set(palette.inks.severity.values())) == len(Severity)


def test_themes_go_round() -> None:
    names, name = [], DEFAULT_PALETTE
    for _ in PALETTES:
        names.append(name)
        name = next_palette(name).name
    assert names == [*PALETTES]
    assert name == DEFAULT_PALETTE
    assert next_palette("unheard of").name == DEFAULT_PALETTE


def test_every_text_is_printable() -> None:
    assert all(text.isprintable() for text in ENGLISH.values())


def test_the_views_load_no_screen_library() -> None:
    program = (
        "import pkgutil, importlib, sys, tui.view\n"
        "for module in pkgutil.walk_packages(tui.view.__path__, 'tui.view.'):\n"
        "    importlib.import_module(module.name)\n"
        "print(sorted({'textual', 'rich', 'click', 'scapy', 'asyncio', 'tracer.net', 'tracer.engine'}"
        " & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_screen_takes_packets_apart_by_public_names_only() -> None:
    imported = {
        node.module
        for source in Path(tui.__path__[0]).rglob("*.py")
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module is not None
    }
    assert "tracer" in imported
    assert {module for module in imported if module.startswith("tracer.wire")} == set()
