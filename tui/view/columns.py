"""Every column of the hop table, declared once; table, settings, ``--columns`` and help derive from it.

Letters and meanings are Trippy's where Trippy has the column, except that what Trippy counts wrongly is
counted right: a local failure is no loss, late answers are answers, jitter starts at the second sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from ipaddress import ip_address
from typing import Any

import msgspec

from tracer.model import MplsStack
from tracer.stats.findings import translated
from tracer.tos_names import dscp_name, ecn_name
from tui.view import format as fmt
from tui.view.cells import Align, Line, cell_width, fit
from tui.view.facts import Fact
from tui.view.glyphs import Glyphs
from tui.view.rows import Row
from tui.view.sparkline import sparkline
from tui.view.strings import say
from tui.view.style import SEVERITY_STYLES, Severity, Style
from tui.view.told import extensions_text, way_back_hops


class Width(msgspec.Struct, frozen=True):
    """How wide a column is, in cells."""

    minimum: int
    preferred: int
    """Without regard to other columns."""
    weight: int = 0
    """Its part of the cells that are left when every column has what it prefers; 0 for none."""


class Scope(StrEnum):
    """In which rows a column has a value."""

    HOP = "hop"
    """In a hop's own row only."""
    EACH = "each"
    """In those of further responders too."""


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column."""

    id: str
    """A single character, what ``--columns`` is spelled with."""
    name: str
    value: Callable[[Row], Any]
    """What is shown, and sorted by; None where there is none."""
    order: Callable[[Row], Any] | None = None
    """What it sorts by instead."""
    show: Callable[[Any], str] = str
    width: Width = Width(5, 5)
    align: Align = Align.RIGHT
    scope: Scope = Scope.HOP
    needs: Fact | None = None
    """Without it the column would stay empty, and is not offered."""
    style: Callable[[Row], Style] | None = None
    paint: Callable[[Row, int, Glyphs], Line] | None = None
    """Draws the cell, where it is more than text."""

    @property
    def header(self) -> str:
        """What stands above it."""
        return say(f"column.{self.name}")

    @property
    def help(self) -> str:
        """What it means, in a sentence."""
        return say(f"column.{self.name}.help")

    def text(self, row: Row) -> str:
        """The cell as plain text: empty where the row has none of it, ``-`` where it is not known."""
        if self.scope is Scope.HOP and not row.leads:
            return ""
        value = self.value(row)
        return fmt.MISSING if value is None else self.show(value)

    def sort_key(self, row: Row) -> Any:
        """For ``rows.arranged``; None sorts last."""
        return self.value(row) if self.order is None else self.order(row)

    def style_of(self, row: Row) -> Style:
        """The style of the cell's text."""
        if self.style is not None:
            return self.style(row)
        return Style.TEXT if row.leads else Style.MUTED


def _rtt(field: str) -> Callable[[Row], Any]:
    return lambda row: None if row.rtt is None else getattr(row.rtt, field)


def _hop(field: str) -> Callable[[Row], Any]:
    return lambda row: getattr(row.hop, field)


def _probe(field: str) -> Callable[[Row], Any]:
    return lambda row: None if row.probe is None else getattr(row.probe, field)


def _direction(field: str) -> Callable[[Row], Any]:
    return lambda row: None if row.direction is None else getattr(row.direction, field)


def _quote(field: str) -> Callable[[Row], Any]:
    return lambda row: None if row.quoted is None else getattr(row.quoted, field)


def _way_back(row: Row) -> int | None:
    return None if row.responder is None else way_back_hops(row.responder.reply_ttl)


def _extensions(row: Row) -> str | None:
    return None if row.responder is None else extensions_text(row.responder.extensions)


def _of_responder(field: str) -> Callable[[Row], Any]:
    return lambda row: None if row.responder is None else getattr(row.responder, field)


def _icmp(field: str) -> Callable[[Row], Any]:
    def value(row: Row) -> Any:
        icmp = row.hop.icmp if row.leads or row.responder is None else row.responder.icmp
        return None if icmp is None else getattr(icmp, field)

    return value


def _time(column_id: str, name: str, field: str) -> Column:
    return Column(id=column_id, name=name, value=_rtt(field), show=fmt.ms, scope=Scope.EACH)


def _count(column_id: str, name: str, value: Callable[[Row], Any]) -> Column:
    return Column(id=column_id, name=name, value=value, show=fmt.count)


def _port(column_id: str, name: str, field: str) -> Column:
    return Column(id=column_id, name=name, value=_probe(field), needs=Fact.PORTS)


_RANK = tuple(Severity)


_READABLE = 20
"""Cells of a long host name that are kept in favour of its share."""


