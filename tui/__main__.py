"""The way in: the console script ``hopscope``, and ``python -m tui``."""

from __future__ import annotations

import gc


def main() -> None:
    """Run the command. Nothing that is imported is garbage, so the collector rests until all is loaded."""
    gc.disable()
    from tui.cli import main as run  # noqa: PLC0415 - now

    run()


if __name__ == "__main__":
    main()
