"""What is known of an address beside its numbers, as short texts: its name, its AS, its place.

All of it comes from others, so all of it is made printable here. What nobody asked for is an empty text.
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
    return " ".join(part for part in (as_number(responder), _field(responder.asn, "name")) if part)


def as_number(responder: ResponderReport) -> str:
    """``AS64500``."""
    number = _field(responder.asn, "number")
    return f"AS{number.removeprefix('AS')}" if number else ""


def place(responder: ResponderReport) -> str:
    """``Lisbon, Portugal``: the words of the place from the narrowest to the widest."""
    city, region, country, code = (
        _field(responder.place, key) for key in ("city", "region", "country", "country_code")
    )
    return ", ".join(dict.fromkeys(word for word in (city, region, country or code) if word))


def known(responder: ResponderReport) -> str:
    """AS and place in one text, to stand beside the address."""
    return ", ".join(text for text in (autonomous_system(responder), place(responder)) if text)


def _field(told: Any, key: str) -> str:
    """A field of what was looked up, whether it stands in the report as an object or as a mapping."""
    value = told.get(key) if isinstance(told, dict) else getattr(told, key, None)
    return "" if value is None else printable(str(value))
