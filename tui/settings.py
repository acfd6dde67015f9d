"""The configuration file: what the user wants every time, as TOML.

``[trace]`` holds options of a trace by their long flags, ``[tui]`` those of the screen, ``[bindings]`` keys
by command. Only what differs from the default is written. The command line goes before the file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from tracer.config import TraceConfig
from tracer.errors import ConfigError
from tui.config_path import config_path, is_there
from tui.files import make_folder, rewrite
from tui.scene import Look
from tui.settable import BY_KEY, SETTINGS, SWITCH, TRACE_OPTIONS, changed_options, option_value, unknown
from tui.view.commands import BY_ID, bindings
from tui.view.strings import say


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """What a configuration file says."""

    look: Look = Look()
    trace: dict[str, Any] = {}
    """Values of TraceConfig's fields, by field."""

    def config(self, **chosen: Any) -> TraceConfig:
        """The options of a trace: those ``chosen`` now, else those saved. Raises ConfigError."""
        return TraceConfig(**{**self.trace, **chosen})


def load(path: Path | None = None) -> Saved:
    """Read the file; without one everything is as by default.

    Raises ConfigError naming the file, the key, and the nearest key there is.
    """
    where = path or config_path()
    if not is_there(where):
        return Saved()
    try:
        document = tomllib.loads(where.read_bytes().decode())
    except OSError as error:
        raise _broken(where, say("settings.unreadable", reason=error.strerror)) from error
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError
        raise _broken(where, say("settings.no-toml", reason=str(error).rstrip("."))) from error
    saved = Saved()
    for name, table in document.items():
        if name not in _TABLES:
            raise _refused(where, f"[{name}]", table, unknown(name, _TABLES))
        if not isinstance(table, dict):
            raise ConfigError(f"{where}: [{name}]", table, say("settings.table"))
        saved = _TABLES[name](where, saved, table)
    return saved


def _broken(where: Path, reason: str) -> ConfigError:
    return ConfigError(say("settings.file"), str(where), reason)


def _refused(where: Path, key: str, value: object, why: tuple[str, str]) -> ConfigError:
    reason, remedy = why
    return ConfigError(f"{where}: {key}", value, reason, remedy)


def _tui(where: Path, saved: Saved, table: Mapping[str, Any]) -> Saved:
    look = saved.look
    for key, value in table.items():
        if key not in BY_KEY:
            raise _refused(where, f"[tui] {key}", value, unknown(key, BY_KEY))
        with _InFile(where, f"[tui] {key}", value):
            look = BY_KEY[key].put(look, _text(value))
    return msgspec.structs.replace(saved, look=look)


def _trace(where: Path, saved: Saved, table: Mapping[str, Any]) -> Saved:
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in TRACE_OPTIONS:
            raise _refused(where, f"[trace] {key}", value, unknown(key, TRACE_OPTIONS))
        with _InFile(where, f"[trace] {key}", value):
            values[TRACE_OPTIONS[key].name] = option_value(TRACE_OPTIONS[key], _text(value))
    try:
        TraceConfig(**values)
    except ConfigError as error:
        key = error.option.removeprefix("--")
        raise ConfigError(f"{where}: [trace] {key}", error.value, error.reason, error.remedy) from None
    return msgspec.structs.replace(saved, trace=values)


def _bindings(where: Path, saved: Saved, table: Mapping[str, Any]) -> Saved:
    keys: dict[str, tuple[str, ...]] = {}
    for command_id, value in table.items():
        if command_id not in BY_ID:
            raise _refused(where, f"[bindings] {command_id}", value, unknown(command_id, BY_ID))
        keys[command_id] = _keys(where, command_id, value)
    try:
        bindings(keys)
    except ConfigError as error:
        raise ConfigError(f"{where}: [bindings]", error.value, error.reason, error.remedy) from None
    return msgspec.structs.replace(saved, look=msgspec.structs.replace(saved.look, keys=keys))


def _keys(where: Path, command_id: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(value.split())
    if isinstance(value, list) and all(isinstance(key, str) for key in value):
        return tuple(value)
    reason = say("setting.type", wanted=say("setting.type.keys"))
    raise ConfigError(f"{where}: [bindings] {command_id}", value, reason)


def _text(value: object) -> str:
    """A value of the file as the user would type it in the dialog."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return SWITCH[value]
    if isinstance(value, int):
        return str(value)
    raise ConfigError("", value, say("setting.type", wanted=say("setting.type.text")))


class _InFile:
    """Lets a ConfigError say where in the file it is."""

    def __init__(self, where: Path, key: str, value: object) -> None:
        self._named = (f"{where}: {key}", value)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, ConfigError):
            raise ConfigError(*self._named, error.reason, error.remedy) from None


_TABLES: dict[str, Callable[[Path, Saved, Mapping[str, Any]], Saved]] = {
    "trace": _trace,
    "tui": _tui,
    "bindings": _bindings,
}


def save(look: Look, config: TraceConfig | None, path: Path | None = None) -> Path:
    """Write what differs from the defaults; without a ``config`` the file keeps its ``[trace]``.

    Raises FileError, and ConfigError where the file to be kept cannot be read.
    """
    where = path or config_path()
    kept = load(where).config() if config is None else config
    make_folder(where.parent)
    rewrite(where, render(look, kept).encode())
    return where


def render(look: Look, config: TraceConfig) -> str:
    """The file."""
    default = Look()
    tables: dict[str, dict[str, str]] = {
        "trace": {key: _quoted(text) for key, text in changed_options(config, TraceConfig()).items()},
        "tui": {
            setting.key: _quoted(setting.read(look))
            for setting in SETTINGS
            if setting.read(look) != setting.read(default)
        },
        "bindings": {
            command_id: f"[{', '.join(map(_quoted, keys))}]" for command_id, keys in look.keys.items()
        },
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


_ESCAPES = {'"': '\\"', "\\": "\\\\"}


def _quoted(text: str) -> str:
    """A basic string of TOML 1.0."""
    return f'"{"".join(_ESCAPES.get(char) or _plain(char) for char in text)}"'


def _plain(char: str) -> str:
    return char if char.isprintable() else f"\\U{ord(char):08x}"
