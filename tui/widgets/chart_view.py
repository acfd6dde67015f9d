"""Round-trip times of all hops over time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from textual import events
from textual.geometry import Size

from tui.scene import Scene, TargetScene
from tui.view.about import context
from tui.view.cells import Line
from tui.view.chart import Series, chart_steps, series_of
from tui.view.empty import empty
from tui.view.legend import BESIDE_FROM, WIDTH, Key, below, beside, caption, keys, window
from tui.view.steps import Steps
from tui.widgets.hop_table import HopTable
from tui.widgets.kept import Prepared
from tui.widgets.lines import Lines


class ChartView(Lines):
    """Draws the chart when there is more to draw; the legend with every picture."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._chart: Prepared[tuple[Line, ...]] = Prepared()
        self._beside: Sequence[Key] = ()

    def on_click(self, event: events.Click) -> None:
        """Select the hop of the legend under the mouse."""
        if event.x >= self.size.width - WIDTH and 0 < event.y <= len(self._beside):
            self.post_message(HopTable.Selected(self._beside[event.y - 1].ttl, 0))

    def prepare(self, scene: Scene) -> Iterator[None]:
        if scene.target is not None and self.size:
            yield from self._chart.prepare(*_picture(scene, scene.target, self.size))

    def lines_of(self, scene: Scene, size: Size) -> Sequence[Line]:
        target = scene.target
        if target is None:
            return empty("empty.target", size.width)
        if not any(map(target.history.has_closed, _ttls(target))):
            return empty("empty.chart", size.width)
        glyphs = scene.look.glyphs
        found = keys(target.snapshot, context(target.snapshot, scene.look.address_mode), target.selected)
        self._beside = window(found, size.height - 1) if _has_legend(size) else ()
        drawn = self._chart.get(*_picture(scene, target, size))
        title = _caption(scene, target, found, size.width)
        if not _has_legend(size):
            return (title, *drawn, below(found, size.width, glyphs))
        legend = beside(found, size.height - 1, glyphs)
        return (title, *((*line, *key) for line, key in zip(drawn, legend, strict=True)))


def _ttls(target: TargetScene) -> tuple[int, ...]:
    return tuple(int(hop.ttl) for hop in target.snapshot.hops)


def _has_legend(size: Size) -> bool:
    return size.width >= BESIDE_FROM and size.height > 1


def _picture(
    scene: Scene, target: TargetScene, size: Size
) -> tuple[tuple[object, ...], tuple[object, ...], Callable[[], Steps[tuple[Line, ...]]]]:
    """What is asked for, what it is made of, and how."""
    look, history, moment = scene.look, target.history, target.cursor.moment_ns
    ttls = _ttls(target)
    width = size.width - (WIDTH if _has_legend(size) else 0)
    height = max(size.height - (1 if _has_legend(size) else 2), 1)

    def make() -> Steps[tuple[Line, ...]]:
        series: list[Series] = []
        for ttl in ttls:
            series.append(series_of(ttl, history.samples(ttl)))
            yield
        return (
            yield from chart_steps(series, width, height, look.chart, target.selected, look.glyphs, moment)
        )

    asked = (history, width, height, look.chart, look.glyphs.name, target.selected, moment)
    return asked, (history.version, ttls), make


def _caption(scene: Scene, target: TargetScene, found: Sequence[Key], width: int) -> Line:
    """About the selected hop, else the last."""
    pairs = list(zip(target.snapshot.hops, found, strict=True))
    hop, key = next((pair for pair in pairs if pair[0].ttl == target.selected), pairs[-1])
    return caption(hop, key, scene.look.chart, width, scene.look.glyphs)
