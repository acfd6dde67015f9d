"""A tunnel that takes over the way to the target, as a VPN does: own device, own address, narrower route."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tests.lab.labkit.families import Family
from tests.lab.labkit.namespace import link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.labkit.chain import Chain

DEVICE = "vpn0"
NEAR = {Family.IPV4: "198.18.99.1", Family.IPV6: "2001:db8:199::1"}
"""Where probes leave from while it is up."""
FAR = {Family.IPV4: "198.18.99.2", Family.IPV6: "2001:db8:199::2"}
"""An address of the target inside the tunnel."""


@contextlib.contextmanager
def vpn(path: Chain) -> Iterator[None]:
    """Up for as long as the block lasts; it ends at the target, past every router."""
    link([(path.source, DEVICE, path.target, DEVICE)])
    try:
        path.target.ip(*_lines(FAR))
        routes = [f"route add {path.target_address(family)} via {FAR[family]}" for family in Family]
        path.source.ip(*_lines(NEAR), *routes)
        yield
    finally:
        path.source.ip(f"link delete {DEVICE}")


def _lines(addresses: dict[Family, str]) -> list[str]:
    return [
        f"link set {DEVICE} up",
        f"address add {addresses[Family.IPV4]}/24 dev {DEVICE}",
        f"address add {addresses[Family.IPV6]}/64 dev {DEVICE} nodad",
    ]
