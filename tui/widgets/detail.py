"""The docked panel about the selected hop."""

from __future__ import annotations

from collections.abc import Sequence

from textual.geometry import Size

from tui.scene import Scene, TargetScene
from tui.view.cells import Line
from tui.view.detail import Subject, detail, nothing
from tui.widgets.hop_table import context_of
from tui.widgets.lines import Lines


class Detail(Lines):
    """Open while the user wants it; shows the hop that is selected."""

    def show(self, scene: Scene) -> None:
        self.set_class(scene.look.details and scene.target is not None, "-shown")
        if scene.look.details:
            super().show(scene)

    def lines_of(self, scene: Scene, size: Size) -> Sequence[Line]:
        target = scene.target
        subject = None if target is None else subject_of(scene, target)
        if subject is None:
            return nothing(size.width, scene.look.glyphs)
        return detail(subject, size.width, size.height, scene.look.glyphs)


def subject_of(scene: Scene, target: TargetScene) -> Subject | None:
    """The selected hop; None without one."""
    snapshot = target.snapshot
    verdicts = dict(zip((hop.ttl for hop in snapshot.hops), snapshot.hop_verdicts, strict=False))
    for hop in snapshot.hops:
        if hop.ttl == target.selected:
            return Subject(
                hop=hop,
                verdict=verdicts.get(hop.ttl),
                ordinal=min(target.ordinal, max(len(hop.responders) - 1, 0)),
                context=context_of(scene, target),
                samples=target.history.samples(hop.ttl),
                findings=snapshot.findings,
            )
    return None
