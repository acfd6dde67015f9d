"""Work that pauses now and then, so that others have their turn in between."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

Result = TypeVar("Result")

Steps = Generator[None, None, Result]
"""Yields at every pause and returns what it made."""


def finished(steps: Steps[Result]) -> Result:
    """What comes of it, without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result
