"""Files for the user: whole or not at all, and for nobody else to read."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from tracer.errors import HopscopeError
from tracer.text import named
from tui.view.strings import say


class FileError(HopscopeError):
    """A file cannot be written; says so in a sentence."""


def write_new(path: Path, content: bytes) -> None:
    """Write a file that is not there yet. Raises FileError."""
    if os.path.lexists(path):
        raise FileError(say("ask.exists", path=named(str(path))))
    rewrite(path, content)


def rewrite(path: Path, content: bytes) -> None:
    """Write a file, or put another in its place in one step. Raises FileError."""
    try:
        target = path.resolve()  # a link stays, what it points to is replaced
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error


def make_folder(path: Path) -> None:
    """Make a folder and those above it, where they are not there. Raises FileError."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error


def reserve(path: Path) -> None:
    """Make a new, empty file that is written bit by bit later. Raises FileError."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise FileError(say("ask.exists", path=named(str(path)))) from None
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError | ValueError) -> FileError:
    """A ValueError is about a path that cannot be one."""
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return FileError(say("ask.unwritable", path=named(str(path)), reason=reason))
