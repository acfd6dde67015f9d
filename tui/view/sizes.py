"""What is known of packet sizes at one hop, as lines."""

from __future__ import annotations

from collections.abc import Iterator

from tracer.model import PathMtu
from tracer.stats.snapshot import HopSnapshot
from tui.view.cells import Line
from tui.view.privacy import HIDDEN
from tui.view.strings import say
from tui.view.style import Style


def size_lines(hop: HopSnapshot, found: PathMtu | None) -> Iterator[Line]:
    """How much goes on from this hop, and who says so where that is less than what gets there.

    Where sizes were not searched for, the MTU that this hop reported of its own accord.
    """
    if hop.mtu is None:
        return
    if found is None:
        yield ((say("detail.reported-mtu", mtu=hop.mtu), Style.VALUE),)
        return
    ends = found.to_target and found.ttl == hop.ttl
    yield ((say("detail.mtu-target" if ends else "detail.mtu-passes", mtu=hop.mtu), Style.VALUE),)
    for step in found.lowered_at:
        if step.ttl == hop.ttl and step.reported_by is not None:
            address = say("row.hidden") if step.reported_by == HIDDEN else step.reported_by
            yield ((say("detail.mtu-told", before=step.before, address=address), Style.VALUE),)
        elif step.ttl == hop.ttl:
            yield ((say("detail.mtu-vanish", before=step.before), Style.ALARMING),)
