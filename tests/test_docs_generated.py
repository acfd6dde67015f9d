"""Generated pages are what their generator says today."""

from __future__ import annotations

from pathlib import Path

from tui.reference import options_table

DOCS = Path(__file__).parent.parent / "docs"


def test_the_options_page_is_up_to_date() -> None:
    assert (DOCS / "options.md").read_text(encoding="utf-8") == options_table(), "run `make docs`"
