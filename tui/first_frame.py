"""The picture before the application is there, which takes several times as long to load as all the rest.

It is the picture the application will begin with, of the same source, drawn without Textual.
"""

from __future__ import annotations

import msgspec

from tui.early_terminal import EarlyTerminal
from tui.parts import VIEW_NAMES
from tui.picture import picture
from tui.scene import Look
from tui.source import Source, newest
from tui.view.commands import BY_ID, keys_of
from tui.view.sgr import Colours, painted
from tui.view.steps import finished


class FirstFrame:
    """Draws a source on a terminal."""

    def __init__(self, source: Source, look: Look, terminal: EarlyTerminal, colours: Colours) -> None:
        self._source = source
        self._look = look
        self._terminal = terminal
        self._colours = colours
        self._drawn: tuple[object, ...] = ()
        self._size = (0, 0)
        self._lines: list[str] = []

    def draw(self) -> None:
        """Draw what changed since the last time, unless the terminal is slow."""
        if self._terminal.busy:
            self._terminal.push()
            return
        state = (self._source.bridge.version, self._source.playback(None), self._terminal.size())
        if state != self._drawn:
            self._drawn = state
            self._put(*self._terminal.size())

    def _put(self, width: int, height: int) -> None:
        scene = finished(newest(self._source, self._look, frozenset(), None))
        scene = msgspec.structs.replace(scene, view=VIEW_NAMES[0])
        lines = [painted(line, self._look.palette, self._colours) for line in picture(scene, width, height)]
        text = ""
        if (width, height) != self._size:
            text = "\x1b[2J"
            self._size, self._lines = (width, height), [""] * height
        self._terminal.write(
            text
            + "".join(
                f"\x1b[{number};1H{line}"
                for number, (line, before) in enumerate(zip(lines, self._lines, strict=True), 1)
                if line != before
            )
        )
        self._lines = lines


def wants_to_leave(typed: str, look: Look) -> bool:
    """Whether the keys typed so far end the program.

    A key that is also text counts as the first one only: behind another, what it means is for the application
    to say, and the application will be there in a moment.
    """
    quitting = {char for key in keys_of(BY_ID["quit"], look.keys) if (char := _typed_as(key))}
    return typed[:1] in quitting or any(char in quitting and char < " " for char in typed)


def _typed_as(key: str) -> str:
    """What a terminal sends for a key; empty for those that send more than one character."""
    if key.startswith("ctrl+") and len(key) == len("ctrl+x"):
        return chr(ord(key[-1]) & 0x1F)
    return key if len(key) == 1 else ""
