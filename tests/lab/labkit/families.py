"""The two IP versions, as one table of constants: tests are written once and run for both."""

from __future__ import annotations

import socket
from enum import StrEnum

from tracer.model import Family as ModelFamily


class Family(StrEnum):
    """An IP version."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"

    @property
    def af(self) -> socket.AddressFamily:
        """The socket module's name for it."""
        return {Family.IPV4: socket.AF_INET, Family.IPV6: socket.AF_INET6}[self]

    @property
    def any_address(self) -> str:
        """The wildcard a socket binds to."""
        return {Family.IPV4: "0.0.0.0", Family.IPV6: "::"}[self]  # noqa: S104 -- inside a namespace without uplink

    @property
    def loopback(self) -> str:
        """This host."""
        return {Family.IPV4: "127.0.0.1", Family.IPV6: "::1"}[self]

    @property
    def flag(self) -> str:
        """What ip, mtr and traceroute call it."""
        return {Family.IPV4: "-4", Family.IPV6: "-6"}[self]

    @property
    def of_the_model(self) -> ModelFamily:
        """What the product calls it."""
        return ModelFamily(self.value)
