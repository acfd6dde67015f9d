"""A snapshot as rows of a table: one for each hop, and one for each further responder of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import groupby, repeat
from typing import Any

import msgspec

from tracer.model import Address, QuotedHeader, Ttl
from tracer.names import Known
from tracer.stats.snapshot import (
    HopSnapshot,
    ResponderSnapshot,
    RttSnapshot,
    TraceSnapshot,
    Verdict,
    VerdictKind,
)
from tracer.text import printable
from tui.view import format as fmt
from tui.view.history import Direction, Sample
from tui.view.privacy import HIDDEN
from tui.view.strings import say
from tui.view.style import Severity

SEVERITIES: dict[VerdictKind, Severity] = {
    VerdictKind.CLEAN: Severity.FINE,
    VerdictKind.LOSS_REACHES_TARGET: Severity.ALARMING,
    VerdictKind.OWN_ANSWERS_ONLY: Severity.HARMLESS,
    VerdictKind.RATE_LIMIT: Severity.HARMLESS,
    VerdictKind.BUFFERBLOAT: Severity.WARNING,
    VerdictKind.PATH_CHANGED: Severity.WARNING,
    VerdictKind.MTU_BLACK_HOLE: Severity.ALARMING,
    VerdictKind.NOT_REACHED: Severity.ALARMING,
    VerdictKind.LOCAL_TROUBLE: Severity.WARNING,
    VerdictKind.NOT_ENOUGH_EVIDENCE: Severity.UNKNOWN,
}
"""How bad each kind of verdict is for who uses the path."""


def severity_of(verdict: Verdict | None) -> Severity:
    """How bad a verdict is; unknown without one."""
    return Severity.UNKNOWN if verdict is None else SEVERITIES[verdict.kind]


class AddressMode(StrEnum):
    """What stands in the host column."""

    IP = "ip"
    HOST = "host"
    BOTH = "both"


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """Everything rows show that is not in the snapshot; what is not known is left out."""

    names: Mapping[Address, str] = {}
    known: Mapping[Address, Known] = {}
    """All that was looked up, for who shows more than the name."""
    asns: Mapping[Address, str] = {}
    marks: Mapping[Address, str] = {}
    """What special addresses are set aside for: stands in the place of a system."""
    countries: Mapping[Address, str] = {}
    probes: Mapping[Ttl, Sample] = {}
    """The last probe of each hop (``History.last``)."""
    directions: Mapping[int, Direction] = {}
    address_mode: AddressMode = AddressMode.BOTH
    most_hosts: int | None = None
    """So many responders of a hop are shown at most; None for all."""


RowKey = tuple[int, int]
"""TTL, and which responder of it in the order of their first answer: stable while the trace runs."""


class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row. Its texts are printable."""

    key: RowKey
    hop: HopSnapshot
    responder: ResponderSnapshot | None
    host: str
    share: str
    """Share of the hop's answers, as ``67%``; empty where it is the only responder."""
    concealed: int
    """Further responders of the hop that are not shown."""
    severity: Severity
    evidence: str
    """The verdict in a sentence."""
    asn: str | None
    country: str | None
    probe: Sample | None
    direction: Direction | None

    @property
    def ttl(self) -> int:
        """The hop's TTL."""
        return self.key[0]

    @property
    def leads(self) -> bool:
        """It is its hop's row, not that of a further responder."""
        return self.key[1] == 0

    @property
    def rtt(self) -> RttSnapshot | None:
        """Round-trip times of the hop, or of the further responder."""
        if self.leads:
            return self.hop.rtt
        return None if self.responder is None else self.responder.rtt

    @property
    def quoted(self) -> QuotedHeader | None:
        """What the last reply of the hop, or of the further responder, quoted."""
        return self.hop.quoted if self.leads or self.responder is None else self.responder.quoted

    @property
    def received(self) -> int:
        """Answers of the hop, or of the further responder."""
        return self.hop.received if self.leads or self.responder is None else self.responder.received


