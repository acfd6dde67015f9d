"""One line to type into, at the bottom: for the filter and for a further target."""

from __future__ import annotations

from collections.abc import Callable

from textual.widgets import Input

from tui.view.strings import say

Answer = Callable[[str], None]


def _ignore(_text: str) -> None:
    """Nobody wants to know."""


class Prompt(Input):
    """Hidden until somebody asks; then it has the keyboard until enter or escape."""

    DEFAULT_CSS = "Prompt { &:focus { border: none; } }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, select_on_focus=False)
        self.can_focus = False
        self._typed: Answer = _ignore
        self._done: Answer = _ignore

    @property
    def is_open(self) -> bool:
        """It has the keyboard."""
        return self.can_focus

    def ask(self, hint: str, value: str = "", *, typed: Answer = _ignore, done: Answer = _ignore) -> None:
        """Open with a value; ``hint`` is the key of a text, ``typed`` hears of every change."""
        self._typed = self._done = _ignore
        self.placeholder = say(hint)
        self.value = value
        self._typed, self._done = typed, done
        self.can_focus = True
        self.add_class("-shown")
        self.focus()

    def dismiss(self) -> None:
        """Close without an answer."""
        self._typed = self._done = _ignore
        self.blur()
        self.can_focus = False
        self.remove_class("-shown")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell of it while it is typed."""
        event.stop()
        self._typed(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Close and answer."""
        event.stop()
        done = self._done
        self.dismiss()
        done(event.value.strip())
