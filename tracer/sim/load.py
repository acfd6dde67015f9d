"""From a scenario's name or file to its values. Strict: what is not understood is an error, never ignored."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tracer.errors import ScenarioError
from tracer.sim.scenario import TABLES, Scenario, decode_hook
from tracer.whole_file import read_whole

_SHIPPED = Path(__file__).parent / "scenarios"


def names() -> tuple[str, ...]:
    """The scenarios that come with hopscope, sorted."""
    return tuple(sorted(path.stem for path in _SHIPPED.glob("*.toml")))


def load(name_or_path: str | Path) -> Scenario:
    """A shipped scenario by its name, any other by the path of its file.

    Text that names a shipped scenario is that scenario; ``./wan`` is a file. Raises ScenarioError.
    """
    shipped = _SHIPPED / f"{name_or_path}.toml"
    path = shipped if str(name_or_path) in names() else Path(name_or_path)
    try:
        text = read_whole(path).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ScenarioError(
            f"There is no scenario {str(name_or_path)!r}: {reason}.",
            f"Give the path of a scenario file, or one of {', '.join(names())}.",
        ) from error
    return parse(text, str(path))


def parse(text: str, file: str) -> Scenario:
    """A scenario from its TOML text; ``file`` is what errors call it. Raises ScenarioError."""
    try:
        return _parsed(text, file)
    except RecursionError as error:
        raise ScenarioError(f"{file} is nested too deeply.") from error


def _parsed(text: str, file: str) -> Scenario:
    try:
        raw = tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, and a number of thousands of digits
        raise ScenarioError(f"{file} is not TOML: {error}.") from error
    for place, key, known in _unknown_keys(raw, Scenario, ""):
        raise ScenarioError(f"{file}: unknown key {place + key!r}.", _suggestion(key, known))
    try:
        return msgspec.convert(raw, Scenario, dec_hook=decode_hook)
    except msgspec.ValidationError as error:
        raise ScenarioError(f"{file}: {str(error).replace('`$.', '`')}.") from error


def _unknown_keys(raw: Any, table: type, place: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Every (place, key, keys that would do) of the table and of those inside it."""
    if isinstance(raw, list):
        for index, item in enumerate(raw):
            yield from _unknown_keys(item, table, f"{place.removesuffix('.')}[{index}].")
    elif isinstance(raw, dict):
        known = msgspec.structs.fields(table)
        known_names = tuple(field.encode_name for field in known)
        inner = TABLES.get(table, {})
        for key, value in raw.items():
            if key not in known_names:
                yield place, key, known_names
            elif key in inner:
                yield from _unknown_keys(value, inner[key], f"{place}{key}.")


def _suggestion(key: str, known: tuple[str, ...]) -> str:
    import difflib  # noqa: PLC0415 - costs start-up time, needed only for a mistake

    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(sorted(known))}."
