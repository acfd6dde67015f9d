"""Numbers as text, each kind of at most a known width, and none that says more than is known."""

from __future__ import annotations

MISSING = "-"
"""In the place of a value there is none of."""

NUMBER_WIDTH = 5
"""No time, percentage or count is wider."""

_MS = 1_000_000
_SECOND = 1_000_000_000

_MS_STEPS = ((1.0, 3), (10.0, 2), (1000.0, 1), (100_000.0, 0))
"""Below so many milliseconds, so many decimals: what the kernel's stamps are good for, in 5 cells."""

_SI = ("k", "M", "G", "T", "P", "E")


def ms(duration_ns: float | None) -> str:
    """Nanoseconds as milliseconds without the unit: ``0.123``, ``12.3``, ``1234``; from 100 s on ``100s``."""
    if duration_ns is None:
        return MISSING
    value = duration_ns / _MS
    for limit, decimals in _MS_STEPS:
        text = f"{value:.{decimals}f}"
        # Judged by what is shown: 9.996 has three digits before the point once it is rounded.
        if abs(float(text)) < limit:
            return text
    seconds = duration_ns // _SECOND
    return f"{seconds:.0f}s" if seconds < 1000 else ">999s"


def ms_unit(duration_ns: float | None) -> str:
    """As ``ms``, with its unit, for running text."""
    text = ms(duration_ns)
    return text if text == MISSING or text.endswith("s") else f"{text} ms"


def percent(value: float | None) -> str:
    """A percentage without its sign; ``0.0`` and ``100`` are said of nothing and of everything only."""
    if value is None:
        return MISSING
    if value <= 0:
        return "0.0"
    if value >= 100:
        return "100"
    if value < 0.05:
        return "<0.1"
    return f"{value:.1f}" if value < 99.95 else ">99.9"


def count(number: int | None) -> str:
    """A count of at most 5 cells: ``99999``, then rounded down, ``100k``, ``1.2M``."""
    if number is None:
        return MISSING
    if number < 100_000:
        return str(number)
    whole, rest, suffix = number, 0, ""
    for step in _SI:
        if whole < 1000:
            break
        whole, rest = divmod(whole, 1000)
        suffix = step
    if whole >= 1000:
        return f">999{suffix}"
    return f"{whole}.{rest // 100}{suffix}" if whole < 10 else f"{whole}{suffix}"


def duration(duration_ns: int) -> str:
    """A span in at most 7 cells: ``250ms``, ``1.2s``, ``3m04s``, ``2h03m``, ``5d04h``."""
    if duration_ns < _SECOND:
        return f"{duration_ns // _MS}ms"
    seconds = duration_ns // _SECOND
    if seconds < 60:
        return f"{duration_ns // (_SECOND // 10) / 10:.1f}s"
    for name, size, smaller, part in (("d", 86_400, "h", 3_600), ("h", 3_600, "m", 60), ("m", 60, "s", 1)):
        if seconds >= size:
            whole, rest = divmod(seconds, size)
            return f"{whole}{name}{rest // part:02}{smaller}" if whole < 1000 else f"{whole}{name}"
    raise AssertionError(seconds)


def moment(at_ns: int) -> str:
    """A moment since the session's start: ``0:01:23.456``."""
    thousandths = at_ns // _MS
    seconds, thousandths = divmod(thousandths, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}.{thousandths:03}"


def share(part: int, whole: int) -> str:
    """How many percent ``part`` is, in whole numbers: ``67%``; empty where there is no whole."""
    return f"{100 * part / whole:.0f}%" if whole else ""
