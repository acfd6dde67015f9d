"""What an answer tells beside who sent it and when, as text: extensions, the quoted header, the way back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tracer.model import (
    Extension,
    InterfaceIdentification,
    InterfaceInformation,
    MplsStack,
    QuotedDiff,
    QuotedHeader,
    UnknownExtension,
)
from tracer.stats.findings import translated
from tracer.stats.return_path import return_paths
from tracer.text import printable
from tracer.tos_names import dscp_name, ecn_name
from tui.view.strings import say

_BODY_SHOWN = 16
"""Bytes of an unknown extension."""


def way_back(reply_ttl: int) -> str:
    """The TTL left in a reply, and what it says of the way back."""
    told = say("told.reply", ttl=reply_ttl)
    likeliest, others = return_paths(reply_ttl)[:1], return_paths(reply_ttl)[1:]
    told += "".join(say("told.back", hops=one.hops, initial=one.initial_ttl) for one in likeliest)
    rest = ", ".join(say("told.back-or", hops=one.hops, initial=one.initial_ttl) for one in others)
    return f"{told} ({rest})" if rest else told


def way_back_hops(reply_ttl: int | None) -> int | None:
    """The likeliest length of the way back."""
    paths = return_paths(reply_ttl)
    return paths[0].hops if paths else None


def quoted_parts(quoted: QuotedHeader) -> Iterator[str]:
    """The quoted header in short parts."""
    yield say("told.quoted-ttl", ttl=quoted.ttl)
    yield say("told.dscp", dscp=dscp_name(quoted.dscp))
    yield say("told.ecn", ecn=ecn_name(quoted.ecn))
    nat = translated(quoted)
    if nat is not None:
        yield say("told.nat", answer=say("cell.yes") if nat else say("cell.no"))


def diff_text(diff: QuotedDiff, arrow: str) -> str:
    """One field that was rewritten."""
    name = printable(diff.field.replace("_", " "))
    return f"{name} {_value(diff, diff.sent)} {arrow} {_value(diff, diff.quoted)}"


_NAMED = {"dscp": dscp_name, "ecn": ecn_name}
_HEX = {"flow_label", "identification", "udp_checksum", "tcp_checksum", "icmp_checksum", "tcp_flags"}


def _value(diff: QuotedDiff, value: bool | int | str) -> str:  # noqa: FBT001 - one of a field's kinds of value
    if isinstance(value, bool):
        return say("cell.yes") if value else say("cell.no")
    if isinstance(value, int) and diff.field in _NAMED:
        return _NAMED[diff.field](value)
    return f"{value:#06x}" if isinstance(value, int) and diff.field in _HEX else printable(str(value))


def interface_text(extension: InterfaceInformation | InterfaceIdentification) -> str:
    """An interface in full."""
    role = say(f"role.{extension.role}") if isinstance(extension, InterfaceInformation) else ""
    name = "" if extension.name is None else printable(extension.name)
    index = "" if extension.index is None else f"#{extension.index}"
    address = "" if extension.address is None else printable(extension.address)
    mtu = extension.mtu if isinstance(extension, InterfaceInformation) else None
    told = "" if mtu is None else say("told.mtu", mtu=mtu)
    return " ".join(part for part in (role, name, index, address, told) if part)


def unknown_text(extension: UnknownExtension, ellipsis: str) -> str:
    """An object nobody here understands, byte for byte."""
    return say(
        "detail.unknown",
        class_num=extension.class_num,
        class_type=extension.class_type,
        size=len(extension.body),
        body=extension.body[:_BODY_SHOWN].hex(" ") + (ellipsis if len(extension.body) > _BODY_SHOWN else ""),
    )


def extensions_text(extensions: Sequence[Extension]) -> str | None:
    """All but MPLS in a few words, for a cell; None without any."""
    return (
        ", ".join(_short(extension) for extension in extensions if not isinstance(extension, MplsStack))
        or None
    )


def _short(extension: InterfaceInformation | InterfaceIdentification | UnknownExtension) -> str:
    if isinstance(extension, UnknownExtension):
        return f"{extension.class_num}/{extension.class_type}"
    role = f"{say(f'role.short.{extension.role}')} " if isinstance(extension, InterfaceInformation) else ""
    index = None if extension.index is None else f"#{extension.index}"
    return role + printable(extension.name or extension.address or index or "?")
