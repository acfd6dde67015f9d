"""The flags of the screen's settings: all that a command line needs to know of them before it is read.

What the settings are and which values they take stands in ``tui.settable``, loaded when one is given.
"""

from __future__ import annotations

BINDINGS = "bindings"
"""Not one setting, but a table of them: keys by command."""

SCREEN_FLAGS: dict[str, tuple[str, ...]] = {
    "theme": ("--tui-theme",),
    "columns": ("--tui-custom-columns",),
    "address-mode": ("-a", "--tui-address-mode"),
    "glyphs": ("--tui-glyphs",),
    "privacy": ("--tui-privacy-max-ttl",),
    "hosts": ("-M", "--tui-max-addrs"),
    "refresh": ("--tui-refresh-rate",),
    BINDINGS: ("--tui-key-bindings",),
}
"""By their names in the configuration file. Trippy's where it has the option."""


def parameter(key: str) -> str:
    """The name of the parameter of a setting."""
    return f"screen_{key.replace('-', '_')}"
