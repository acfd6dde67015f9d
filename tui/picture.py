"""The whole screen as lines, as the application shows it at first: the hop table and what stands around it.

A test compares it with what the application draws.
"""

from __future__ import annotations

from collections.abc import Sequence

from tui.parts import (
    LinesIn,
    banner_lines,
    fitting,
    head_lines,
    key_line,
    layout_of,
    rows_of,
    table_lines,
    target_tabs,
    view_tabs,
)
from tui.scene import Scene
from tui.view.cells import BLANK, Line, fit_line
from tui.view.scrubber import scrubber
from tui.view.verdict_line import HEIGHT as HEAD_HEIGHT

ROOMY = 10
"""Lines of a terminal from which on there is room for all parts; below, the view comes first."""


def picture(scene: Scene, width: int, height: int) -> tuple[Line, ...]:
    """``height`` lines of exactly ``width`` cells; where a scrollbar will be, its cells are blank."""
    above, below = (_above if height >= ROOMY else _little_above)(scene, width), _below(scene, width, height)
    room = max(height - len(above) - len(below), 0)
    body = _window(lambda cells: _table(scene, cells), width, room)
    return tuple(fit_line(line, width) for line in (*above, *body, *below)[:height])


def _above(scene: Scene, width: int) -> Sequence[Line]:
    return (
        *_window(lambda cells: head_lines(scene, cells), width, HEAD_HEIGHT),
        *banner_lines(scene, width),
        *([target_tabs(scene, width).line] if len(scene.targets) > 1 else ()),
        view_tabs(scene, width).line,
    )


def _little_above(scene: Scene, width: int) -> Sequence[Line]:
    return _window(lambda cells: head_lines(scene, cells), width, 1)


def _below(scene: Scene, width: int, height: int) -> Sequence[Line]:
    playback = scene.playback
    return (
        *([] if playback is None else [scrubber(playback, width, scene.look.glyphs)]),
        *([key_line(scene, width)] if height >= ROOMY else ()),
    )


def _table(scene: Scene, width: int) -> Sequence[Line]:
    target = scene.target
    if target is None:
        return ()
    return tuple(table_lines(scene, target, rows_of(scene, target), layout_of(scene, width)))


def _window(lines_in: LinesIn, width: int, height: int) -> Sequence[Line]:
    """Exactly ``height`` lines."""
    lines, _ = fitting(lines_in, width, height, overflow=False)
    return (*lines[:height], *[BLANK] * (height - len(lines)))
