"""The English texts: one module for each group."""

from __future__ import annotations

from tui.view.texts import columns, commands, dialogs, panels, screen, views

ENGLISH: dict[str, str] = {
    **columns.TEXTS,
    **commands.TEXTS,
    **screen.TEXTS,
    **panels.TEXTS,
    **dialogs.TEXTS,
    **views.TEXTS,
}
