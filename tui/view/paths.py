"""The paths that flows take: which ports took which branch, and how each flow fares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from tracer.model import Address, Port
from tracer.stats.snapshot import FlowSnapshot
from tui.view.cells import Align, Line, Segment, cell_width, clip_line, fit, fit_line
from tui.view.format import ms, percent
from tui.view.glyphs import UNICODE, Glyphs
from tui.view.privacy import Privacy, masked_path
from tui.view.rows import Context, host_text
from tui.view.strings import counted, say
from tui.view.style import Style

_INDENT = 4
"""Cells before the lines below a path's title."""

_COLUMNS = (("flow", 4), ("path", 5), ("loss", 6), ("last", 8), ("mean", 8), ("best", 8), ("worst", 8))
"""The numbers of a flow and the cells they take; its ports stand behind them."""


class Group(msgspec.Struct, frozen=True):
    """Flows on one path. What is silent on one of them is taken from the others."""

    path: tuple[Address | None, ...]
    flows: tuple[FlowSnapshot, ...]


def groups(flows: Iterable[FlowSnapshot]) -> tuple[Group, ...]:
    """The different paths, the one with the most flows first; a silent hop is taken for any other."""
    found: list[Group] = []
    for flow in flows:
        place = next((at for at, group in enumerate(found) if _agree(group.path, flow.path)), None)
        if place is None:
            found.append(Group(flow.path, (flow,)))
        else:
            group = found[place]
            found[place] = Group(_together(group.path, flow.path), (*group.flows, flow))
    return tuple(sorted(found, key=lambda group: -len(group.flows)))


def _agree(one: Sequence[Address | None], other: Sequence[Address | None]) -> bool:
    pairs = zip(one, other, strict=False)
    return all(a is None or b is None or a == b for a, b in pairs)


def _together(one: Sequence[Address | None], other: Sequence[Address | None]) -> tuple[Address | None, ...]:
    longer, shorter = (one, other) if len(one) >= len(other) else (other, one)
    padded = (*shorter, *(None for _ in range(len(longer) - len(shorter))))
    return tuple(a or b for a, b in zip(longer, padded, strict=True))


def differing(path: Sequence[Address | None], other: Sequence[Address | None]) -> tuple[int, ...]:
    """Positions in ``path`` that are answered and are not the same in ``other``."""
    there = (*other, *(None for _ in range(len(path) - len(other))))
    return tuple(at for at, hop in enumerate(path) if hop is not None and hop != there[at])


def port_ranges(ports: Iterable[Port]) -> str:
    """``32784-32786 32790``: ascending, neighbours in one."""
    spans: list[list[int]] = []
    for port in sorted(set(ports)):
        if spans and spans[-1][1] == port - 1:
            spans[-1][1] = port
        else:
            spans.append([port, port])
    return " ".join(str(low) if low == high else f"{low}-{high}" for low, high in spans)


def flows_lines(
    flows: Sequence[FlowSnapshot],
    privacy: Privacy,
    context: Context,
    width: int,
    glyphs: Glyphs = UNICODE,
) -> tuple[Line, ...]:
    """How many flows take how many paths, each path with its ports, and the flows in numbers.

    Addresses are masked here, not before: paths that part among masked hops are different ones all the same.
    Lines of at most ``width`` cells.
    """
    found = groups(flows)
    lines: list[Line] = [_title(found, width, glyphs)]
    for number, group in enumerate(found):
        lines += [(), *_group_lines(number, group, found[0], privacy, context, width, glyphs)]
    lines += [(), _heading(_port_word(flows), width)]
    number_of = {flow.id: number for number, group in enumerate(found, 1) for flow in group.flows}
    lines += [_row(flow, number_of[flow.id], glyphs) for flow in flows]
    return tuple(clip_line(line, width, glyphs.ellipsis) for line in lines)


def _title(found: Sequence[Group], width: int, glyphs: Glyphs) -> Line:
    number = sum(len(group.flows) for group in found)
    summary = say("flows.summary", flows=counted(number, "flows"), paths=counted(len(found), "paths"))
    return fit_line(((summary, Style.HEADER),), width, glyphs.ellipsis, Style.HEADER)


