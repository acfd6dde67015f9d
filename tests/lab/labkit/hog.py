"""Hold every ephemeral port of a namespace, so that exhaustion is real."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

from tests.lab.labkit.families import Family

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.labkit.namespace import Namespace

PORT_RANGE = range(40000, 40008)
"""Small enough to hold whole, in every family and protocol."""
KINDS = (socket.SOCK_STREAM, socket.SOCK_DGRAM)


class PortHog:
    """The held sockets; they live in this process, bound inside the namespace."""

    def __init__(self) -> None:
        self._held = contextlib.ExitStack()

    def hold(self, ports: range) -> None:
        """Bind these ports on every address, TCP and UDP, IPv4 and IPv6."""
        for family in Family:
            for kind in KINDS:
                for port in ports:
                    held = self._held.enter_context(socket.socket(family.af, kind))
                    if family is Family.IPV6:
                        held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    held.bind((family.any_address, port))

    def free(self) -> None:
        """Let go of all of them."""
        self._held.close()


@contextlib.contextmanager
def port_hog(namespace: Namespace, held: range = PORT_RANGE) -> Iterator[PortHog]:
    """Shrink the namespace's ephemeral range to PORT_RANGE and hold these of its ports."""
    hog = PortHog()
    with namespace.sysctls({"net.ipv4.ip_local_port_range": f"{PORT_RANGE.start} {PORT_RANGE.stop - 1}"}):
        try:
            with namespace.entered():
                hog.hold(held)
            yield hog
        finally:
            hog.free()
