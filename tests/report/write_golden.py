"""Writes the golden files anew, to be looked at before they are committed.

python -m tests.report.write_golden
"""

from __future__ import annotations

from pathlib import Path

from tests.report import samples, stories
from tracer.report.modes import FILES, Material

GOLDEN = Path(__file__).parent / "golden"


_MODES = [mode for mode in FILES if mode.name not in ("pretty", "json")]
"""Those two have tests of their own, line for line and field for field."""


def content() -> dict[str, bytes]:
    """What every file has to hold, by its name."""
    eventful, branching = stories.events(samples.eventful()), stories.branching()
    known = stories.named(samples.report(samples.eventful()))
    drawn = (mode for mode in FILES if mode.material is Material.PATHS)
    return {
        **{f"eventful{mode.ending}": stories.render(mode.name, eventful) for mode in _MODES},
        **{f"named{mode.ending}": stories.told(mode.name, [known], eventful) for mode in _MODES},
        **{f"branching{mode.ending}": stories.render(mode.name, branching) for mode in drawn},
    }


if __name__ == "__main__":
    for name, written in content().items():
        (GOLDEN / name).write_bytes(written)
