"""What is shown and how: filter, order, columns, addresses, privacy, colours."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from tui.view import sorting
from tui.view.column_choice import toggled
from tui.view.columns import available, chosen
from tui.view.glyphs import ASCII, UNICODE
from tui.view.rows import AddressMode
from tui.view.theme import next_palette
from tui.widgets import Prompt

if TYPE_CHECKING:
    from tui.screens.main import MainScreen


def ask_for_filter(screen: MainScreen) -> None:
    """Filter while it is typed; enter keeps it, escape takes it back."""

    def filtered(text: str) -> None:
        screen.change_look(needle=text.strip())
        screen.tick()

    screen.query_one(Prompt).ask("filter.hint", screen.look.needle, typed=filtered, done=filtered)


def sort(screen: MainScreen) -> None:
    """Sort by the next column."""
    columns = available(chosen(screen.look.columns), screen.scene.facts)
    screen.change_look(sorted_by=sorting.following(screen.look.sorted_by, columns))


def sort_reverse(screen: MainScreen) -> None:
    """Sort the other way."""
    screen.change_look(sorted_by=sorting.reverse(screen.look.sorted_by))


def choose_columns(screen: MainScreen) -> None:
    """Open the dialog."""
    from tui.screens.columns import ColumnsScreen  # noqa: PLC0415 - no dialog is on the first frame

    screen.app.push_screen(ColumnsScreen(screen))


def as_info(screen: MainScreen) -> None:
    """Show AS numbers or not."""
    screen.change_look(columns=toggled(screen.look.columns, "A"))


def _address_mode(mode: AddressMode, screen: MainScreen) -> None:
    screen.change_look(address_mode=mode)


def more_privacy(screen: MainScreen) -> None:
    """Hide one hop more."""
    screen.change_look(privacy=screen.look.privacy.more())


def less_privacy(screen: MainScreen) -> None:
    """Hide one hop fewer."""
    screen.change_look(privacy=screen.look.privacy.less())


def more_hosts(screen: MainScreen) -> None:
    """Show one responder more of each hop."""
    shown = screen.look.most_hosts
    if shown is not None:
        screen.change_look(most_hosts=shown + 1 if shown + 1 < _most_responders(screen) else None)


def fewer_hosts(screen: MainScreen) -> None:
    """Show one responder fewer of each hop, but one."""
    shown = screen.look.most_hosts or _most_responders(screen)
    screen.change_look(most_hosts=max(shown - 1, 1))


def _most_responders(screen: MainScreen) -> int:
    target = screen.scene.target
    hops = () if target is None else target.snapshot.hops
    return max((len(hop.responders) for hop in hops), default=1)


def _hosts(most: int | None, screen: MainScreen) -> None:
    screen.change_look(most_hosts=most)


def next_theme(screen: MainScreen) -> None:
    """Take the next palette, for what Textual draws itself too."""
    name = next_palette(screen.look.palette).name
    screen.change_look(palette=name)
    screen.app.theme = f"hopscope-{name}"


def ascii_or_not(screen: MainScreen) -> None:
    """Draw with ASCII characters, or with all of Unicode."""
    screen.change_look(glyphs=ASCII if screen.look.glyphs == UNICODE else UNICODE)


ACTIONS: dict[str, Callable[[MainScreen], None]] = {
    "filter": ask_for_filter,
    "sort": sort,
    "sort-reverse": sort_reverse,
    "columns": choose_columns,
    "as-info": as_info,
    "address-mode-ip": partial(_address_mode, AddressMode.IP),
    "address-mode-host": partial(_address_mode, AddressMode.HOST),
    "address-mode-both": partial(_address_mode, AddressMode.BOTH),
    "expand-privacy": more_privacy,
    "contract-privacy": less_privacy,
    "expand-hosts": more_hosts,
    "contract-hosts": fewer_hosts,
    "expand-hosts-max": partial(_hosts, None),
    "contract-hosts-min": partial(_hosts, 1),
    "next-theme": next_theme,
    "ascii": ascii_or_not,
}
