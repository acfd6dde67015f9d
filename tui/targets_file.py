"""Targets from a file: one on each line; blank lines and what follows a ``#`` are passed over."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tracer.errors import ConfigError
from tracer.whole_file import read_rest, read_whole

STDIN = "-"
_FLAG = "--targets-file"


def with_targets_file(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the option; what stands in the file comes behind the ``targets`` of the command line."""

    @functools.wraps(function)
    def extended(*args: Any, targets: tuple[str, ...], targets_file: str | None, **values: Any) -> None:
        listed = () if targets_file is None else read(targets_file)
        function(*args, targets=(*targets, *listed), **values)

    return click.option(
        _FLAG,
        metavar="FILE|-",
        help="Trace the targets in this file too, one on each line; - reads them from stdin.",
    )(extended)


def read(name: str) -> tuple[str, ...]:
    """The targets that stand in a file, or on stdin for ``-``. Raises ConfigError."""
    try:
        content = read_rest(sys.stdin.buffer) if name == STDIN else read_whole(Path(name))
        text = content.decode()
    except OSError as error:
        raise ConfigError(_FLAG, name, f"it cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(_FLAG, name, "it is no text") from error
    except AttributeError as error:
        raise ConfigError(_FLAG, name, "stdin is closed") from error
    if "\0" in text:
        raise ConfigError(_FLAG, name, "it is no text")
    bare = (line.partition("#")[0].strip() for line in text.lstrip("\ufeff").splitlines())
    found = tuple(line for line in bare if line)
    if not found:
        raise ConfigError(_FLAG, name, "it names no target", "Write one on each line.")
    return found