def _severity_style(row: Row) -> Style:
    return SEVERITY_STYLES[row.severity]


def _nat_style(row: Row) -> Style:
    if translated(row.quoted):
        return Style.CHANGED
    return Style.TEXT if row.leads else Style.MUTED


def _loss_style(row: Row) -> Style:
    return _severity_style(row) if row.hop.lost else Style.TEXT


def _status_cell(row: Row, _width: int, glyphs: Glyphs) -> Line:
    return ((glyphs.severity[row.severity], _severity_style(row)),) if row.leads else ()


def _host_cell(row: Row, width: int, glyphs: Glyphs) -> Line:
    """The host, and on its right what fits beside it: the address is worth more than its share."""
    lead = "" if row.leads else glyphs.branch
    aside = row.share + (f" +{row.concealed}" if row.concealed else "")
    room = width - cell_width(lead) - cell_width(aside) - 1
    if aside and room < min(cell_width(row.host), _READABLE):
        aside, room = "", width - cell_width(lead)
    elif not aside:
        room = width - cell_width(lead)
    style = Style.TEXT if row.responder is not None else Style.MUTED
    host = fit(row.host, room, ellipsis=glyphs.ellipsis)
    return ((lead, Style.MUTED), (host, style), (f" {aside}" if aside else "", Style.LABEL))


def _recent_cell(row: Row, width: int, glyphs: Glyphs) -> Line:
    return sparkline(row.hop.recent_ns, width, glyphs) if row.leads else ()


def _recent_losses(row: Row) -> int | None:
    return row.hop.recent_ns.count(None) if row.hop.recent_ns else None


def _recent_text(recent: Iterable[int | None]) -> str:
    return " ".join("*" if rtt is None else fmt.ms(rtt) for rtt in recent)


def _loss_interval(row: Row) -> tuple[float, float] | None:
    return row.hop.loss_ci


def _show_interval(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.0f}-{interval[1]:.0f}"


_CLOCKS = {(True, False): "cell.kernel", (False, True): "cell.user", (True, True): "cell.mixed"}
"""By whether the kernel and whether this process stamped any answer."""


def _clock(row: Row) -> str | None:
    key = _CLOCKS.get((row.hop.clock.kernel > 0, row.hop.clock.user > 0))
    return None if key is None else say(key)


def _labels(row: Row) -> str | None:
    stacks = () if row.responder is None else row.responder.extensions
    labels = [str(entry.label) for stack in stacks if isinstance(stack, MplsStack) for entry in stack.labels]
    return "/".join(labels) or None


def _host_order(row: Row) -> Any:
    """Addresses by number, IPv4 first; then whatever is no address."""
    if row.responder is None:
        return None
    try:
        address = ip_address(row.responder.address)
    except ValueError:
        return (9, 0, row.host)
    return (address.version, int(address), row.host)


def _yes_no(value: bool) -> str:  # noqa: FBT001 - it shows a truth value
    return say("cell.yes") if value else say("cell.no")


def _host_text(row: Row) -> str:
    return f"{row.host} {row.share}" if row.share else row.host


class _Host(Column, frozen=True, kw_only=True):
    """Sorts by address, shows what the user wants to see of it."""

    def text(self, row: Row) -> str:
        return _host_text(row)


class _Status(Column, frozen=True, kw_only=True):
    """Sorts by how bad it is, shows its name."""

    def text(self, row: Row) -> str:
        return say(f"severity.{row.severity}") if row.leads else ""


