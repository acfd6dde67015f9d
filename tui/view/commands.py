"""Every command, declared once; key bindings, palette, footer and help derive from it.

Names and keys are Trippy's where Trippy has the command. A key is a character as it is typed (``?``, ``Q``),
a name (``down``, ``pageup``), or a modifier with either (``ctrl+f``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

from tracer.errors import ConfigError
from tui.view.facts import Fact
from tui.view.strings import say


class Group(StrEnum):
    """Where a command stands in the help."""

    NAVIGATION = "navigation"
    VIEWS = "views"
    DISPLAY = "display"
    TRACE = "trace"
    OUTPUT = "output"
    SETTINGS = "settings"
    REPLAY = "replay"
    PROGRAM = "program"

    @property
    def heading(self) -> str:
        """What stands above its commands."""
        return say(f"group.{self.value}")


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One thing the user can do."""

    id: str
    """Its name in the configuration file."""
    group: Group
    keys: tuple[str, ...] = ()
    """By default; a command without keys is reached through the palette."""
    needs: Fact | None = None
    """Without it there is nothing the command could do, and it is not offered."""

    @property
    def title(self) -> str:
        """A word or two."""
        return say(f"command.{self.id}")

    @property
    def help(self) -> str:
        """What it does, in a sentence."""
        return say(f"command.{self.id}.help")


def _group(group: Group, *commands: tuple[str, str] | tuple[str, str, Fact]) -> tuple[Command, ...]:
    """A table of (id, keys separated by blanks, what it needs)."""
    return tuple(
        Command(
            id=command[0],
            group=group,
            keys=tuple(map(canonical, command[1].split())),
            needs=command[2] if len(command) > 2 else None,
        )
        for command in commands
    )


_NAMES = {
    "esc": "escape",
    "backtab": "shift+tab",
    "return": "enter",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "del": "delete",
    "ins": "insert",
}
_MODIFIERS = ("ctrl", "alt", "shift", "super", "hyper", "meta")


def canonical(key: str) -> str:
    """One spelling for each key: ``Esc``, ``ctrl-F`` and ``shift+q`` become ``escape``, ``ctrl+f``, ``Q``.

    Raises ``ValueError`` for an empty key.
    """
    parts = key.replace("+", "-").split("-") if len(key) > 1 else [key]
    *modifiers, name = [part for part in parts if part] or [key[-1:]]
    if key and key[-1] in "+-" and len(key) > 1:
        modifiers, name = [*modifiers, name], key[-1]
    if not name:
        raise ValueError(say("keys.empty"))
    held = {modifier.lower() for modifier in modifiers}
    if unknown := held.difference(_MODIFIERS):
        raise ValueError(say("keys.unknown-modifier", modifiers=", ".join(sorted(unknown))))
    if len(name) == 1 and name.isalpha() and "shift" in held:
        held.remove("shift")
        name = name.upper()
    elif len(name) > 1 or (held and name.isalpha()):
        name = name.lower()
    name = _NAMES.get(name, name)
    return "+".join([*(modifier for modifier in _MODIFIERS if modifier in held), name])


