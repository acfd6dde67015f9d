"""The parts of the screen as lines: what stands around the view, and the hop table.

Plain functions of a ``Scene``, so that the picture before the application is there (``first_frame``) and the
application's own are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from tracer.stats.snapshot import ErrorSnapshot
from tui.scene import Scene, TargetScene
from tui.view.about import context
from tui.view.cells import Line, fit_line
from tui.view.columns import COLUMNS, available, chosen
from tui.view.commands import BY_ID, keys_of, offered
from tui.view.glyphs import Glyphs
from tui.view.overview import health, title
from tui.view.rows import Context, Row, arranged, build, matching
from tui.view.strings import say
from tui.view.style import SEVERITY_STYLES, Style
from tui.view.table import Layout, header_line, lay_out, row_line
from tui.view.tabs import Tab, TabLine, tab_line
from tui.view.verdict_line import Head, Status, banner, header, notice

VIEW_NAMES = ("view-table", "chart", "heatmap", "map", "flows", "events", "inspector", "overview")
"""What can fill the body, each named as the command that shows it."""

MOST_BANNERS = 3
"""Lines; what came last is the most likely cause of what is seen now."""

_KEYS_SHOWN = (
    "help",
    "view-table",
    "chart",
    "heatmap",
    "events",
    "hop-details",
    "freeze",
    "settings",
    "quit",
)


# Around the view


def head_lines(scene: Scene, width: int) -> Sequence[Line]:
    """Target, means, and the path in one sentence."""
    target = scene.target
    if target is None:
        return (fit_line(((say("header.looking-up"), Style.MUTED),), width, scene.look.glyphs.ellipsis),)
    facts = Head(status=target.status, channel=scene.channel, clock=scene.clock, ports=scene.ports)
    return header(target.snapshot, facts, width, scene.look.glyphs)


def banner_lines(scene: Scene, width: int) -> Sequence[Line]:
    """Trouble on this host, while it lasts."""
    glyphs = scene.look.glyphs
    told = tuple(banner(error, width, glyphs) for error in _current_errors(scene))
    return (*told, *(notice(text, width, glyphs) for text in _current_state(scene)))


def _current_state(scene: Scene) -> Iterator[str]:
    """What lasts until the log says that it is over."""
    target = scene.target
    if target is None or target.status in _OVER:
        return
    pace = target.snapshot.health.pace
    if pace is not None and pace.rate < pace.wanted:
        yield say("banner.pace", rate=pace.rate, wanted=pace.wanted)
    if target.snapshot.target.source is None and target.snapshot.health.source_changes:
        yield say("banner.no-source")


_OVER = (Status.ENDED, Status.FAILED)


def _current_errors(scene: Scene) -> Sequence[ErrorSnapshot]:
    target = scene.target
    if target is None:
        return ()
    return [target.snapshot.errors[index] for index in target.troubles[-MOST_BANNERS:]]


def target_tabs(scene: Scene, width: int) -> TabLine:
    """A tab for each target with its health."""
    glyphs = scene.look.glyphs
    severities = [health(target.snapshot) for target in scene.targets]
    tabs = [
        Tab(title=title(target.snapshot), mark=(glyphs.severity[severity], SEVERITY_STYLES[severity]))
        for target, severity in zip(scene.targets, severities, strict=True)
    ]
    return tab_line(tabs, scene.current, width, glyphs)


def offered_views(scene: Scene) -> tuple[str, ...]:
    """Names of the views there is data for; the first of them always is."""
    needs = {name: BY_ID[name].needs for name in VIEW_NAMES}
    return tuple(name for name, needed in needs.items() if needed is None or needed in scene.facts)


def view_tabs(scene: Scene, width: int) -> TabLine:
    """A tab for each view there is data for."""
    names = offered_views(scene)
    commands = [BY_ID[name] for name in names]
    tabs = [Tab(title=command.title, key=next(iter(command.keys), "")) for command in commands]
    current = names.index(scene.view) if scene.view in names else 0
    return tab_line(tabs, current, width, scene.look.glyphs)


def key_line(scene: Scene, width: int) -> Line:
    """The keys most asked for."""
    known = {command.id: command for command in offered(scene.facts)}
    line: list[tuple[str, Style]] = []
    for command_id in _KEYS_SHOWN:
        if command_id in known:
            command = known[command_id]
            key = next(iter(keys_of(command, scene.look.keys)), "")
            line += [(f" {key}", Style.KEY), (f" {command.title} ", Style.MUTED)]
    return fit_line(tuple(line), width, scene.look.glyphs.ellipsis)


# The hop table


def layout_of(scene: Scene, width: int) -> Layout:
    """The user's columns in this width; those without data are left out."""
    columns = available(chosen(scene.look.columns), scene.facts)
    return lay_out(columns, width, scene.look.widths)


_DIRECTIONS = frozenset("FBD")
"""Columns that need ``History.directions``, which costs more than the rest of the table."""


def context_of(scene: Scene, target: TargetScene) -> Context:
    """What rows show beside the snapshot."""
    look = scene.look
    wanted = _DIRECTIONS.intersection(look.columns)
    ttls = [int(hop.ttl) for hop in target.snapshot.hops] if wanted else []
    return msgspec.structs.replace(
        context(target.snapshot, look.address_mode),
        probes=target.history.last(),
        directions=target.history.directions(ttls) if wanted else {},
        most_hosts=look.most_hosts,
    )


def rows_of(scene: Scene, target: TargetScene) -> tuple[Row, ...]:
    """The rows as the user wants to see them."""
    look = scene.look
    rows = build(target.snapshot, context_of(scene, target))
    if look.needle:
        rows = matching(rows, look.needle)
    if look.sorted_by is not None:
        column_id, order = look.sorted_by
        rows = arranged(rows, COLUMNS[column_id].sort_key, order)
    return rows


def selected_row(rows: Sequence[Row], target: TargetScene) -> int | None:
    """The number of the selected row: the responder's, or its hop's where that is not shown."""
    keys = [row.key for row in rows]
    for key in ((target.selected, target.ordinal), (target.selected, 0)):
        if key in keys:
            return keys.index(key)
    return None


DrawRow = Callable[[Row, Layout, Glyphs], Line]


def table_lines(
    scene: Scene, target: TargetScene, rows: Sequence[Row], layout: Layout, draw: DrawRow = row_line
) -> Iterator[Line]:
    """The header of the table, then its rows."""
    look = scene.look
    selected = selected_row(rows, target)
    yield header_line(layout, look.glyphs, look.sorted_by)
    for number, row in enumerate(rows):
        line = draw(row, layout, look.glyphs)
        yield tuple((text, Style.SELECTED) for text, _ in line) if number == selected else line


# Lines in a window


LinesIn = Callable[[int], Sequence[Line]]
"""Makes lines of a width."""


def fitting(lines_in: LinesIn, width: int, height: int, *, overflow: bool) -> tuple[tuple[Line, ...], bool]:
    """The lines, beside a scrollbar of one cell where they are too many; and whether they are.

    ``overflow`` is how it was before: it seldom changes.
    """
    lines: tuple[Line, ...] = ()
    for _ in range(2):
        lines = tuple(lines_in(width - overflow))
        too_many = len(lines) > height
        if too_many == overflow:
            break
        overflow = too_many
    return lines, overflow
