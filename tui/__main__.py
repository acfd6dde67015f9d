"""The way in: the console script ``hopscope``, and ``python -m tui``."""

from __future__ import annotations

import gc
import signal


def main() -> None:
    """Run the command. Nothing that is imported is garbage, so the collector rests until all is loaded.

    Nor is there anything to tell of when it is interrupted meanwhile: it just dies.
    """
    gc.disable()
    interrupted = signal.getsignal(signal.SIGINT)
    if interrupted is signal.default_int_handler:  # a shell may have it ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from tui.cli import main as run  # noqa: PLC0415 - now

    signal.signal(signal.SIGINT, interrupted)
    run()


if __name__ == "__main__":
    main()
