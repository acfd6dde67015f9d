"""The dialog of the columns: which are shown, in which order, how wide. The table behind follows at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.geometry import Size
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Label

from tui.scene import Scene
from tui.view.cells import Line
from tui.view.column_choice import Item, line, listed, moved, toggled, widened
from tui.view.columns import DEFAULT
from tui.view.strings import say
from tui.view.style import Style
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from tui.screens.main import MainScreen


class ColumnList(Lines):
    """One line for each column, the shown ones first."""

    class Clicked(Message):
        """The user wants this column, or no longer."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self) -> None:
        super().__init__()
        self.cursor = 0

    def lines_of(self, scene: Scene, size: Size) -> Sequence[Line]:
        look = scene.look
        drawn = [line(item, look.widths, size.width, look.glyphs) for item in items_of(scene)]
        return [
            tuple((text, Style.SELECTED) for text, _ in one) if number == self.cursor else one
            for number, one in enumerate(drawn)
        ]

    def on_click(self, event: events.Click) -> None:
        """Show or hide the column under the mouse."""
        self.post_message(self.Clicked(self.line_at(event.y)))


def items_of(scene: Scene) -> tuple[Item, ...]:
    """What the dialog lists."""
    return listed(scene.look.columns, scene.facts)


class ColumnsScreen(ModalScreen[None], inherit_bindings=False):
    """Changes the look of the screen behind it."""

    DEFAULT_CSS = """
    ColumnsScreen Vertical {
        dock: bottom; width: 100%; height: 60%; border: round $primary; background: $background;
    }
    ColumnsScreen Label { height: auto; width: 1fr; color: $foreground 70%; }
    """

    BINDINGS: ClassVar[list[Any]] = [
        Binding("escape,q,C", "dismiss"),
        Binding("up", "move(-1)"),
        Binding("down", "move(1)"),
        Binding("space,enter", "flip"),
        Binding("shift+up,K", "shift(-1)"),
        Binding("shift+down,J", "shift(1)"),
        Binding("left", "resize(-1)"),
        Binding("right", "resize(1)"),
        Binding("0", "own_width"),
        Binding("r", "reset"),
    ]

    def __init__(self, behind: MainScreen) -> None:
        super().__init__()
        self._behind = behind
        self._list = ColumnList()

    def compose(self) -> ComposeResult:
        """A list and the keys."""
        with Vertical() as box:
            box.border_title = say("columns.title")
            yield self._list
            yield Label(say("columns.keys"), markup=False)

    def on_mount(self) -> None:
        """Draw what is chosen now."""
        self.call_after_refresh(self._draw)

    @property
    def item(self) -> Item:
        """What the cursor is on."""
        items = items_of(self._behind.scene)
        return items[min(self._list.cursor, len(items) - 1)]

    def _draw(self) -> None:
        self._list.show(self._behind.scene)
        self._list.reveal(self._list.cursor)

    def _change(self, **choices: Any) -> None:
        column_id = self.item.column.id
        self._behind.change_look(**choices)
        self._behind.tick()
        # The cursor stays with its column, wherever that stands now.
        ids = [item.column.id for item in items_of(self._behind.scene)]
        self._list.cursor = ids.index(column_id)
        self._draw()

    def on_column_list_clicked(self, message: ColumnList.Clicked) -> None:
        """As the space bar, where the mouse is."""
        if message.number < len(items_of(self._behind.scene)):
            self._list.cursor = message.number
            self.action_flip()

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        last = len(items_of(self._behind.scene)) - 1
        self._list.cursor = min(max(self._list.cursor + by, 0), last)
        self._draw()

    def action_flip(self) -> None:
        """Show or hide the column."""
        self._change(columns=toggled(self._behind.look.columns, self.item.column.id))

    def action_shift(self, by: int) -> None:
        """Move the column."""
        scene = self._behind.scene
        self._change(columns=moved(scene.look.columns, self.item.column.id, by, scene.facts))

    def action_resize(self, by: int) -> None:
        """Make the column wider or narrower."""
        self._change(widths=widened(self._behind.look.widths, self.item.column, by))

    def action_own_width(self) -> None:
        """Give the column the width it has by itself."""
        widths = {key: width for key, width in self._behind.look.widths.items() if key != self.item.column.id}
        self._change(widths=widths)

    def action_reset(self) -> None:
        """Show what is shown by default."""
        self._change(columns=DEFAULT, widths={})
