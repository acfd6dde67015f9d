"""Round-trip times of all hops over time."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.geometry import Size

from tui.scene import Scene, TargetScene
from tui.view.about import context
from tui.view.cells import Line
from tui.view.chart import Series, chart, series_of
from tui.view.empty import empty
from tui.view.legend import BESIDE_FROM, WIDTH, Key, below, beside, caption, keys, window
from tui.widgets.hop_table import HopTable
from tui.widgets.kept import Kept
from tui.widgets.lines import Lines


class ChartView(Lines):
    """Draws the chart when there is more to draw; the legend with every picture."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._series: Kept[tuple[Series, ...]] = Kept()
        self._chart: Kept[tuple[Line, ...]] = Kept()
        self._beside: Sequence[Key] = ()

    def on_click(self, event: events.Click) -> None:
        """Select the hop of the legend under the mouse."""
        if event.x >= self.size.width - WIDTH and 0 < event.y <= len(self._beside):
            self.post_message(HopTable.Selected(self._beside[event.y - 1].ttl, 0))

    def lines_of(self, scene: Scene, size: Size) -> Sequence[Line]:
        target = scene.target
        if target is None:
            return empty("empty.target", size.width)
        ttls = tuple(int(hop.ttl) for hop in target.snapshot.hops)
        state = (target.history, target.history.version, ttls)
        series = self._series.get(
            state, lambda: tuple(series_of(ttl, target.history.samples(ttl)) for ttl in ttls)
        )
        if not any(line.points for line in series):
            return empty("empty.chart", size.width)
        glyphs = scene.look.glyphs
        found = keys(target.snapshot, context(target.snapshot, scene.look.address_mode), target.selected)
        self._beside = window(found, size.height - 1) if size.width >= BESIDE_FROM else ()
        legend = beside(found, size.height - 1, glyphs) if size.width >= BESIDE_FROM else ()
        room = Size(size.width - (WIDTH if legend else 0), max(size.height - (1 if legend else 2), 1))
        drawn = self._drawn(scene, target, series, room)
        title = _caption(scene, target, found, size.width)
        if not legend:
            return (title, *drawn, below(found, size.width, glyphs))
        return (title, *((*line, *key) for line, key in zip(drawn, legend, strict=True)))

    def _drawn(
        self, scene: Scene, target: TargetScene, series: tuple[Series, ...], room: Size
    ) -> tuple[Line, ...]:
        look, moment = scene.look, target.cursor.moment_ns
        return self._chart.get(
            (series, room, look.chart, look.glyphs.name, target.selected, moment),
            lambda: chart(series, *room, look.chart, target.selected, look.glyphs, moment),
        )


def _caption(scene: Scene, target: TargetScene, found: Sequence[Key], width: int) -> Line:
    """About the selected hop, else the last."""
    pairs = list(zip(target.snapshot.hops, found, strict=True))
    hop, key = next((pair for pair in pairs if pair[0].ttl == target.selected), pairs[-1])
    return caption(hop, key, scene.look.chart, width, scene.look.glyphs)
