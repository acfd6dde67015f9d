"""Takes the pictures in this folder: ``python -m screenshots.take [NAME...]``, all of them unless named.

Each picture is a shipped scenario at a moment of virtual time, and some commands of the user's: the same
every time. SVG always; PNG for those README shows, where cairosvg is installed.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from textual.pilot import Pilot

from tracer import prepare
from tracer.clock import VirtualClock
from tracer.config import ProtocolChoice, TraceConfig
from tracer.model import Route, Strategy, TargetInfo
from tracer.session import Prepared
from tui.app import HopscopeApp
from tui.scene import Look
from tui.screens.main import MainScreen
from tui.source import LiveSource
from tui.view.columns import DEFAULT, with_mtu
from tui.view.theme import PALETTES

HERE = Path(__file__).parent
S = 1_000_000_000
SIZE = (120, 36)


class Picture(NamedTuple):
    """What is on it."""

    scenario: str
    at_s: float = 60
    """The moment of the trace."""
    commands: tuple[str, ...] = ()
    """Ids from the registry; a number selects the hop of that TTL."""
    palette: str = "dark"
    size: tuple[int, int] = SIZE
    queries: tuple[str, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()


EIGHT_FLOWS = (
    ("protocol", ProtocolChoice.UDP),
    ("multipath_strategy", Strategy.PARIS),
    ("flows", 8),
)
TWO_FAMILIES = ("www.example.net", "2001:db8:ff::80", "203.0.113.99")

PICTURES: dict[str, Picture] = {
    "table": Picture("wan"),
    "detail": Picture("loss", commands=("5", "hop-details")),
    "chart": Picture("bufferbloat", commands=("chart",)),
    "heatmap": Picture("route-change", commands=("heatmap",)),
    "flows": Picture("wan", commands=("flows",), options=EIGHT_FLOWS),
    "events": Picture("route-change", commands=("events",)),
    "inspector": Picture("wan", commands=("8", "inspector")),
    "overview": Picture("wan", commands=("overview",), queries=TWO_FAMILIES),
    "frozen": Picture("loss", commands=("freeze",)),
    "help": Picture("wan", commands=("help",)),
    "settings": Picture("wan", commands=("settings",)),
    "columns": Picture("wan", commands=("columns",)),
    "palette": Picture("wan", commands=("palette",)),
    "small": Picture("wan", size=(80, 24)),
    "large": Picture("loss", size=(200, 50), commands=("5", "hop-details")),
    **{f"trouble-{name}": Picture(name) for name in ("loss", "ratelimit", "route-change", "bufferbloat")},
    "trouble-blackhole": Picture("blackhole", options=(("mtu", True),)),
    **{f"theme-{name}": Picture("loss", palette=name, commands=("5",)) for name in PALETTES},
}

IN_README = ("table", "detail", "chart", "heatmap", "inspector", "overview")
"""Those that are committed as PNG too."""


class Hourglass(VirtualClock):
    """Virtual time that runs up to a moment and stands there."""

    def __init__(self, end_ns: int) -> None:
        super().__init__()
        self.run_out = asyncio.Event()
        self._end_ns = end_ns

    async def wait(self, deadline_ns: int | None, fileno: int | None) -> None:
        if deadline_ns is not None and deadline_ns > self._end_ns:
            self.run_out.set()
            deadline_ns = None
        await super().wait(deadline_ns, fileno)


async def take(picture: Picture) -> str:
    """The picture as SVG."""
    clock = Hourglass(int(picture.at_s * S))
    columns = with_mtu(DEFAULT) if ("mtu", True) in picture.options else DEFAULT
    app = HopscopeApp(_source(picture, clock), Look(palette=picture.palette, columns=columns))
    async with app.run_test(size=picture.size) as pilot:
        await clock.run_out.wait()
        (screen,) = [one for one in app.screen_stack if isinstance(one, MainScreen)]
        screen.tick()
        for command in picture.commands:
            await _give(screen, command, pilot)
        await pilot.pause()
        return _in_a_font_at_hand(app.export_screenshot(title="hopscope"))


def _in_a_font_at_hand(svg: str) -> str:
    """Without the font that the picture would fetch from a server."""
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL).replace("Fira Code", "DejaVu Sans Mono")


async def _give(screen: MainScreen, command: str, pilot: Pilot[None]) -> None:
    if command.isdigit():
        screen.select(int(command))
        screen.tick()
    else:
        screen.action_run(command)
    await pilot.pause()
    screen.tick()
    await pilot.pause()


def _source(picture: Picture, clock: VirtualClock) -> LiveSource:
    async def prepared(config: TraceConfig) -> Prepared:
        return prepare.simulated(picture.queries, config, picture.scenario, clock)

    async def another(query: str, prepared: Prepared, config: TraceConfig) -> tuple[TargetInfo, Route | None]:
        return prepare.another_simulated(query, prepared, config, picture.scenario)

    return LiveSource(prepared, another, msgspec.structs.replace(TraceConfig(), **dict(picture.options)))


def write(name: str, svg: str) -> None:
    """Write one picture."""
    (HERE / f"{name}.svg").write_text(svg, encoding="utf-8")
    try:
        import cairosvg  # noqa: PLC0415 - only for pictures, and not everywhere
    except ImportError:
        return
    if name in IN_README:
        drawn = _BRAILLE.sub(r'<text style="font-family: DejaVu Sans; font-size: 16.6px"\1', svg)
        cairosvg.svg2png(bytestring=drawn.encode(), write_to=str(HERE / f"{name}.png"), output_width=1200)


_BRAILLE = re.compile(r"<text((?:(?!</text>).)*[\u2800-\u28ff])")
"""Charts are drawn with Braille patterns. Cairo looks into one font only, and the monospaced one has none."""


async def main() -> None:
    """Take all of them, or those named."""
    for name in sys.argv[1:] or PICTURES:
        write(name, await take(PICTURES[name]))


if __name__ == "__main__":
    asyncio.run(main())
