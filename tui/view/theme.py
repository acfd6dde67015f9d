"""What the style names look like: five palettes as plain data.

Colours are ``#rrggbb``, or the terminal's own as ``ansi_red`` and the like; None is the terminal's default.
No meaning hangs on a colour alone: severities have their marks, heat levels and losses their characters
(``glyphs``).
"""

from __future__ import annotations

import msgspec

from tui.view.style import CHART, HEAT, SEVERITY_STYLES, Severity, Style


class Paint(msgspec.Struct, frozen=True, kw_only=True):
    """How one style is drawn."""

    foreground: str | None = None
    background: str | None = None
    bold: bool = False
    dim: bool = False
    reverse: bool = False


class Inks(msgspec.Struct, frozen=True, kw_only=True):
    """The colours a palette is mixed from."""

    background: str | None
    panel: str | None
    text: str | None
    muted: str
    accent: str
    on_accent: str
    key: str
    severity: dict[Severity, str]
    loss: tuple[str, str]
    """Foreground and background of a lost probe."""
    banner: tuple[str, str]
    """Foreground and background."""
    heat: tuple[str, ...]
    """From the least round-trip time to the greatest, six of them."""
    chart: tuple[str, ...]
    """Six that can be told apart."""


class Palette(msgspec.Struct, frozen=True, kw_only=True):
    """One theme."""

    name: str
    inks: Inks
    styles: dict[Style, Paint]
    """Every style name."""


def _severity(alarming: str, warning: str, harmless: str, fine: str, unknown: str) -> dict[Severity, str]:
    return dict(zip(Severity, (alarming, warning, harmless, fine, unknown), strict=True))


_INKS: dict[str, Inks] = {
    "dark": Inks(
        background="#11151c",
        panel="#1b212b",
        text="#d7dde6",
        muted="#8b96a5",
        accent="#5fb3f9",
        on_accent="#0b0f14",
        key="#f2c14e",
        severity=_severity("#ff6b6b", "#f2c14e", "#7fa8c9", "#6fcf97", "#a3adba"),
        loss=("#ff8787", "#000000"),
        banner=("#1b1200", "#f2c14e"),
        heat=("#3d8bd4", "#35a7a0", "#6fbf5f", "#d6c94a", "#ee964b", "#f95738"),
        chart=("#5fb3f9", "#6fcf97", "#f2c14e", "#d38bff", "#ff9e80", "#63d8d8"),
    ),
    "light": Inks(
        background="#fbfbf8",
        panel="#edeee9",
        text="#20262e",
        muted="#5c6670",
        accent="#0b5cad",
        on_accent="#ffffff",
        key="#7a4b00",
        severity=_severity("#b3121d", "#7a4b00", "#3f5f7f", "#1d6b36", "#5c6670"),
        loss=("#ffffff", "#000000"),
        banner=("#ffffff", "#8a3b00"),
        heat=("#1f5fa8", "#0f6f6a", "#2f6f1f", "#6d6200", "#964a00", "#b3121d"),
        chart=("#0b5cad", "#1d6b36", "#7a4b00", "#7b2fb5", "#a83a12", "#006a6a"),
    ),
    "high-contrast": Inks(
        background="#000000",
        panel="#000000",
        text="#ffffff",
        muted="#d0d0d0",
        accent="#ffff00",
        on_accent="#000000",
        key="#00ffff",
        severity=_severity("#ff9090", "#ffd700", "#a0d0ff", "#70ff70", "#ffffff"),
        loss=("#000000", "#ffffff"),
        banner=("#000000", "#ffd700"),
        heat=("#80c0ff", "#80ffff", "#80ff80", "#ffff80", "#ffc070", "#ff9090"),
        chart=("#80c0ff", "#80ff80", "#ffff00", "#ff90ff", "#ffc070", "#80ffff"),
    ),
    # Okabe and Ito 2008, lightened where the dark ground asks for it; heat after cividis.
    "colour-blind": Inks(
        background="#101418",
        panel="#1a2026",
        text="#e6e6e6",
        muted="#9aa4ae",
        accent="#56b4e9",
        on_accent="#101418",
        key="#f0e442",
        severity=_severity("#ef7d32", "#f0e442", "#56b4e9", "#3fc9a4", "#b0b0b0"),
        loss=("#f0e442", "#000000"),
        banner=("#101418", "#e69f00"),
        heat=("#5d78b5", "#7f8aa5", "#a09a8c", "#bfae72", "#dfc957", "#ffea46"),
        chart=("#56b4e9", "#e69f00", "#3fc9a4", "#f0e442", "#cc79a7", "#ef7d32"),
    ),
    "terminal": Inks(
        background=None,
        panel=None,
        text=None,
        muted="ansi_bright_black",
        accent="ansi_blue",
        on_accent="ansi_bright_white",
        key="ansi_yellow",
        severity=_severity("ansi_red", "ansi_yellow", "ansi_cyan", "ansi_green", "ansi_bright_black"),
        loss=("ansi_bright_red", "ansi_black"),
        banner=("ansi_black", "ansi_yellow"),
        heat=("ansi_blue", "ansi_cyan", "ansi_green", "ansi_yellow", "ansi_magenta", "ansi_red"),
        chart=("ansi_blue", "ansi_green", "ansi_yellow", "ansi_magenta", "ansi_red", "ansi_cyan"),
    ),
}


