"""Every text the screen shows by itself, in one place, ready to translate.

A translation is another mapping of the same keys; placeholders in braces keep their names. Texts of single
registries stand in ``texts``.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from typing import Any

from tui.view.texts import ENGLISH

_active: dict[str, str] = dict(ENGLISH)


def say(key: str, /, **values: Any) -> str:
    """The text for ``key`` with its placeholders filled. ``KeyError`` for a key there is none of."""
    return _active[key].format(**values) if values else _active[key]


def install(translation: Mapping[str, str]) -> None:
    """Use a translation from now on; what it lacks stays English.

    Raises ``ValueError`` for a key that does not exist or placeholders that differ: such a text would fail
    on the screen, long after.
    """
    for key, text in translation.items():
        if key not in ENGLISH:
            raise ValueError(f"{key} is no text of this program")
        if placeholders(text) != placeholders(ENGLISH[key]):
            raise ValueError(f"{key} has other placeholders than the English text")
    _active.clear()
    _active.update({**ENGLISH, **translation})


def placeholders(text: str) -> set[str]:
    """The names in braces."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def counted(number: int, key: str) -> str:
    """``1 hop``, ``2 hops``: the texts ``key.one`` and ``key.many``."""
    return say(f"{key}.one" if number == 1 else f"{key}.many", number=number)
