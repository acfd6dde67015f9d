"""What is known of an address beside its numbers, as short texts: its name, its AS, its place.

All of it comes from others, so all of it is made printable here. Null fields, those nobody asked for, are
empty texts.
"""

from __future__ import annotations

from typing import Any

from tracer.report.document import ResponderReport
from tracer.text import printable


def hostname(responder: ResponderReport) -> str:
    """The name, else the address itself."""
    return responder.address if responder.hostname is None else printable(responder.hostname)


def autonomous_system(responder: ResponderReport) -> str:
    """``AS64500`` and, where it is known, whose that is."""
    asn = responder.asn or {}
    number = as_number(responder)
    return " ".join(part for part in (number, _text(asn.get("name"))) if part)


def as_number(responder: ResponderReport) -> str:
    """``AS64500``."""
    number = _text((responder.asn or {}).get("number"))
    return f"AS{number.removeprefix('AS')}" if number else ""


def place(responder: ResponderReport) -> str:
    """``Lisbon, Portugal``: the words of the place from the narrowest to the widest."""
    known = responder.place or {}
    words = (_text(known.get(key)) for key in ("city", "region", "country"))
    return ", ".join(dict.fromkeys(word for word in words if word))


def known(responder: ResponderReport) -> str:
    """AS and place in one text, for a cell beside the address."""
    return ", ".join(text for text in (autonomous_system(responder), place(responder)) if text)


def _text(value: Any) -> str:
    return "" if value is None else printable(str(value))
