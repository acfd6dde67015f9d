"""What can be set, as values: every option as a line of text that can be read, checked and taken over.

The options of the screen stand in ``SETTINGS``; those of a trace are declared in ``tracer.config``. The
dialog and the configuration file both go through here: they accept the same texts and say the same errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import msgspec

from tracer.config import (
    Declared,
    TraceConfig,
    declarations,
    format_duration,
    parse_duration,
    parse_number,
)
from tracer.errors import ConfigError
from tui.scene import Look
from tui.screen_flags import BINDINGS
from tui.view.columns import chosen
from tui.view.commands import BY_ID, bindings
from tui.view.glyphs import GLYPHS
from tui.view.privacy import Privacy
from tui.view.rows import AddressMode
from tui.view.strings import say
from tui.view.theme import PALETTES

MS = 1_000_000


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One option of the screen."""

    key: str
    """Its name in the configuration file."""
    read: Callable[[Look], str]
    write: Callable[[Look, str], Look]
    """Raises ValueError with the reason."""
    choices: tuple[str, ...] = ()
    """All its values; empty where it takes a text."""

    @property
    def title(self) -> str:
        """A word or two."""
        return say(f"setting.{self.key}")

    @property
    def help(self) -> str:
        """What it does, in a sentence."""
        return say(f"setting.{self.key}.help")

    def put(self, look: Look, text: str) -> Look:
        """The look with this option set. Raises ConfigError."""
        if self.choices and text not in self.choices:
            raise ConfigError(self.key, text, say("setting.choices", choices=", ".join(self.choices)))
        try:
            return self.write(look, text)
        except ValueError as error:
            raise ConfigError(self.key, text, str(error).rstrip(".")) from None


def _number(text: str, low: int, high: int) -> int:
    try:
        number = parse_number(text)
    except ValueError:
        raise ValueError(say("setting.number")) from None
    return int(_within(number, low, high, str))


def _within(number: int, low: int, high: int, show: Callable[[int], str]) -> int:
    if number < low:
        raise ValueError(say("setting.low", low=show(low)))
    if number > high:
        raise ValueError(say("setting.high", high=show(high)))
    return number


def _columns(look: Look, text: str) -> Look:
    chosen(text)
    return msgspec.structs.replace(look, columns=text)


def _hosts(look: Look, text: str) -> Look:
    # Trippy's 0 leaves the number to the program.
    most = None if text in (say("settings.all"), "0") else _number(text, 1, 255)
    return msgspec.structs.replace(look, most_hosts=most)


def _refresh(look: Look, text: str) -> Look:
    refresh_ns = _within(parse_duration(text), 50 * MS, 10_000 * MS, format_duration)
    return msgspec.structs.replace(look, refresh_ns=refresh_ns)


SETTINGS: tuple[Setting, ...] = (
    Setting(
        key="theme",
        read=lambda look: look.palette,
        write=lambda look, text: msgspec.structs.replace(look, palette=text),
        choices=tuple(PALETTES),
    ),
    Setting(
        key="columns",
        read=lambda look: look.columns,
        write=_columns,
    ),
    Setting(
        key="address-mode",
        read=lambda look: look.address_mode.value,
        write=lambda look, text: msgspec.structs.replace(look, address_mode=AddressMode(text)),
        choices=tuple(mode.value for mode in AddressMode),
    ),
    Setting(
        key="glyphs",
        read=lambda look: look.glyphs.name,
        write=lambda look, text: msgspec.structs.replace(look, glyphs=GLYPHS[text]),
        choices=tuple(GLYPHS),
    ),
    Setting(
        key="privacy",
        read=lambda look: str(look.privacy.hops),
        write=lambda look, text: msgspec.structs.replace(look, privacy=Privacy(_number(text, 0, 255))),
    ),
    Setting(
        key="hosts",
        read=lambda look: say("settings.all") if look.most_hosts is None else str(look.most_hosts),
        write=_hosts,
    ),
    Setting(
        key="refresh",
        read=lambda look: format_duration(look.refresh_ns),
        write=_refresh,
    ),
)  # fmt: skip

BY_KEY = {setting.key: setting for setting in SETTINGS}


def with_texts(look: Look, key: str, text: str, name: str) -> Look:
    """``look`` with a setting, or with ``command=key,...``. Raises ConfigError that calls it ``name``."""
    try:
        return _with_keys(look, text) if key == BINDINGS else BY_KEY[key].put(look, text)
    except ConfigError as error:
        raise ConfigError(name, text, error.reason, error.remedy) from None


