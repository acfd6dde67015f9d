"""The docked panel about the selected hop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from textual.geometry import Size

from tui.parts import context_of
from tui.scene import Scene, TargetScene
from tui.view.cells import Line
from tui.view.detail import Subject, detail_steps, nothing
from tui.view.health import health_lines
from tui.view.steps import Steps
from tui.widgets.kept import Prepared, Same
from tui.widgets.lines import Lines


class Detail(Lines):
    """Open while the user wants it; shows the hop that is selected."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._drawn: Prepared[tuple[Line, ...]] = Prepared()

    def show(self, scene: Scene) -> None:
        self.set_class(scene.look.details and scene.target is not None, "-shown")
        if scene.look.details:
            super().show(scene)

    def prepare(self, scene: Scene) -> Iterator[None]:
        if scene.look.details and scene.target is not None and self.size:
            size = Size(self.size.width - self._overflows, self.size.height)
            yield from self._drawn.prepare(*_picture(scene, scene.target, size))

    def lines_of(self, scene: Scene, size: Size) -> Sequence[Line]:
        if scene.target is None:
            return nothing(size.width, scene.look.glyphs)
        return self._drawn.get(*_picture(scene, scene.target, size))


def _picture(
    scene: Scene, target: TargetScene, size: Size
) -> tuple[tuple[object, ...], tuple[object, ...], Callable[[], Steps[tuple[Line, ...]]]]:
    """What is asked for, what it is made of, and how."""
    glyphs, history = scene.look.glyphs, target.history

    def make() -> Steps[tuple[Line, ...]]:
        subject = subject_of(scene, target)
        yield
        if subject is None:
            return (
                *nothing(size.width, glyphs),
                *health_lines(target.snapshot.health, size.width, glyphs),
            )
        return (yield from detail_steps(subject, *size, glyphs))

    asked = (history, scene.look, target.selected, target.ordinal, size)
    # Every event makes a new snapshot.
    return asked, (Same(target.snapshot),), make


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
                path_mtu=snapshot.path_mtu,
                findings=snapshot.findings,
            )
    return None
