"""What the engine can tell of a trace, beyond what every trace has: decides which columns and views exist."""

from __future__ import annotations

from enum import StrEnum


class Fact(StrEnum):
    """A kind of data that a column, a view or a command cannot do without."""

    NAMES = "names"
    """Reverse DNS is on."""
    ASN = "asn"
    """AS numbers are looked up."""
    PLACES = "places"
    """It is known of some address where it is."""
    COORDINATES = "coordinates"
    """Of some address so exactly that it has a point on a map."""
    QUOTED_HEADER = "quoted_header"
    """The channel shows the IP header that ICMP errors quote."""
    PORTS = "ports"
    """The protocol has ports."""
    FLOWS = "flows"
    """The trace has more than one flow."""
    PACKETS = "packets"
    """The events carry the bytes of probes or replies."""
    TARGETS = "targets"
    """There is more than one target."""
    REPLAY = "replay"
    """The events come from a recording."""
    LIVE = "live"
    """The trace runs now: it can be given other targets and options."""