_ALL: tuple[Column, ...] = (
    Column(id="h", name="ttl", value=_hop("ttl"), width=Width(2, 3)),
    _Host(
        id="o",
        name="host",
        value=_host_order,
        width=Width(18, 24, 3),
        align=Align.LEFT,
        scope=Scope.EACH,
        paint=_host_cell,
    ),
    Column(id="l", name="loss", value=_hop("loss_pct"), show=fmt.percent, style=_loss_style),
    _count("s", "sent", _hop("sent")),
    Column(id="r", name="received", value=lambda row: row.received, show=fmt.count, scope=Scope.EACH),
    _time("a", "last", "last_ns"),
    _time("v", "mean", "mean_ns"),
    _time("b", "best", "best_ns"),
    _time("w", "worst", "worst_ns"),
    _time("d", "stddev", "stddev_ns"),
    _Status(
        id="t", name="status", value=lambda row: -_RANK.index(row.severity), width=Width(1, 1),
        style=_severity_style, paint=_status_cell,
    ),
    _time("j", "jitter", "jitter_last_ns"),
    _time("g", "jitter_mean", "jitter_mean_ns"),
    _time("x", "jitter_max", "jitter_max_ns"),
    _time("i", "jitter_rfc3550", "jitter_rfc3550_ns"),
    Column(id="Q", name="sequence", value=_probe("sequence")),
    _port("S", "source_port", "source_port"),
    _port("P", "target_port", "target_port"),
    Column(id="T", name="icmp_type", value=_icmp("type"), width=Width(3, 4), scope=Scope.EACH),
    Column(id="C", name="icmp_code", value=_icmp("code"), width=Width(3, 4), scope=Scope.EACH),
    Column(
        id="N", name="nat", value=lambda row: translated(row.quoted), show=_yes_no, width=Width(3, 3),
        scope=Scope.EACH, needs=Fact.QUOTED_HEADER, style=_nat_style,
    ),
    _count("f", "failed", _hop("failed")),
    _count("F", "forward_loss", _direction("forward")),
    _count("B", "backward_loss", _direction("backward")),
    Column(
        id="D", name="forward_loss_pct", value=_direction("forward_pct"), show=fmt.percent, width=Width(5, 6)
    ),
    Column(
        id="K", name="dscp", value=_quote("dscp"), show=dscp_name, scope=Scope.EACH, needs=Fact.QUOTED_HEADER
    ),
    Column(
        id="M", name="ecn", value=_quote("ecn"), show=ecn_name, width=Width(4, 7), scope=Scope.EACH,
        needs=Fact.QUOTED_HEADER,
    ),
    Column(
        id="q", name="quoted_ttl", value=_quote("ttl"), width=Width(4, 4), scope=Scope.EACH,
        needs=Fact.QUOTED_HEADER,
    ),
    Column(
        id="A", name="asn", value=lambda row: row.asn, width=Width(7, 10, 1), align=Align.LEFT,
        scope=Scope.EACH, needs=Fact.ASN,
    ),
    _time("5", "p50", "p50_ns"),
    _time("9", "p90", "p90_ns"),
    _time("%", "p99", "p99_ns"),
    _count("n", "lost", _hop("lost")),
    Column(id="I", name="loss_interval", value=_loss_interval, show=_show_interval, width=Width(6, 6)),
    _count("O", "outstanding", _hop("outstanding")),
    _count("k", "skipped", _hop("skipped")),
    _count("L", "late", _hop("late")),
    _count("u", "duplicates", _hop("duplicates")),
    Column(id="c", name="clock", value=_clock, width=Width(6, 6), align=Align.LEFT),
    Column(id="R", name="reply_ttl", value=_of_responder("reply_ttl"), width=Width(4, 4), scope=Scope.EACH),
    Column(id="H", name="return_hops", value=_way_back, width=Width(4, 4), scope=Scope.EACH),
    Column(id="U", name="mtu", value=_hop("mtu")),
    Column(
        id="m", name="mpls", value=_labels, width=Width(6, 13, 1), align=Align.LEFT, scope=Scope.EACH
    ),
    Column(
        id="e", name="extensions", value=_extensions, width=Width(6, 16, 1), align=Align.LEFT,
        scope=Scope.EACH,
    ),
    Column(
        id="y", name="country", value=lambda row: row.country, width=Width(4, 4), align=Align.LEFT,
        scope=Scope.EACH, needs=Fact.PLACES,
    ),
    Column(
        id="z", name="recent", value=lambda row: row.hop.recent_ns or None, order=_recent_losses,
        show=_recent_text, width=Width(8, 16, 2), align=Align.LEFT, paint=_recent_cell,
    ),
)  # fmt: skip

COLUMNS: dict[str, Column] = {column.id: column for column in _ALL}
"""By letter, in the order of the settings."""

DEFAULT = "tholsravbwdz"
"""Shown unless the user chooses; in 80 cells."""


def with_mtu(letters: str) -> str:
    """``letters``; where they are the default ones, with the MTU beside the loss."""
    return letters.replace("l", "lU") if letters == DEFAULT else letters


def chosen(letters: str) -> tuple[Column, ...]:
    """The columns that ``letters`` spell, in that order. Raises ``ValueError`` naming what is wrong."""
    for letter in letters:
        if letter not in COLUMNS:
            raise ValueError(say("columns.unknown", letter=letter, letters="".join(COLUMNS)))
        if letters.count(letter) > 1:
            raise ValueError(say("columns.twice", letter=letter))
    return tuple(COLUMNS[letter] for letter in letters)


def available(columns: Iterable[Column], facts: Iterable[Fact]) -> tuple[Column, ...]:
    """Those of ``columns`` that can ever hold a value, given what the trace can tell."""
    known = frozenset(facts)
    return tuple(column for column in columns if column.needs is None or column.needs in known)
