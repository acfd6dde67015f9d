"""Small files that are read at once, never more of them than such a file ever holds."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import BinaryIO

LARGEST = 4 << 20
"""Bytes. A scenario of 255 hops has some 100 000, a list of 100 000 targets two million."""


def read_whole(path: Path) -> bytes:
    """All that stands in a file. Raises OSError: EFBIG beyond ``LARGEST``, as of a device that never ends."""
    with path.open("rb") as file:
        return read_rest(file)


def read_rest(file: BinaryIO) -> bytes:
    """All that is still to be read. Raises OSError as ``read_whole`` does."""
    content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    return content
