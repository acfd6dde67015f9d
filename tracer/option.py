"""How an option is declared, how its flag is called, and how durations are written."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from tracer.errors import ConfigError

MS = 1_000_000
SECOND = 1_000 * MS

_UNITS = {"us": 1_000, "ms": MS, "s": SECOND, "m": 60 * SECOND, "h": 3_600 * SECOND}
_DURATION = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)(us|ms|s|m|h)")
_NUMBER = re.compile(r"[+-]?[0-9]{1,20}")


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """What the declaration of an option says beside its name, type and default."""

    help: str
    short: str | None = None
    low: int | None = None
    high: int | None = None
    switches: dict[str, str] = {}
    """Flags that set the option to a fixed value: ``--udp`` for ``protocol=udp``, with short forms."""

    def check(self, name: str, value: Any) -> None:
        """Raise ConfigError if a number lies outside the range."""
        if value is None or not isinstance(value, int):
            return
        show = format_duration if name.endswith("_ns") else str
        if self.low is not None and value < self.low:
            raise ConfigError(flag(name), show(value), f"the smallest value is {show(self.low)}")
        if self.high is not None and value > self.high:
            raise ConfigError(flag(name), show(value), f"the largest value is {show(self.high)}")


class Declared(NamedTuple):
    """One option as the command line, the documentation and the settings need it."""

    name: str
    type: Any
    default: Any
    option: Option

    @property
    def flag(self) -> str:
        """Its long flag, such as ``--first-ttl``."""
        return flag(self.name)

    @property
    def is_duration(self) -> bool:
        """Its values are durations in nanoseconds."""
        return self.name.endswith("_ns")

    @property
    def is_switch(self) -> bool:
        """It is on or off."""
        return self.type is bool

    @property
    def off_flag(self) -> str:
        """The flag that turns a switch off."""
        return self.flag.replace("--", "--no-", 1)

    @property
    def choices(self) -> type[StrEnum] | None:
        """The enumeration its values come from, if they do."""
        return self.type if isinstance(self.type, type) and issubclass(self.type, StrEnum) else None


def flag(name: str) -> str:
    """The long flag of a field: ``first_ttl`` → ``--first-ttl``; units are not part of it."""
    return "--" + name.removesuffix("_ns").replace("_", "-")


def parse_number(text: str) -> int:
    """``12`` → 12. Raises ValueError for anything else: other digits, ``1_000``, thousands of digits."""
    if _NUMBER.fullmatch(text.strip()) is None:
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def parse_duration(text: str) -> int:
    """``1s``, ``250ms``, ``1.5s`` → nanoseconds. Raises ValueError for anything else."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as 250ms or 1s")
    number, unit = match.groups()
    return round(float(number) * _UNITS[unit])


def format_duration(duration_ns: int) -> str:
    """Nanoseconds as a person would write them: the largest unit that keeps the number whole."""
    for unit, size in reversed(_UNITS.items()):
        if duration_ns % size == 0 and duration_ns >= size:
            return f"{duration_ns // size}{unit}"
    return f"{duration_ns / _UNITS['us']:.3f}".rstrip("0").rstrip(".") + "us"
