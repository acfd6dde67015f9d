"""What the lookups ask of a resolver, whichever it is."""

from __future__ import annotations

from typing import Protocol as Interface

from tracer.model import Address


class NoAnswerError(Exception):
    """The question is still open: a server was silent, refused, or failed. Asking again may help."""


class Resolver(Interface):
    """Asks the DNS. What does not exist is an empty answer; only what may yet be answered is an error.

    None of the answers is fit to be shown as it is.
    """

    async def hostnames(self, address: Address) -> tuple[str, ...]:
        """The names of an address. Raises NoAnswerError."""
        ...

    async def texts(self, name: str) -> tuple[str, ...]:
        """The TXT records of a name, each as one text. Raises NoAnswerError."""
        ...
