"""What a reply tells about its probe's way: the quoted header, and what was rewritten in it."""

from __future__ import annotations

from tracer.engine.matching import TrackedProbe
from tracer.model import Address, Quoted, QuotedDiff, QuotedHeader
from tracer.wire.build import probe_packet
from tracer.wire.compare import differences

_LEFT_TO_THE_KERNEL = frozenset({"identification", "flow_label"})
"""Fields that a kernel may fill in where a probe leaves them 0."""

_FILLED_IN_SENDING = frozenset({"identification"})
"""What Linux fills in even in a whole packet from a raw socket, unless DF is set (net/ipv4/raw.c)."""

_NOTHING: frozenset[str] = frozenset()


def quoted_header(quoted: Quoted, tracked: TrackedProbe, source: Address | None) -> QuotedHeader | None:
    """What the probe looked like where it was quoted; None where the channel does not see its IP header.

    It is compared with the packet that left, where the channel shows that, else with what was to be sent
    from ``source``; without either nothing is said of differences.
    """
    if quoted.ttl is None or quoted.tos is None:
        return None
    return QuotedHeader(
        ttl=quoted.ttl, dscp=quoted.tos >> 2, ecn=quoted.tos & 3, diff=_diff(quoted.packet, tracked, source)
    )


def _diff(
    quoted: bytes | None, tracked: TrackedProbe, source: Address | None
) -> tuple[QuotedDiff, ...] | None:
    if quoted is None:
        return None
    if tracked.packet is not None:
        filled = _NOTHING if tracked.probe.shape.dont_fragment else _FILLED_IN_SENDING
        return _certain(differences(tracked.packet, quoted), filled)
    if source is None:
        return None
    return _certain(differences(probe_packet(tracked.probe, source), quoted), _LEFT_TO_THE_KERNEL)


def _certain(found: tuple[QuotedDiff, ...], filled: frozenset[str]) -> tuple[QuotedDiff, ...]:
    """Without the fields that were 0 and may have been filled in before the packet left."""
    return tuple(diff for diff in found if diff.sent or diff.field not in filled) if found else ()
