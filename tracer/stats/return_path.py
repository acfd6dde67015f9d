"""How long the way back is, as far as the TTL left in a reply can tell."""

from __future__ import annotations

import msgspec

INITIAL_TTLS = (64, 128, 255)
"""What systems start their packets with; nothing in a packet says which it was."""


class ReturnPath(msgspec.Struct, frozen=True):
    """A length of the way back, if the reply started with this TTL."""

    initial_ttl: int
    hops: int
    """Counted as TTLs are: 1 where the answer came over no router."""


def return_paths(reply_ttl: int | None) -> tuple[ReturnPath, ...]:
    """Every length that the TTL left in a reply allows, the shortest first; none where it is not known.

    The shortest is the one to believe: paths of more than 64 hops are hardly ever seen. 52 left is 13 hops
    if it started at 64, 77 if at 128, 204 if at 255.
    """
    if reply_ttl is None:
        return ()
    return tuple(
        ReturnPath(initial, initial - reply_ttl + 1) for initial in INITIAL_TTLS if initial >= reply_ttl
    )
