"""The paths of several flows, one line each, with what differs between them set off."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tracer.model import Address, Port
from tui.view.cells import Line, Segment, cell_width, clip_line, fit_line
from tui.view.glyphs import UNICODE, Glyphs
from tui.view.history import FlowPath
from tui.view.privacy import HIDDEN, Privacy
from tui.view.rows import Context, host_text
from tui.view.strings import counted, say
from tui.view.style import Style


class PathRow(msgspec.Struct, frozen=True, kw_only=True):
    """One flow. Its texts are printable."""

    key: int
    """The flow."""
    ports: str
    hops: tuple[str, ...]
    differs: tuple[bool, ...]
    """For each hop, whether the first flow goes elsewhere there."""
    probes: int
    first_ttl: int = 1
    """TTL of the first of ``hops``."""


def path_rows(
    paths: Sequence[FlowPath], context: Context | None = None, glyphs: Glyphs = UNICODE
) -> tuple[PathRow, ...]:
    """The rows of the flows view, by flow."""
    told = context or Context()
    return tuple(
        PathRow(
            key=path.flow,
            ports=_ports(path, glyphs),
            hops=tuple(say("flow.silent") if hop is None else host_text(hop, told) for hop in path.path),
            differs=tuple(_differs(hop, ttl, paths[0]) for ttl, hop in enumerate(path.path, path.first_ttl)),
            probes=path.probes,
            first_ttl=path.first_ttl,
        )
        for path in paths
    )


def distinct(paths: Sequence[FlowPath]) -> int:
    """How many different paths the flows take; a silent hop is taken for any other."""
    kept: list[FlowPath] = []
    for path in paths:
        if not any(_same(path, other) for other in kept):
            kept.append(path)
    return len(kept)


def _same(one: FlowPath, other: FlowPath) -> bool:
    return not any(_differs(hop, ttl, other) for ttl, hop in enumerate(one.path, one.first_ttl))


def _differs(hop: Address | None, ttl: int, other: FlowPath) -> bool:
    index = ttl - other.first_ttl
    there = other.path[index] if 0 <= index < len(other.path) else None
    return hop is not None and there is not None and hop != there


def _ports(path: FlowPath, glyphs: Glyphs) -> str:
    return say(
        "flow.ports", source=_port(path.source_port), arrow=glyphs.arrow, target=_port(path.target_port)
    )


def _port(port: Port | None) -> str:
    return say("flow.moving") if port is None else str(port)


def masked_paths(paths: Sequence[FlowPath], privacy: Privacy) -> tuple[FlowPath, ...]:
    """The paths without the addresses of the hops that are masked."""
    return tuple(
        msgspec.structs.replace(
            path,
            path=tuple(
                HIDDEN if hop is not None and privacy.masks(ttl) else hop
                for ttl, hop in enumerate(path.path, path.first_ttl)
            ),
        )
        for path in paths
    )


_INDENT = 4
"""Cells before the second and further lines of a path."""


def path_lines(row: PathRow, width: int, glyphs: Glyphs = UNICODE) -> tuple[Line, ...]:
    """One flow: its ports, and its hops in as many lines of at most ``width`` cells as they take."""
    probes = say("flow.probes", number=row.probes)
    title: Line = (
        (say("flow", flow=row.key), Style.KEY),
        (f" {row.ports}", Style.LABEL),
        (f"  {probes}", Style.MUTED),
    )
    lines = [list(title)]
    room = 0
    for ttl, (hop, differs) in enumerate(zip(row.hops, row.differs, strict=True), row.first_ttl):
        arrow = "" if ttl == row.first_ttl else f"{glyphs.arrow} "
        number = say("flow.hop", ttl=ttl)
        needed = cell_width(arrow + number + hop) + 2
        if needed > room:
            lines.append([(" " * _INDENT, Style.TEXT)])
            room = width - _INDENT
        lines[-1] += [
            (arrow + number, Style.MUTED),
            (f" {hop} ", Style.CHANGED if differs else Style.TEXT),
        ]
        room -= needed
    return tuple(clip_line(tuple(line), width, glyphs.ellipsis) for line in lines)


def flows_lines(
    paths: Sequence[FlowPath],
    privacy: Privacy,
    context: Context,
    width: int,
    glyphs: Glyphs = UNICODE,
) -> tuple[Line, ...]:
    """How many flows take how many paths, and each of them, masked; lines of at most ``width`` cells."""
    summary = say(
        "flows.summary", flows=counted(len(paths), "flows"), paths=counted(distinct(paths), "paths")
    )
    title: list[Segment] = [(summary, Style.HEADER)]
    if distinct(paths) > 1:
        title += [("  ", Style.HEADER), (say("flows.differs", flow=paths[0].flow), Style.HEADER)]
    lines: list[Line] = [fit_line(tuple(title), width, glyphs.ellipsis, Style.HEADER)]
    for row in path_rows(masked_paths(paths, privacy), context, glyphs):
        lines += [(), *path_lines(row, width, glyphs)]
    return tuple(lines)
