"""Why a view shows nothing, in plain words."""

from __future__ import annotations

from tui.view.cells import Line, wrapped
from tui.view.strings import say
from tui.view.style import Style


def empty(key: str, width: int, /, **values: str) -> tuple[Line, ...]:
    """The text for ``key``, in lines of at most ``width`` cells where its words allow it."""
    return tuple(((line, Style.MUTED),) for line in wrapped(say(key, **values), width))
