"""The probe and the reply of one sample, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence

from textual.geometry import Size

from tui.scene import Scene, TargetScene
from tui.view.about import context
from tui.view.cells import Line
from tui.view.empty import empty
from tui.view.history import Sample
from tui.view.inspector import Inspected, chosen, inspector
from tui.view.rows import host_text
from tui.widgets.kept import Kept
from tui.widgets.lines import Lines


class InspectorView(Lines):
    """Draws one probe anew when it, or what became of it, is another."""

    FIXED = 1

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._packets: Kept[tuple[Line, ...]] = Kept()

    def lines_of(self, scene: Scene, size: Size) -> Sequence[Line]:
        target, look = scene.target, scene.look
        if target is None:
            return empty("empty.target", size.width)
        if look.privacy.hops:
            return empty("empty.private", size.width)
        samples = inspected_samples(target)
        at = chosen(samples, target.cursor.probe)
        if at is None:
            return empty("empty.inspector", size.width)
        what = Inspected(
            sample=samples[at],
            number=at + 1,
            total=len(samples),
            newest=target.cursor.probe is None,
            host=host_text(samples[at].responder, context(target.snapshot, look.address_mode)),
        )
        return self._packets.get(
            (what, size.width, look.glyphs.name), lambda: inspector(what, size.width, look.glyphs)
        )


def inspected_samples(target: TargetScene) -> tuple[Sample, ...]:
    """The probes of the selected hop, else of the last hop of the path."""
    hops = target.snapshot.hops
    ttl = target.selected or (hops[-1].ttl if hops else 0)
    return target.history.samples(ttl)
