"""Everything the screen draws, as one value: the newest numbers, and how the user wants to see them."""

from __future__ import annotations

import msgspec

from tracer.model import ChannelInfo, ClockInfo
from tracer.stats.snapshot import FlowSnapshot, TraceSnapshot
from tui.view.chart import View
from tui.view.columns import DEFAULT
from tui.view.facts import Fact
from tui.view.glyphs import UNICODE, Glyphs
from tui.view.history import History, ProbeKey
from tui.view.log import Log
from tui.view.privacy import Privacy
from tui.view.rows import AddressMode, Order
from tui.view.scrubber import Playback
from tui.view.timeline import Entry
from tui.view.verdict_line import Status


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """The user's choices; nothing of the trace."""

    palette: str = "dark"
    glyphs: Glyphs = UNICODE
    columns: str = DEFAULT
    widths: dict[str, int] = {}
    """Cells by column id, where the user resized a column."""
    sorted_by: tuple[str, Order] | None = None
    address_mode: AddressMode = AddressMode.BOTH
    most_hosts: int | None = None
    privacy: Privacy = Privacy()
    needle: str = ""
    """Only hops in which it occurs are shown."""
    chart: View = View()
    details: bool = False
    """The detail of the selected hop is open."""
    all_events: bool = False
    """The log shows every event, not only the notable ones."""
    refresh_ns: int = 100_000_000
    """Shortest time between two pictures."""
    keys: dict[str, tuple[str, ...]] = {}
    """Keys by command id, where the user chose others than the default ones."""


_COLOURLESS = "terminal"


def colourless(look: Look) -> Look:
    """The look for NO_COLOR: what has to stand out does so without colours."""
    return msgspec.structs.replace(look, palette=_COLOURLESS)


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """What the user looks at in one target, beside the selected hop."""

    marked: Entry | None = None
    """The entry of the log jumped to."""
    moment_ns: int | None = None
    """When what it tells of happened."""
    probe: ProbeKey | None = None
    """The probe in the packet inspector; None for the newest."""


class TargetScene(msgspec.Struct, frozen=True, kw_only=True):
    """One target. Its snapshot is masked already."""

    label: str
    snapshot: TraceSnapshot
    history: History
    entries: tuple[Entry, ...]
    """The log, oldest first, masked."""
    log: Log
    """What the entries were taken from."""
    status: Status
    troubles: tuple[int, ...] = ()
    """Indices of those of the snapshot's errors that are going on now."""
    flows: tuple[FlowSnapshot, ...] = ()
    """Not masked: which of them share a path has to be told before."""
    selected: int | None = None
    """TTL of the selected hop."""
    ordinal: int = 0
    """Which responder of that hop."""
    cursor: Cursor = Cursor()


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What to draw now."""

    targets: tuple[TargetScene, ...]
    current: int = 0
    look: Look = Look()
    view: str = ""
    """Name of the view on the screen."""
    facts: frozenset[Fact] = frozenset()
    channel: ChannelInfo | None = None
    clock: ClockInfo | None = None
    ports: str = ""
    position_ns: int = 0
    """Newest moment of the log, or where the replay stands."""
    length_ns: int = 0
    """Length of the recording; 0 while tracing."""
    speed: float = 1.0
    playback: Playback | None = None
    """Where the recording stands; None while tracing."""

    @property
    def target(self) -> TargetScene | None:
        """The target on the screen."""
        return self.targets[self.current] if self.targets else None
