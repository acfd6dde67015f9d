"""In which line of a configuration file a key stands. tomllib reads values, and forgets where they were."""

from __future__ import annotations

import re

_TABLE = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?")
_KEY = re.compile(r"""\s*("[^"]*"|'[^']*'|[A-Za-z0-9_-]+)\s*[=.]""")

Lines = dict[tuple[str, str], int]
"""Line numbers by table and key; the table itself has the key ``""``."""


def lines_of(text: str) -> Lines:
    """Where every key of a TOML text stands, counted from 1; of a key that comes twice, the first place."""
    found: Lines = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if begins := _TABLE.fullmatch(line):
            table = _bare(begins[1])
            found.setdefault((table, ""), number)
        elif key := _KEY.match(line):
            found.setdefault((table, _bare(key[1])), number)
            if not table:
                found.setdefault((_bare(key[1]), ""), number)
    return found


def _bare(name: str) -> str:
    return name.strip("\"'")
