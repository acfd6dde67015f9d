"""Give every reader inputs that are almost right, and count.

    python -m tests.fuzz.run [--count N] [--seed S]

Stops at the first that raises what it does not document, with all that is needed to see it again.
"""

from __future__ import annotations

import argparse
import faulthandler
import itertools
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.fuzz.mutation import inputs
from tests.fuzz.readers import Reader, readers

STUCK_S = 60
"""A reader that takes so long over a hundred inputs hangs."""
_AT_ONCE = 100


class UndocumentedError(Exception):
    """A reader raised what it does not document."""

    def __init__(self, reader: str, data: bytes) -> None:
        super().__init__(f"{reader}: {data.hex()}")
        self.data = data


class Tally(msgspec.Struct, frozen=True):
    """What one reader did with its inputs."""

    inputs: int
    refused: int
    """Those it answered with a documented error."""
    took_s: float


def fuzz(reader: Reader, count: int, seed: int) -> Tally:
    """Give it ``count`` inputs. Raises UndocumentedError."""
    refused, began = 0, time.perf_counter()
    for number, data in enumerate(
        itertools.islice(inputs(reader.corpus, f"{seed} {reader.name}", reader.mend, reader.words), count)
    ):
        if number % _AT_ONCE == 0:
            faulthandler.dump_traceback_later(STUCK_S, exit=True)
        try:
            reader.read(data)
        except reader.errors:
            refused += 1
        except Exception as error:
            raise UndocumentedError(reader.name, data) from error
    faulthandler.cancel_dump_traceback_later()
    return Tally(count, refused, time.perf_counter() - began)


def counts(found: Sequence[Reader], total: int) -> list[int]:
    """How many inputs each gets, together at least ``total``."""
    shares = sum(reader.share for reader in found)
    return [-(-total * reader.share // shares) for reader in found]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000_000, help="inputs, over all readers")
    parser.add_argument("--seed", type=int, default=0, help="decides every input")
    asked = parser.parse_args(arguments)
    faulthandler.enable()
    with tempfile.TemporaryDirectory() as folder:
        found = readers(Path(folder) / "input")
        tallies = []
        for reader, count in zip(found, counts(found, asked.count), strict=True):
            tally = fuzz(reader, count, asked.seed)
            tallies.append(tally)
            print(
                f"{reader.name:28}{count:>11,} inputs {tally.refused / count:>6.1%} refused "
                f"{count / tally.took_s:>9,.0f}/s",
                flush=True,
            )
    total, took_s = sum(tally.inputs for tally in tallies), sum(tally.took_s for tally in tallies)
    print(f"{'together':28}{total:>11,} inputs, {total / took_s:,.0f}/s, nothing undocumented")
    return 0


if __name__ == "__main__":
    sys.exit(main())
