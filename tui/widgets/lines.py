"""A widget that draws lines of styled text, and draws again only those that changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from rich.style import Style
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from tui.paint import strip, styles
from tui.parts import fitting
from tui.scene import Scene
from tui.view.cells import Line

ROWS_AT_ONCE = 16
"""So many rows Textual draws in some two milliseconds; the next ones follow a sixtieth of a second later."""

_NOTHING = Strip.blank(0)


class Lines(ScrollView):
    """Holds lines; a subclass makes them in ``lines_of``.

    Strips are cached by line, so that a frame costs what changed in it.
    """

    DEFAULT_CSS = """
    Lines {
        height: 1fr; width: 1fr; overflow-x: hidden; scrollbar-size: 1 1; background: $background;
    }
    """

    can_focus = False

    FIXED: ClassVar[int] = 0
    """So many lines at the top stay while the others scroll."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._lines: tuple[Line, ...] = ()
        self._strips: list[Strip] = []
        self._palette = ""
        self._overflows = False
        self._ground: Style | None = None
        self._stale: list[int] = []
        self._scrollbar_looks = (0, 0)
        self.scene: Scene | None = None
        """What is drawn; None before the first picture."""

    def show(self, scene: Scene) -> None:
        """Draw this scene."""
        self.scene = scene
        if self.size.width and self.size.height:
            self._put(self._fitting(scene), scene)

    def prepare(self, scene: Scene) -> Iterator[None]:  # noqa: ARG002 - for views that take long
        """Do what takes long of drawing this scene, with a pause after every bit of it; ``show`` follows.

        ``lines_of`` must do without: the window may be drawn in another size before.
        """
        return iter(())

    def _fitting(self, scene: Scene) -> tuple[Line, ...]:
        """The lines, beside the scrollbar where it is needed."""
        width, height = self.size
        lines, self._overflows = fitting(
            lambda cells: self.lines_of(scene, Size(cells, height)), width, height, overflow=self._overflows
        )
        return lines

    def on_resize(self) -> None:
        """Draw the same scene in the new size."""
        if self.scene is not None:
            for _ in self.prepare(self.scene):
                pass
            self.show(self.scene)

    def lines_of(self, scene: Scene, size: Size) -> Sequence[Line]:
        """The lines of a scene in this size; more than fit can be scrolled to."""
        raise NotImplementedError

    def step(self, by: int) -> bool:  # noqa: ARG002 - for views that have a cursor
        """Move the view's own cursor; False where it has none, and a hop is selected instead."""
        return False

    def open_row(self) -> bool:
        """Open what the view's own cursor is on; False where it has none."""
        return False

    def line_at(self, y: int) -> int:
        """Which line is drawn ``y`` cells below the widget's top."""
        return y if y < self.FIXED else y + self.scroll_offset.y

    def reveal(self, number: int) -> None:
        """Scroll as far as needed for a line to be seen."""
        top, room = self.scroll_offset.y, self.size.height
        if number < top + self.FIXED:
            self.scroll_to(y=number - self.FIXED, animate=False)
        elif number >= top + room:
            self.scroll_to(y=number - room + 1, animate=False)

    def _put(self, lines: tuple[Line, ...], scene: Scene) -> None:
        palette = scene.look.palette
        looks = styles(palette)
        fresh = palette != self._palette or len(lines) != len(self._lines)
        changed = [number for number, line in enumerate(lines) if fresh or line != self._lines[number]]
        if fresh:
            self._strips = [_NOTHING] * len(lines)
        for number in changed:
            self._strips[number] = strip(lines[number], looks)
        self._lines, self._palette = lines, palette
        self.hold(len(lines))
        if fresh:
            self._stale = []
            self.refresh()
            return
        hit = frozenset(changed)
        self.repaint(y for y in range(self.size.height) if self.line_at(y) in hit)

    def repaint(self, rows: Iterable[int]) -> None:
        """Give these rows of the window to the terminal, a few at a time.

        Textual does so in one go, which for a large window holds up the loop.
        """
        waiting = dict.fromkeys((*self._stale, *rows))
        self._stale, idle = [*waiting], not self._stale
        if idle:
            self._repaint_some()

    def _repaint_some(self) -> None:
        some, self._stale = self._stale[:ROWS_AT_ONCE], self._stale[ROWS_AT_ONCE:]
        # Without any region Textual would draw the whole widget again.
        if some:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in some))
        if self._stale:
            self.call_after_refresh(self._repaint_some)

    def hold(self, lines: int) -> None:
        """There are so many lines now.

        Textual would lay out the whole screen anew whenever that changes, though only the scrollbar may have
        to come or go.
        """
        height, content = self.size.height, Size(self.size.width, lines)
        if (lines > height) != self.show_vertical_scrollbar or self.virtual_size.width != content.width:
            self.virtual_size = content
        elif content != self.virtual_size:
            self.set_reactive(Widget.virtual_size, content)
            self._tell_scrollbar()

    def jump(self, number: int) -> None:
        """Let the window begin at a line; what shows is repainted as usual."""
        if number != self.scroll_y:
            self.set_reactive(Widget.scroll_y, float(number))
            self.set_reactive(Widget.scroll_target_y, float(number))
            self._tell_scrollbar()

    def _tell_scrollbar(self) -> None:
        """Textual would draw it anew for every line that comes, though it moves by eighths of a cell."""
        if self.show_vertical_scrollbar:
            lines, height = self.virtual_size.height, self.size.height
            looks = (8 * height * height // lines, int(8 * height * self.scroll_y / lines))
            if looks != self._scrollbar_looks:
                self._scrollbar_looks = looks
                self.vertical_scrollbar.window_virtual_size = lines
                self.vertical_scrollbar.position = self.scroll_y

    def strip_of(self, number: int, width: int) -> Strip:  # noqa: ARG002 - for those that draw it only now
        """A line, at most ``width`` cells wide; an empty one beyond the last."""
        return self._strips[number] if number < len(self._strips) else _NOTHING

    def render_line(self, y: int) -> Strip:
        """Textual asks for one line of the window."""
        return self._filled(Region(0, y, self.size.width, 1))[0]

    def render_lines(self, crop: Region) -> list[Strip]:
        """Textual asks for a part of the window.

        Its own way knows borders, titles, tints and much else, which takes longer than drawing the lines.
        """
        if self.styles.gutter:
            return super().render_lines(crop)
        return self._filled(crop)

    def _filled(self, crop: Region) -> list[Strip]:
        width, top = self.size.width, self.scroll_offset.y
        strips = [self.strip_of(y if y < self.FIXED else y + top, width) for y in crop.line_range]
        for each in self.get_line_filters():
            strips = [found.apply_filter(each, self.background_colors[1]) for found in strips]
        left, right = crop.column_span
        return [
            found if found.cell_length == right and not left else found.crop_extend(left, right, self.ground)
            for found in strips
        ]

    @property
    def ground(self) -> Style:
        """The widget's own style; Textual works it out anew every time, which takes longer than the rest."""
        if self._ground is None:
            self._ground = self.rich_style
        return self._ground

    def notify_style_update(self) -> None:
        """Textual has changed the style."""
        super().notify_style_update()
        self._ground = None
