"""The path of each flow."""

from __future__ import annotations

from collections.abc import Sequence

from textual.geometry import Size

from tui.scene import Scene
from tui.view.about import context
from tui.view.cells import Line, clip_line
from tui.view.empty import empty
from tui.view.paths import flows_lines
from tui.widgets.lines import Lines


class PathsView(Lines):
    """The different paths, then the flows one below the other."""

    FIXED = 1

    def lines_of(self, scene: Scene, size: Size) -> Sequence[Line]:
        target, look = scene.target, scene.look
        if target is None:
            return empty("empty.target", size.width)
        flows = target.flows
        if not any(flow.path for flow in flows):
            return empty("empty.flows", size.width)
        told = context(target.snapshot, look.address_mode)
        lines = flows_lines(flows, look.privacy, told, size.width, look.glyphs)
        note = empty("empty.one-flow", size.width) if len(flows) == 1 else ()
        return tuple(clip_line(line, size.width, look.glyphs.ellipsis) for line in (*lines, *note))
