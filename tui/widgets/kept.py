"""What was made last, kept until what it was made of changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from tui.view.steps import Steps, finished

Value = TypeVar("Value")


class Same:
    """A part of a state that is compared by identity: large, and made anew whenever it changes."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self._value is other._value

    __hash__ = None  # type: ignore[assignment]


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


class Prepared(Generic[Value]):
    """One value that takes long to make.

    ``asked`` is what was asked for, ``state`` what it was made of: a value of an older state is still an
    answer, one to another question is not. Both are compared as those of ``Kept``.
    """

    def __init__(self) -> None:
        self._asked: tuple[object, ...] | None = None
        self._state: tuple[object, ...] | None = None
        self._value: list[Value] = []
        self.made = 0
        """How often it was made."""

    def prepare(
        self, asked: tuple[object, ...], state: tuple[object, ...], make: Callable[[], Steps[Value]]
    ) -> Steps[None]:
        """Make it anew if there is something new."""
        if (asked, state) != (self._asked, self._state):
            value = yield from make()
            self._asked, self._state, self._value = asked, state, [value]
            self.made += 1

    def get(
        self, asked: tuple[object, ...], state: tuple[object, ...], make: Callable[[], Steps[Value]]
    ) -> Value:
        """What was prepared; made now, without a pause, where that was something else."""
        if asked != self._asked:
            finished(self.prepare(asked, state, make))
        return self._value[0]
