"""Hops by time, round-trip time as heat."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from textual import events
from textual.geometry import Size

from tui.scene import Scene, TargetScene
from tui.view.about import context
from tui.view.cells import Line
from tui.view.empty import empty
from tui.view.heatmap import HeatRow, picture_steps
from tui.view.legend import keys
from tui.view.steps import Steps
from tui.view.style import Style
from tui.widgets.hop_table import HopTable
from tui.widgets.kept import Prepared
from tui.widgets.lines import Lines

NAMED_FROM = 100
"""From this width on the hops stand with who answers there, not with their TTL alone."""


class HeatView(Lines):
    """Draws the heat map when there is more to draw."""

    FIXED = 1

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._map: Prepared[tuple[Line, ...]] = Prepared()
        self._ttls: tuple[int, ...] = ()
        self._selected: int | None = None

    def show(self, scene: Scene) -> None:
        super().show(scene)
        selected = None if scene.target is None else scene.target.selected
        if selected != self._selected and selected in self._ttls and self.size.height:
            self.reveal(self._ttls.index(selected) + self.FIXED)
        self._selected = selected

    def on_click(self, event: events.Click) -> None:
        """Select the hop under the mouse."""
        number = self.line_at(event.y) - self.FIXED
        if event.y >= self.FIXED and 0 <= number < len(self._ttls):
            self.post_message(HopTable.Selected(self._ttls[number], 0))

    def lines_of(self, scene: Scene, size: Size) -> Sequence[Line]:
        target = scene.target
        if target is None:
            return empty("empty.target", size.width)
        self._ttls = tuple(int(hop.ttl) for hop in target.snapshot.hops)
        if not target.snapshot.rounds:
            return empty("empty.heatmap", size.width)
        return self._map.get(*_picture(scene, target, size.width))

    def prepare(self, scene: Scene) -> Iterator[None]:
        if scene.target is not None and self.size:
            yield from self._map.prepare(*_picture(scene, scene.target, self.size.width - self._overflows))


def _picture(
    scene: Scene, target: TargetScene, width: int
) -> tuple[tuple[object, ...], tuple[object, ...], Callable[[], Steps[tuple[Line, ...]]]]:
    """What is asked for, what it is made of, and how."""
    look, history = scene.look, target.history
    labels = _labels(scene, target, width)

    def make() -> Steps[tuple[Line, ...]]:
        yield
        return (yield from picture_steps(_rows(target, labels), width, look.chart, look.glyphs))

    asked = (history, labels, target.selected, width, look.chart, look.glyphs.name)
    return asked, (history.version,), make


def _labels(scene: Scene, target: TargetScene, width: int) -> tuple[str, ...]:
    found = keys(target.snapshot, context(target.snapshot, scene.look.address_mode), target.selected)
    if width < NAMED_FROM:
        return tuple(f"{key.ttl:>3}" for key in found)
    longest = max((len(key.host) for key in found), default=0)
    return tuple(f"{key.ttl:>3} {key.host:<{longest}}" for key in found)


def _rows(target: TargetScene, labels: Sequence[str]) -> list[HeatRow]:
    return [
        HeatRow(
            label,
            target.history.samples(hop.ttl),
            Style.SELECTED if hop.ttl == target.selected else Style.LABEL,
        )
        for hop, label in zip(target.snapshot.hops, labels, strict=True)
    ]