def _command(name: str) -> str:
    """A command by its name, or by the one it has in Trippy: ``toggle-freeze``, ``chart-zoom-in``."""
    bare = name.removeprefix("toggle-").removeprefix("chart-")
    return bare if name not in BY_ID and bare in BY_ID else name


def _with_keys(look: Look, text: str) -> Look:
    keys = dict(look.keys)
    for part in text.split(","):
        named, separator, pressed = part.partition("=")
        if not separator:
            raise ConfigError(BINDINGS, text, say("setting.type", wanted=say("setting.type.bindings")))
        command_id = _command(named.strip())
        if command_id not in BY_ID:
            reason, remedy = unknown(command_id, BY_ID)
            raise ConfigError(BINDINGS, text, f"{command_id!r}: {reason}", remedy)
        keys[command_id] = tuple(pressed.split())
    bindings(keys)
    return msgspec.structs.replace(look, keys=keys)


# The options of a trace


def trace_key(declared: Declared) -> str:
    """The name of an option in the configuration file: its long flag without the dashes."""
    return declared.flag.removeprefix("--")


TRACE_OPTIONS: dict[str, Declared] = {trace_key(declared): declared for declared in declarations()}


SWITCH = {False: "false", True: "true"}
"""What is on or off, as TOML writes it."""


def option_text(declared: Declared, value: Any) -> str:
    """A value as the user would type it."""
    if value is None:
        return say("settings.auto")
    if declared.is_switch:
        return SWITCH[value]
    return format_duration(value) if declared.is_duration else str(value)


def option_value(declared: Declared, text: str) -> Any:
    """The value of what the user typed. Raises ConfigError."""
    if declared.default is None and text.strip() in ("", say("settings.auto")):
        return None
    try:
        value = _parsed(declared, text.strip())
    except ValueError as error:
        raise ConfigError(declared.flag, text, str(error)) from None
    declared.option.check(declared.name, value)
    return value


def _parsed(declared: Declared, text: str) -> Any:
    if declared.choices is not None:
        values = [choice.value for choice in declared.choices]
        if text not in values:
            raise ValueError(say("setting.choices", choices=", ".join(values)))
        return declared.choices(text)
    if declared.is_switch:
        if text not in SWITCH.values():
            raise ValueError(say("setting.choices", choices=", ".join(SWITCH.values())))
        return text == SWITCH[True]
    if declared.is_duration:
        return parse_duration(text)
    if "str" in str(declared.type):
        return text
    try:
        return parse_number(text)
    except ValueError:
        raise ValueError(say("setting.number")) from None


def option_choices(declared: Declared) -> tuple[str, ...]:
    """All values of an option; empty where it takes a text."""
    if declared.is_switch:
        return tuple(SWITCH.values())
    return () if declared.choices is None else tuple(choice.value for choice in declared.choices)


def trace_config(base: TraceConfig, texts: Mapping[str, str]) -> tuple[TraceConfig, dict[str, str]]:
    """``base`` with the options typed, by key, and what is wrong with them, by key.

    Where anything is wrong the configuration is ``base``.
    """
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for key, text in texts.items():
        declared = TRACE_OPTIONS[key]
        try:
            values[declared.name] = option_value(declared, text)
        except ConfigError as error:
            wrong[key] = str(error)
    if wrong:
        return base, wrong
    try:
        return msgspec.structs.replace(base, **values), {}
    except ConfigError as error:
        return base, {error.option.removeprefix("--"): str(error)}


def changed_options(config: TraceConfig, base: TraceConfig) -> dict[str, str]:
    """What differs from ``base``, as texts by key."""
    return {
        key: option_text(declared, getattr(config, declared.name))
        for key, declared in TRACE_OPTIONS.items()
        if getattr(config, declared.name) != getattr(base, declared.name)
    }


def unknown(key: str, known: Iterable[str]) -> tuple[str, str]:
    """Why a key is refused, and the nearest one there is."""
    names = sorted(known)
    near = get_close_matches(key, names, 1, 0.5)
    if near:
        return say("setting.unknown"), say("setting.unknown.near", near=near[0])
    return say("setting.unknown"), say("setting.unknown.known", known=", ".join(names))
