"""Text from elsewhere, made harmless before any screen, report or log sees it."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Return ``text`` with everything but visible characters and plain spaces written as an escape.

    Control characters, terminal escapes, bidirectional overrides, zero-width and other format characters,
    unusual spaces, line separators, lone surrogates, private and unassigned code points become ``\x1b``,
    ``\u202e`` and the like, so that a host name can neither move the cursor nor read differently from what
    it is. Idempotent. Markup is no concern of it: a renderer that has a markup language must be handed
    text, never markup.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


LONGEST_SHOWN = 253
"""As long as a host name can be (RFC 1035, section 2.3.4)."""


def named(text: str) -> str:
    """What somebody typed, fit to stand in a sentence: printable, not too long, visible as one."""
    shown = printable(text)
    if len(shown) > LONGEST_SHOWN:
        shown = f"{shown[:60]}... ({len(text)} characters)"
    return shown if shown and " " not in shown else f'"{shown}"'


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
