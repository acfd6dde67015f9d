"""What stands around the view: header, banner, and the keys."""

from __future__ import annotations

from collections.abc import Sequence

from textual.geometry import Size

from tui.parts import banner_lines, head_lines, key_line
from tui.scene import Scene
from tui.view.cells import Line
from tui.widgets.lines import Lines


class Head(Lines):
    """Target, means, and the path in one sentence."""

    def lines_of(self, scene: Scene, size: Size) -> Sequence[Line]:
        return head_lines(scene, size.width)


class Banner(Lines):
    """Trouble on this host, while it lasts."""

    def show(self, scene: Scene) -> None:
        height = len(banner_lines(scene, self.size.width))
        self.set_class(height > 0, "-shown")
        self.styles.height = height
        super().show(scene)

    def lines_of(self, scene: Scene, size: Size) -> Sequence[Line]:
        return banner_lines(scene, size.width)


class Keys(Lines):
    """The keys most asked for."""

    def lines_of(self, scene: Scene, size: Size) -> Sequence[Line]:
        return (key_line(scene, size.width),)
