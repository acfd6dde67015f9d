"""How the measurement itself goes: what happens in a second, the pace, what this process takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tracer.stats.snapshot import HealthSnapshot, PerSecond
from tui.view.cells import Line, fit_line
from tui.view.glyphs import UNICODE, Glyphs
from tui.view.strings import counted, say
from tui.view.style import Style

_LABEL = 12
_ALWAYS = ("sent", "received", "matched")
_WHERE_THERE_IS_ANY = ("foreign", "malformed", "kernel_drops", "ports_skipped")
_MEGABYTE = 1_000_000


def health_lines(health: HealthSnapshot, width: int, glyphs: Glyphs = UNICODE) -> tuple[Line, ...]:
    """Lines of exactly ``width`` cells; what is not known is left out."""
    return tuple(
        fit_line(((f" {say(label):<{_LABEL}}", Style.LABEL), (text, Style.TEXT)), width, glyphs.ellipsis)
        for label, text in _facts(health, glyphs)
    )


def _facts(health: HealthSnapshot, glyphs: Glyphs) -> Iterator[tuple[str, str]]:
    if health.per_second is not None:
        yield "health.rates", glyphs.separator.join(_rates(health.per_second))
    if (pace := health.pace) is not None:
        times = counted(pace.reductions, "times")
        yield "health.pace", say("health.pace-of", rate=pace.rate, wanted=pace.wanted, times=times)
    if (load := health.load) is not None:
        memory = "?" if load.memory is None else f"{load.memory / _MEGABYTE:.0f}"
        yield (
            "health.load",
            say("health.load-of", cpu=f"{load.cpu_pct:.1f}", memory=memory, lag=f"{load.lag_ms:.1f}"),
        )


def _rates(rates: PerSecond) -> Sequence[str]:
    some = [field for field in _WHERE_THERE_IS_ANY if getattr(rates, field)]
    told = [say(f"health.{field}", rate=_rate(getattr(rates, field))) for field in (*_ALWAYS, *some)]
    if rates.failed:
        kinds = [
            say("health.failed-kind", kind=kind, rate=_rate(rate)) for kind, rate in rates.failed.items()
        ]
        told.append(say("health.failed", rate=", ".join(kinds)))
    return told


def _rate(rate: float) -> str:
    return f"{rate:.1f}".removesuffix(".0")
