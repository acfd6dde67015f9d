"""What is known of an address beside its numbers, as short texts: its name, its AS, its place.

All of it comes from others, so all of it is made printable here. What nobody asked for is an empty text.
"""

from __future__ import annotations

from tracer.report.document import ResponderReport
from tracer.text import printable


def hostname(responder: ResponderReport) -> str:
    """The name, else the address itself."""
    return responder.address if responder.hostname is None else printable(responder.hostname)


def autonomous_system(responder: ResponderReport) -> str:
    """``AS64500`` and, where it is known, whose that is."""
    name = None if responder.asn is None else responder.asn.name
    return " ".join(part for part in (as_number(responder), printable(name or "")) if part)


def as_number(responder: ResponderReport) -> str:
    """``AS64500``."""
    return "" if responder.asn is None else responder.asn.label


def place(responder: ResponderReport) -> str:
    """``Lisbon, Portugal``: the words of the place from the narrowest to the widest."""
    return "" if responder.place is None else printable(responder.place.label)


def known(responder: ResponderReport) -> str:
    """AS and place in one text, to stand beside the address."""
    return ", ".join(text for text in (autonomous_system(responder), place(responder)) if text)
