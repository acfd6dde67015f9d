"""What was made last, kept until what it was made of changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """One value and the state it belongs to."""

    def __init__(self) -> None:
        self._state: tuple[object, ...] | None = None
        self._value: list[Value] = []
        self.made = 0
        """How often it was made."""

    def get(self, state: tuple[object, ...], make: Callable[[], Value]) -> Value:
        """The value for ``state``: the last one if it was made for an equal state, else a new one.

        States are compared part by part, the same object first, so large values in them cost nothing.
        """
        if self._state is None or state != self._state:
            self._value = [make()]
            self._state = state
            self.made += 1
        return self._value[0]
