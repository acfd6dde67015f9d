"""Moving through a recording."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tui.replay import STEP_NS, ReplaySource, following, preceding
from tui.view.scrubber import Playback
from tui.view.strings import say

if TYPE_CHECKING:
    from tui.screens.main import MainScreen

Action = Callable[["MainScreen"], None]


def _control(do: Callable[[ReplaySource], None]) -> Action:
    def action(screen: MainScreen) -> None:
        if isinstance(screen.source, ReplaySource):
            do(screen.source)

    return action


def _jump(find: Callable[[Playback], int | None], otherwise: str) -> Action:
    """Hold at what ``find`` finds for the target on the screen."""

    def action(screen: MainScreen) -> None:
        source = screen.source
        if not isinstance(source, ReplaySource):
            return
        target = screen.scene.target
        moment = find(source.playback(None if target is None else target.label))
        if moment is None:
            screen.notify(say(otherwise), markup=False)
        else:
            source.hold_at(moment)

    return action


ACTIONS: dict[str, Action] = {
    "replay-pause": _control(ReplaySource.play_or_hold),
    "replay-forward": _control(lambda source: source.seek(source.position_ns + STEP_NS)),
    "replay-back": _control(lambda source: source.seek(source.position_ns - STEP_NS)),
    "replay-faster": _control(ReplaySource.faster),
    "replay-slower": _control(ReplaySource.slower),
    "replay-start": _control(lambda source: source.seek(0)),
    "replay-end": _control(lambda source: source.seek(source.length_ns)),
    "next-change": _jump(lambda at: following(at.changes, at.position_ns), "replay.no-change"),
    "previous-change": _jump(lambda at: preceding(at.changes, at.position_ns), "replay.no-change"),
    "next-loss": _jump(lambda at: following(at.losses, at.position_ns), "replay.no-loss"),
    "previous-loss": _jump(lambda at: preceding(at.losses, at.position_ns), "replay.no-loss"),
}
