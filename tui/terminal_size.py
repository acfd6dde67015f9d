"""How large a terminal is, whatever it knows of itself."""

from __future__ import annotations

import os
from typing import TextIO

USUAL = (80, 24)
"""Columns and lines: a serial line does not know its own, nor does a container without a window."""


def size_of(terminal: int | TextIO) -> tuple[int, int]:
    """Columns and lines of a terminal, given its descriptor or a stream on it.

    The usual ones where it does not know, or is gone.
    """
    try:
        size = os.get_terminal_size(terminal if isinstance(terminal, int) else terminal.fileno())
    except OSError:
        return USUAL
    return size.columns or USUAL[0], size.lines or USUAL[1]