def _group_lines(
    number: int,
    group: Group,
    first: Group,
    privacy: Privacy,
    context: Context,
    width: int,
    glyphs: Glyphs,
) -> Iterator[Line]:
    """The title of one path, its ports, and its hops; of a further path only those that set it apart."""
    share = counted(len(group.flows), "flows")
    yield ((say("path", path=number + 1), Style.KEY), (f"  {share}", Style.MUTED))
    yield from _wrapped(_ports(group, glyphs), width)
    shown = range(len(group.path)) if group is first else differing(group.path, first.path)
    first_ttl = group.flows[0].first_ttl
    hidden = masked_path(group.path, first_ttl, privacy)
    style = Style.TEXT if group is first else Style.CHANGED
    hops: list[Line] = []
    for at in shown:
        arrow = f"{glyphs.arrow} " if hops else ""
        host = say("flow.silent") if hidden[at] is None else host_text(hidden[at], context)
        hops.append(((f"{arrow}{say('flow.hop', ttl=first_ttl + at)}", Style.MUTED), (f" {host} ", style)))
    if group is not first:
        hops.append(((say("path.else"), Style.MUTED),))
    yield from _wrapped(hops, width)


def _ports(group: Group, glyphs: Glyphs) -> list[Line]:
    """The source ports, and where they go: one target port, several, or moving ones."""
    sources = [flow.source_port for flow in group.flows if flow.source_port is not None]
    words = port_ranges(sources).split() if sources else [say("flow.moving")]
    targets = {flow.target_port for flow in group.flows}
    label: Line = ((f"{_port_word(group.flows)} ", Style.MUTED),)
    found = [label, *(((f"{word} ", Style.LABEL),) for word in words)]
    if targets != {Port(0)}:
        moving = None in targets
        told = say("flow.moving") if moving else port_ranges(port for port in targets if port is not None)
        found.append(((f"{glyphs.arrow} {told}", Style.LABEL),))
    return found


def _wrapped(parts: Iterable[Line], width: int) -> Iterator[Line]:
    """Parts behind each other, in as many indented lines as they take; no part is broken."""
    indent: Segment = (" " * _INDENT, Style.TEXT)
    line: list[Segment] = [indent]
    used = _INDENT
    for part in parts:
        needed = sum(cell_width(text.rstrip()) for text, _ in part)
        if used + needed > width and len(line) > 1:
            yield tuple(line)
            line, used = [indent], _INDENT
        line += part
        used += sum(cell_width(text) for text, _ in part)
    yield tuple(line)


def _port_word(flows: Sequence[FlowSnapshot]) -> str:
    """What stands in the place of the ports; echo probes have identifiers."""
    return say("path.identifiers" if all(flow.target_port == 0 for flow in flows) else "path.ports")


def _heading(ports: str, width: int) -> Line:
    cells = " ".join(fit(say(f"flows.column.{name}"), size, Align.RIGHT) for name, size in _COLUMNS)
    return fit_line(((f"{cells}  {ports}", Style.HEADER),), width, fill=Style.HEADER)


def _row(flow: FlowSnapshot, path: int, glyphs: Glyphs) -> Line:
    rtt = flow.rtt
    values = (
        str(flow.id),
        str(path),
        percent(flow.loss_pct),
        *(
            ms(value)
            for value in (
                (rtt.last_ns, rtt.mean_ns, rtt.best_ns, rtt.worst_ns) if rtt is not None else (None,) * 4
            )
        ),
    )
    cells = " ".join(fit(value, size, Align.RIGHT) for value, (_, size) in zip(values, _COLUMNS, strict=True))
    return ((cells, Style.TEXT), (f"  {_pair(flow, glyphs)}", Style.LABEL))


def _pair(flow: FlowSnapshot, glyphs: Glyphs) -> str:
    if flow.target_port == 0:
        return _port(flow.source_port)
    source, target = _port(flow.source_port), _port(flow.target_port)
    return say("flow.ports", source=source, arrow=glyphs.arrow, target=target)


def _port(port: Port | None) -> str:
    return say("flow.moving") if port is None else str(port)