def _mix(name: str, inks: Inks) -> Palette:
    def ink(foreground: str | None = inks.text, *, bold: bool = False) -> Paint:
        return Paint(foreground=foreground, background=inks.background, bold=bold)

    styles = {
        Style.TEXT: ink(),
        Style.MUTED: ink(inks.muted),
        Style.STRONG: ink(bold=True),
        Style.HEADER: Paint(foreground=inks.accent, background=inks.panel, bold=True),
        Style.TITLE: ink(inks.accent, bold=True),
        Style.KEY: ink(inks.key, bold=True),
        Style.LABEL: ink(inks.muted),
        Style.VALUE: ink(),
        Style.LINK: ink(inks.accent),
        Style.SELECTED: Paint(foreground=inks.on_accent, background=inks.accent, bold=True),
        Style.BANNER: Paint(foreground=inks.banner[0], background=inks.banner[1], bold=True),
        Style.LOSS: Paint(foreground=inks.loss[0], background=inks.loss[1], bold=True),
        Style.CHANGED: ink(inks.key, bold=True),
        Style.AXIS: ink(inks.muted),
        Style.SPARK: ink(inks.accent),
        Style.BAR: ink(inks.accent),
        Style.PERCENTILE: ink(inks.key),
        Style.CHART_SELECTED: ink(bold=True),
    }
    bold = {Severity.ALARMING, Severity.WARNING}
    for severity, style in SEVERITY_STYLES.items():
        styles[style] = ink(inks.severity[severity], bold=severity in bold)
    if inks.background is None:  # nobody knows what the terminal's colours look like, or whether it has any
        styles[Style.SELECTED] = styles[Style.BANNER] = Paint(bold=True, reverse=True)
    styles |= {style: ink(colour) for style, colour in zip(HEAT, inks.heat, strict=True)}
    styles |= {style: ink(colour) for style, colour in zip(CHART, inks.chart, strict=True)}
    return Palette(name=name, inks=inks, styles=styles)


PALETTES: dict[str, Palette] = {name: _mix(name, inks) for name, inks in _INKS.items()}
"""By name; the first is the default."""

DEFAULT_PALETTE = next(iter(PALETTES))


def next_palette(name: str) -> Palette:
    """The palette after the one named, the first after the last; the first for a name there is none of."""
    names = [*PALETTES]
    return PALETTES[names[(names.index(name) + 1) % len(names)] if name in names else DEFAULT_PALETTE]
