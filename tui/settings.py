"""The configuration file: what the user wants every time, as TOML.

``[trace]`` holds options of a trace by their long flags, ``[tui]`` those of the screen, ``[bindings]`` keys
by command, ``[report]`` the mode. Only what differs from the default is written. The command line and the
environment go before the file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tracer.config import TraceConfig, flag
from tracer.errors import ConfigError
from tracer.whole_file import read_whole
from tui.config_lines import Lines, lines_of
from tui.config_path import config_path, is_there
from tui.files import make_folder, rewrite
from tui.mode_names import MODE, MODE_NAMES
from tui.scene import Look
from tui.settable import BY_KEY, SETTINGS, SWITCH, TRACE_OPTIONS, changed_options, option_value, unknown
from tui.view.commands import BY_ID, bindings
from tui.view.strings import say


class File(msgspec.Struct, frozen=True):
    """A configuration file, for whoever has to find a key in it."""

    path: Path
    lines: Lines

    def place(self, table: str, key: str = "") -> str:
        """``/path/config.toml:3: [trace] first-ttl``."""
        line = self.lines.get((table, key))
        where = str(self.path) if line is None else f"{self.path}:{line}"
        return f"{where}: [{table}] {key}".rstrip()


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """What a configuration file says."""

    look: Look = Look()
    trace: dict[str, Any] = {}
    """Values of TraceConfig's fields, by field."""
    mode: str | None = None
    """What to show when the command line does not say."""
    file: File | None = None
    """Where all that stands; None where there is no file."""

    def config(self, **chosen: Any) -> TraceConfig:
        """The options of a trace: those ``chosen`` now, else those saved. Raises ConfigError."""
        return TraceConfig(**{**self.trace, **chosen})

    def place(self, name: str) -> str:
        """Where the file sets a field of TraceConfig, to name it to the user."""
        key = flag(name).removeprefix("--")
        return key if self.file is None else self.file.place("trace", key)


def load(path: Path | None = None) -> Saved:
    """Read the file; without one everything is as by default.

    Raises ConfigError naming the file, the key, and the nearest key there is.
    """
    where = path or config_path()
    if not is_there(where):
        return Saved()
    try:
        text = read_whole(where).decode()
        document = tomllib.loads(text)
    except OSError as error:
        raise _broken(where, say("settings.unreadable", reason=error.strerror)) from error
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError
        raise _broken(where, say("settings.no-toml", reason=str(error).rstrip("."))) from error
    except RecursionError as error:
        raise _broken(where, say("settings.no-toml", reason=say("settings.deep"))) from error
    file = File(where, lines_of(text))
    saved = Saved(file=file)
    for name, table in document.items():
        if name not in _TABLES:
            raise _refused(file.place(name), table, _misplaced(name) or unknown(name, _TABLES))
        if not isinstance(table, dict):
            raise ConfigError(file.place(name), table, say("settings.table"))
        saved = _TABLES[name](file, saved, table)
    return saved


def _misplaced(key: str) -> tuple[str, str] | None:
    """Why a key that stands before all tables is refused, and where it belongs; None for other keys."""
    tables: dict[str, Container[str]] = {"trace": TRACE_OPTIONS, "tui": BY_KEY, "report": (MODE,)}
    for table, keys in tables.items():
        if key in keys:
            return say("setting.misplaced"), say("setting.misplaced.table", key=key, table=table)
    return None


def _broken(where: Path, reason: str) -> ConfigError:
    return ConfigError(say("settings.file"), str(where), reason)


def _refused(place: str, value: object, why: tuple[str, str]) -> ConfigError:
    reason, remedy = why
    return ConfigError(place, value, reason, remedy)


def _tui(file: File, saved: Saved, table: Mapping[str, Any]) -> Saved:
    look = saved.look
    for key, value in table.items():
        if key not in BY_KEY:
            raise _refused(file.place("tui", key), value, unknown(key, BY_KEY))
        with _InFile(file.place("tui", key), value):
            look = BY_KEY[key].put(look, _text(value))
    return msgspec.structs.replace(saved, look=look)


def _trace(file: File, saved: Saved, table: Mapping[str, Any]) -> Saved:
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in TRACE_OPTIONS:
            raise _refused(file.place("trace", key), value, unknown(key, TRACE_OPTIONS))
        with _InFile(file.place("trace", key), value):
            values[TRACE_OPTIONS[key].name] = option_value(TRACE_OPTIONS[key], _text(value))
    try:
        TraceConfig(**values)
    except ConfigError as error:
        place = file.place("trace", error.option.removeprefix("--"))
        raise ConfigError(place, error.value, error.reason, error.remedy) from None
    return msgspec.structs.replace(saved, trace=values)


