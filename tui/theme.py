"""Our palettes as Textual themes, for the parts that Textual draws itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.theme import BUILTIN_THEMES, Theme

from tui.view.style import Severity
from tui.view.theme import PALETTES, Palette

if TYPE_CHECKING:
    from textual.app import App


def register(app: App[None]) -> None:
    """Make every palette known as ``hopscope-NAME``."""
    for palette in PALETTES.values():
        app.register_theme(_theme(palette))


def _theme(palette: Palette) -> Theme:
    inks = palette.inks
    return Theme(
        name=f"hopscope-{palette.name}",
        primary=inks.accent,
        accent=inks.key,
        warning=inks.severity[Severity.WARNING],
        error=inks.severity[Severity.ALARMING],
        success=inks.severity[Severity.FINE],
        foreground=inks.text or "ansi_default",
        background=inks.background or "ansi_default",
        surface=inks.background or "ansi_default",
        panel=inks.panel or "ansi_default",
        dark=palette.name != "light",
        ansi=inks.background is None,
        # What Textual's own widgets cannot do without where the colours are the terminal's.
        variables=dict(BUILTIN_THEMES["ansi-dark"].variables) if inks.background is None else {},
    )
