"""The shape of a JSON value: its keys in their order, and types."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def shape(value: Any) -> Any:
    """The value with its type for every number and text; keys in their order, equal items once."""
    if isinstance(value, dict):
        return [(key, shape(item)) for key, item in value.items()]
    if isinstance(value, list):
        return shapes(value)
    return type(value).__name__


def shapes(value: Iterable[Any]) -> list[str]:
    """Every shape there is among the elements of a list."""
    return sorted({json.dumps(shape(item)) for item in value})
