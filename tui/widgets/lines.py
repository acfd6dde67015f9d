"""A widget that draws lines of styled text, and draws again only those that changed."""

from __future__ import annotations

from collections.abc import Sequence

from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.paint import strip, styles
from tui.scene import Scene
from tui.view.cells import Line


class Lines(ScrollView):
    """Holds lines; a subclass makes them in ``lines_of``.

    Strips are cached by line, so that a frame costs what changed in it.
    """

    DEFAULT_CSS = """
    Lines { height: 1fr; width: 1fr; background: $background; scrollbar-size: 1 1; }
    """

    can_focus = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._lines: tuple[Line, ...] = ()
        self._strips: list[Strip] = []
        self._palette = ""
        self.scene: Scene | None = None
        """What is drawn; None before the first picture."""

    def show(self, scene: Scene) -> None:
        """Draw this scene."""
        self.scene = scene
        if self.size.width and self.size.height:
            self._put(tuple(self.lines_of(scene, self.size)), scene)

    def on_resize(self) -> None:
        """Draw the same scene in the new size."""
        if self.scene is not None:
            self.show(self.scene)

    def lines_of(self, scene: Scene, size: Size) -> Sequence[Line]:
        """The lines of a scene in this size; more than fit can be scrolled to."""
        raise NotImplementedError

    def _put(self, lines: tuple[Line, ...], scene: Scene) -> None:
        palette = scene.look.palette
        looks = styles(palette)
        fresh = palette != self._palette or len(lines) != len(self._lines)
        changed = [
            number
            for number, line in enumerate(lines)
            if fresh or number >= len(self._lines) or line != self._lines[number]
        ]
        if fresh:
            self._strips = [Strip.blank(0)] * len(lines)
        for number in changed:
            self._strips[number] = strip(lines[number], looks)
        self._lines, self._palette = lines, palette
        if fresh:
            self.virtual_size = Size(self.size.width, len(lines))
            self.refresh()
        else:
            top = self.scroll_offset.y
            self.refresh(*(Region(0, number - top, self.size.width, 1) for number in changed))

    def render_line(self, y: int) -> Strip:
        """Textual asks for one line of the window."""
        number = y + self.scroll_offset.y
        found = self._strips[number] if number < len(self._strips) else Strip.blank(0)
        return found.adjust_cell_length(self.size.width, self.rich_style)
