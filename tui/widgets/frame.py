"""What stands around the view: header, banner, the tabs of targets and views, and the keys."""

from __future__ import annotations

from collections.abc import Sequence

from textual.geometry import Size

from tracer.stats.snapshot import ErrorSnapshot
from tui.scene import Scene
from tui.view.cells import Line, fit_line
from tui.view.commands import keys_of, offered
from tui.view.style import Style
from tui.view.verdict_line import Head as HeadFacts
from tui.view.verdict_line import banner, header
from tui.widgets.lines import Lines

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


class Head(Lines):
    """Target, means, and the path in one sentence."""

    def lines_of(self, scene: Scene, size: Size) -> Sequence[Line]:
        target = scene.target
        if target is None:
            return ()
        facts = HeadFacts(status=target.status, channel=scene.channel, clock=scene.clock, ports=scene.ports)
        return header(target.snapshot, facts, size.width, scene.look.glyphs)


class Banner(Lines):
    """Trouble on this host, while it lasts."""

    MOST = 3
    """Lines; what came last is the most likely cause of what is seen now."""

    def show(self, scene: Scene) -> None:
        errors = self._errors(scene)
        self.set_class(bool(errors), "-shown")
        self.styles.height = len(errors)
        super().show(scene)

    def lines_of(self, scene: Scene, size: Size) -> Sequence[Line]:
        return tuple(banner(error, size.width, scene.look.glyphs) for error in self._errors(scene))

    def _errors(self, scene: Scene) -> Sequence[ErrorSnapshot]:
        target = scene.target
        if target is None:
            return ()
        return [target.snapshot.errors[index] for index in target.troubles[-self.MOST :]]


class Keys(Lines):
    """The keys most asked for."""

    def lines_of(self, scene: Scene, size: Size) -> Sequence[Line]:
        known = {command.id: command for command in offered(scene.facts)}
        line: list[tuple[str, Style]] = []
        for command_id in _KEYS_SHOWN:
            if command_id in known:
                command = known[command_id]
                key = next(iter(keys_of(command, scene.look.keys)), "")
                line += [(f" {key}", Style.KEY), (f" {command.title} ", Style.MUTED)]
        return (fit_line(tuple(line), size.width, scene.look.glyphs.ellipsis),)