def _report(file: File, saved: Saved, table: Mapping[str, Any]) -> Saved:
    for key, value in table.items():
        if key != MODE:
            raise _refused(file.place("report", key), value, unknown(key, [MODE]))
        if value not in MODE_NAMES:
            choices = say("setting.choices", choices=", ".join(MODE_NAMES))
            raise ConfigError(file.place("report", key), value, choices)
    return msgspec.structs.replace(saved, mode=table.get(MODE))


def _bindings(file: File, saved: Saved, table: Mapping[str, Any]) -> Saved:
    keys: dict[str, tuple[str, ...]] = {}
    for command_id, value in table.items():
        if command_id not in BY_ID:
            raise _refused(file.place("bindings", command_id), value, unknown(command_id, BY_ID))
        keys[command_id] = _keys(file.place("bindings", command_id), value)
    with _InFile(file.place("bindings"), None):
        bindings(keys)
    return msgspec.structs.replace(saved, look=msgspec.structs.replace(saved.look, keys=keys))


def _keys(place: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(value.split())
    if isinstance(value, list) and all(isinstance(key, str) for key in value):
        return tuple(value)
    raise ConfigError(place, value, say("setting.type", wanted=say("setting.type.keys")))


def _text(value: object) -> str:
    """A value of the file as the user would type it in the dialog."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return SWITCH[value]
    if isinstance(value, int) and value.bit_length() < _WIDEST_INTEGER:
        return str(value)
    raise ConfigError("", value, say("setting.type", wanted=say("setting.type.text")))


_WIDEST_INTEGER = 64
"""Bits of an integer of TOML 1.0."""


class _InFile:
    """Lets a ConfigError say where it is in the file; ``value`` stands there, None for the error's own."""

    def __init__(self, place: str, value: object) -> None:
        self._place = place
        self._value = value

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, ConfigError):
            value = error.value if self._value is None else self._value
            raise ConfigError(self._place, value, error.reason, error.remedy) from None


_TABLES: dict[str, Callable[[File, Saved, Mapping[str, Any]], Saved]] = {
    "report": _report,
    "trace": _trace,
    "tui": _tui,
    "bindings": _bindings,
}


def save(look: Look, config: TraceConfig | None, path: Path | None = None) -> Path:
    """Write what differs from the defaults; without a ``config`` the file keeps its ``[trace]``.

    The mode the file asks for stays as it is.

    Raises FileError, and ConfigError where the file to be kept cannot be read.
    """
    where = path or config_path()
    saved = load(where)
    kept = saved.config() if config is None else config
    make_folder(where.parent)
    rewrite(where, render(look, kept, saved.mode).encode())
    return where


def render(look: Look, config: TraceConfig, mode: str | None = None) -> str:
    """The file."""
    default = Look()
    tables: dict[str, dict[str, str]] = {
        "report": {} if mode is None else {MODE: toml_value(mode)},
        "trace": {key: toml_value(text) for key, text in changed_options(config, TraceConfig()).items()},
        "tui": {
            setting.key: toml_value(setting.read(look))
            for setting in SETTINGS
            if setting.read(look) != setting.read(default)
        },
        "bindings": {command_id: toml_list(keys) for command_id, keys in look.keys.items()},
    }
    return (
        say("settings.heading")
        + "\n"
        + "".join(
            f"\n[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in table.items())
            for name, table in tables.items()
            if table
        )
    )


def toml_value(text: str) -> str:
    """A value as the user would type it, as TOML: whole numbers and booleans bare."""
    return text if _BARE.fullmatch(text) else _quoted(text)


def toml_list(texts: Sequence[str]) -> str:
    """Texts as an array of TOML."""
    return f"[{', '.join(map(_quoted, texts))}]"


_BARE = re.compile(r"0|[1-9][0-9]{0,17}|true|false")
_ESCAPES = {'"': '\\"', "\\": "\\\\"}


def _quoted(text: str) -> str:
    """A basic string of TOML 1.0."""
    return f'"{"".join(_ESCAPES.get(char) or _plain(char) for char in text)}"'


def _plain(char: str) -> str:
    return char if char.isprintable() else f"\\U{ord(char):08x}"
