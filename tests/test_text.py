"""Text from the network reaches no screen as anything but visible characters."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.text import printable

ANY = st.text(st.characters(codec=None, exclude_categories=()))


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("\x9b31m", r"\x9b31m"),
        ("moc\u202egro", r"moc\u202egro"),
        ("\u2066x\u2069", r"\u2066x\u2069"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("line\u2028end", r"line\u2028end"),
        ("no\u00a0break", r"no\xa0break"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("lone\udc80", r"lone\udc80"),
        ("private\ue000", r"private\ue000"),
    ],
)
def test_what_is_not_visible_is_spelled_out(hostile: str, harmless: str) -> None:
    assert printable(hostile) == harmless


@pytest.mark.parametrize(
    "text", ["", "www.example.com", "Zürich Réseau 東京 Ελλάδα", "AS64496 [EXAMPLE] & sons"]
)
def test_ordinary_names_stay_as_they_are(text: str) -> None:
    assert printable(text) == text


@given(ANY)
def test_nothing_but_visible_characters_and_spaces_is_left(text: str) -> None:
    result = printable(text)
    assert all(char == " " or unicodedata.category(char)[0] not in "CZ" for char in result)
    assert printable(result) == result
    assert result.encode().decode() == result