COMMANDS: tuple[Command, ...] = (
    *_group(
        Group.NAVIGATION,
        ("next-hop", "down"),
        ("previous-hop", "up"),
        ("open", "enter"),
        ("next-trace", "right", Fact.TARGETS),
        ("previous-trace", "left", Fact.TARGETS),
        ("next-hop-address", "."),
        ("previous-hop-address", ","),
        ("page-down", "pgdn"),
        ("page-up", "pgup"),
        ("clear-selection", "esc"),
    ),
    *_group(
        Group.VIEWS,
        ("view-table", "t"),
        ("chart", "c"),
        ("heatmap", "e"),
        ("map", "m", Fact.COORDINATES),
        ("flows", "f", Fact.FLOWS),
        ("events", "l"),
        ("inspector", "x", Fact.PACKETS),
        ("all-events", "L"),
        ("next-probe", "N", Fact.PACKETS),
        ("previous-probe", "P", Fact.PACKETS),
        ("overview", "v", Fact.TARGETS),
        ("hop-details", "d"),
        ("next-view", "tab"),
        ("previous-view", "backtab"),
        ("zoom-in", "="),
        ("zoom-out", "-"),
        ("pan-left", "shift+left"),
        ("pan-right", "shift+right"),
    ),
    *_group(
        Group.DISPLAY,
        ("freeze", "ctrl+f"),
        ("filter", "/"),
        ("sort", "S"),
        ("sort-reverse", "R"),
        ("columns", "C"),
        ("address-mode-ip", "i"),
        ("address-mode-host", "n", Fact.NAMES),
        ("address-mode-both", "b", Fact.NAMES),
        ("as-info", "z", Fact.ASN),
        ("expand-privacy", "p"),
        ("contract-privacy", "o"),
        ("expand-hosts", "]"),
        ("contract-hosts", "["),
        ("expand-hosts-max", "}"),
        ("contract-hosts-min", "{"),
        ("next-theme", "T"),
        ("ascii", "A"),
    ),
    *_group(
        Group.TRACE,
        ("add-target", "a", Fact.LIVE),
        ("close-target", "X", Fact.TARGETS),
        ("clear-trace-data", "ctrl+r", Fact.LIVE),
        ("clear-dns-cache", "ctrl+k", Fact.NAMES),
    ),
    *_group(
        Group.OUTPUT,
        ("copy-cell", "y"),
        ("copy-table", "Y"),
        ("save-report", "w"),
        ("save-recording", "W"),
    ),
    *_group(
        Group.SETTINGS,
        ("settings", "s"),
        ("settings-tui", "1"),
        ("settings-trace", "2"),
        ("settings-dns", "3"),
        ("settings-geoip", "4"),
        ("settings-bindings", "5"),
        ("settings-theme", "6"),
        ("settings-columns", "7"),
        ("save-settings", ""),
    ),
    *_group(
        Group.REPLAY,
        ("replay-pause", "space", Fact.REPLAY),
        ("replay-forward", ">", Fact.REPLAY),
        ("replay-back", "<", Fact.REPLAY),
        ("replay-faster", "+", Fact.REPLAY),
        ("replay-slower", "_", Fact.REPLAY),
        ("replay-start", "home", Fact.REPLAY),
        ("replay-end", "end", Fact.REPLAY),
        ("next-change", ")"),
        ("previous-change", "("),
        ("next-loss", "'"),
        ("previous-loss", '"'),
    ),
    *_group(
        Group.PROGRAM,
        ("help", "h ?"),
        ("palette", "ctrl+p"),
        ("quit", "q ctrl+c"),
        ("quit-preserve-screen", "shift+q"),
    ),
)

BY_ID: dict[str, Command] = {command.id: command for command in COMMANDS}


def bindings(overrides: Mapping[str, Iterable[str]] | None = None) -> dict[str, Command]:
    """Which command each key gives.

    ``overrides`` maps command ids to the keys that take the place of their default ones; none unbinds a
    command. Raises ``ConfigError`` for an unknown command or key, and for a key two commands lay claim to,
    naming both: all commands are bound at once, whether the trace at hand offers them or not.
    """
    told = {command_id: tuple(keys) for command_id, keys in (overrides or {}).items()}
    for command_id, keys in told.items():
        if command_id not in BY_ID:
            raise ConfigError("bindings", command_id, say("keys.unknown-command"))
        for key in keys:
            _checked(command_id, key)
    bound: dict[str, Command] = {}
    for command in COMMANDS:
        for key in told.get(command.id, command.keys):
            name = canonical(key)
            if bound.get(name, command) is not command:
                reason = say("keys.conflict", key=name, first=bound[name].id, second=command.id)
                raise ConfigError("bindings", name, reason, say("keys.conflict.remedy"))
            bound[name] = command
    return bound


def _checked(command_id: str, key: str) -> None:
    try:
        canonical(key)
    except ValueError as error:
        raise ConfigError(f"bindings.{command_id}", key, str(error)) from None


def keys_of(command: Command, overrides: Mapping[str, Iterable[str]] | None = None) -> tuple[str, ...]:
    """The keys that give a command, with the user's ``overrides`` in the place of its own."""
    return tuple(map(canonical, (overrides or {}).get(command.id, command.keys)))


def offered(facts: Iterable[Fact]) -> tuple[Command, ...]:
    """The commands that can do something, given what the trace can tell."""
    known = frozenset(facts)
    return tuple(command for command in COMMANDS if command.needs is None or command.needs in known)