def build(snapshot: TraceSnapshot, context: Context | None = None) -> tuple[Row, ...]:
    """The rows of a trace, in the order of its hops. Mask the snapshot first (``privacy.mask``)."""
    told = context or Context()
    verdicts = [*snapshot.hop_verdicts, *repeat(None, len(snapshot.hops) - len(snapshot.hop_verdicts))]
    judged = zip(snapshot.hops, verdicts, strict=True)
    return tuple(row for hop, verdict in judged for row in _hop_rows(hop, verdict, told))


def _hop_rows(hop: HopSnapshot, verdict: Verdict | None, context: Context) -> Iterator[Row]:
    shown = hop.responders[: context.most_hosts] if context.most_hosts else hop.responders
    for ordinal, responder in enumerate(shown or (None,)):
        yield _row(hop, ordinal, responder, verdict, context)


def _row(
    hop: HopSnapshot,
    ordinal: int,
    responder: ResponderSnapshot | None,
    verdict: Verdict | None,
    context: Context,
) -> Row:
    address = None if responder is None else responder.address
    several = len(hop.responders) > 1 and responder is not None
    return Row(
        key=(hop.ttl, ordinal),
        hop=hop,
        responder=responder,
        host=host_text(address, context),
        share=fmt.share(responder.received, hop.received) if several and responder is not None else "",
        concealed=max(len(hop.responders) - (context.most_hosts or len(hop.responders)), 0)
        if ordinal == 0
        else 0,
        severity=severity_of(verdict),
        evidence="" if verdict is None else printable(verdict.sentence),
        asn=_told(context.asns, address) or _told(context.marks, address),
        country=_told(context.countries, address),
        probe=context.probes.get(hop.ttl),
        direction=context.directions.get(hop.ttl),
    )


def _told(known: Mapping[Address, str], address: Address | None) -> str | None:
    text = None if address is None else known.get(address)
    return None if text is None else printable(text)


def host_text(address: Address | None, context: Context) -> str:
    """An address as the user wants to see it; printable."""
    if address is None:
        return say("row.silent")
    if address == HIDDEN:
        return say("row.hidden")
    name = _told(context.names, address)
    bare = printable(address)
    if name is None or context.address_mode is AddressMode.IP:
        return bare
    return name if context.address_mode is AddressMode.HOST else f"{name} ({bare})"


def diff(old: Sequence[Row], new: Sequence[Row]) -> tuple[int, ...]:
    """Indices into ``new`` of the rows that have to be drawn again.

    Rows that are gone are those of ``old`` beyond ``new``'s length.
    """
    return tuple(index for index, row in enumerate(new) if index >= len(old) or row != old[index])


def matching(rows: Sequence[Row], needle: str) -> tuple[Row, ...]:
    """The rows of the hops in which ``needle`` occurs: host, address, AS or country, case ignored."""
    wanted = needle.casefold()
    return tuple(
        row
        for _, group in groupby(rows, key=lambda row: row.ttl)
        for members in (tuple(group),)
        if any(wanted in text.casefold() for member in members for text in _searched(member))
        for row in members
    )


def _searched(row: Row) -> Iterator[str]:
    yield row.host
    yield from (text for text in (row.asn, row.country) if text)
    if row.responder is not None:
        yield printable(row.responder.address)


class Order(StrEnum):
    """Which way a table is sorted."""

    ASCENDING = "ascending"
    DESCENDING = "descending"


def arranged(rows: Sequence[Row], key: Callable[[Row], Any], order: Order) -> tuple[Row, ...]:
    """The rows sorted by their hops' ``key``; further responders stay under their hop.

    Hops without a value (key None) come last, whichever way it goes; hops of one value in path order.
    """
    hops = [tuple(group) for _, group in groupby(rows, key=lambda row: row.ttl)]
    known = [hop for hop in hops if key(hop[0]) is not None]
    known.sort(key=lambda hop: key(hop[0]), reverse=order is Order.DESCENDING)
    rest = [hop for hop in hops if key(hop[0]) is None]
    return tuple(row for hop in [*known, *rest] for row in hop)
