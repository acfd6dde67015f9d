"""What cannot be the name of a host, seen without asking anybody."""

from __future__ import annotations

import re
import socket

from tracer.errors import ConfigError
from tracer.wire.address import parse

LONGEST_NAME, LONGEST_LABEL = 253, 63
"""Characters of a name without its last dot, and between two dots: RFC 1035 section 2.3.4."""

_DIGITS_OF_A_PORT = 5

_STRANGE = re.compile(r"[^A-Za-z0-9._-]")
"""RFC 1123 section 2.1, and the underscore that names in use have."""


def refuse_impossible(query: str) -> None:
    """Raises ConfigError for a target that is no address, and no name that a resolver may be asked for."""
    reason = flaw(query)
    if reason is not None:
        raise ConfigError("TARGET", query, reason, _advice(query))


def _advice(query: str) -> str:
    """Often it is more than the name of a host."""
    if set("/@") & set(query):
        return "Give the host alone: no scheme, user, path or prefix length."
    host, colon, port = query.partition(":")
    if host and colon and port.isascii() and port.isdecimal() and len(port) <= _DIGITS_OF_A_PORT:
        return f"Give the host alone, and its port as --tcp -P {port}."
    return "Give the name of a host, or a whole address."


def flaw(query: str) -> str | None:
    """What is wrong with it, as a clause; None for addresses and possible names."""
    if parse(query) is not None:
        return None
    try:
        name = query if query.isascii() else query.encode("idna").decode()
    except UnicodeError:
        return "it is no international name"
    if _is_number(name):
        return "an address needs all its numbers, in plain decimal digits"
    return _flaw_of_name(name)


def _is_number(name: str) -> bool:
    """The system's resolver would make an IPv4 address of it by inet_aton(3) and ask nobody.

    There 10.1 is 10.0.0.1 and 010.0.0.1 is 8.0.0.1: whoever typed it more likely forgot a number than meant
    to send probes there.
    """
    try:
        return bool(socket.inet_aton(name))
    except (OSError, ValueError):  # ValueError: a NUL
        return False


def _flaw_of_name(name: str) -> str | None:
    if not name:
        return "it is empty"
    if name.startswith("-"):
        return "no name begins with a hyphen"
    if (strange := _STRANGE.search(name)) is not None:
        return f"no name has {strange.group()!r} in it"
    bare = name.removesuffix(".")
    if len(bare) > LONGEST_NAME:
        return f"a name has at most {LONGEST_NAME} characters"
    if not all(0 < len(label) <= LONGEST_LABEL for label in bare.split(".")):
        return f"between two dots of a name stand 1 to {LONGEST_LABEL} characters"
    return None
