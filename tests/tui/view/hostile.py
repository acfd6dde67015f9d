"""Names as an enemy would choose them, and how they read once they are harmless."""

from __future__ import annotations

from hypothesis import strategies as st

from tracer.text import printable

HOSTILE = (
    "[@click=app.quit]x[/]",
    "[bold red]host[/bold red]",
    "\x1b[2J\x1b[31mansi",
    "\x1b]0;title\x07osc",
    "\x1b]8;;http://example.com\x1b\\link",
    "moc\u202egro",
    "a\r\nb\tc",
    "x" * 255,
    "東京" * 60,
    "e\u0301" * 80,
    "\u200b\ufeff",
    "",
)

names = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(codec="utf-8"), max_size=80))


def harmless(text: str) -> bool:
    """Nothing in ``text`` can move a cursor, hide or turn around."""
    return text == printable(text)
