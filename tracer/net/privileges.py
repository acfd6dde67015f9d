"""Giving up what the process was given, once the sockets that need it are open.

Linux only: prctl(2), capset(2), capabilities(7). Must run before any other thread is started, because the
kernel keeps capabilities per thread; threads started later inherit what is left.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import sys
from collections.abc import Mapping, Sequence
from struct import Struct
from typing import NamedTuple

from tracer.errors import NotPermittedError

_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_CAPABILITY_VERSION_3 = 0x20080522
_LAST_CAPABILITY = 63
"""Beyond the newest kernel's last one (40); what a kernel does not know it refuses."""
_HEADER = Struct("@Ii")
_SETS = Struct("@6I")
"""Effective, permitted and inheritable, twice: capabilities 0-31 and 32-63."""


PROGRAM = (os.__file__, __file__)
"""Files of Python and of ours that a user needs to read."""


class User(NamedTuple):
    """Whom a process belongs to."""

    uid: int
    gid: int


def behind(environment: Mapping[str, str]) -> User | None:
    """The user a process with root's rights acts for: who called sudo, or a set-uid program; None for nobody.

    sudo tells it in SUDO_UID and SUDO_GID. A user who may not read the program, such as one installed below
    /root, cannot be the one it is for; and modules that are loaded later could not be.
    """
    if os.getuid() != os.geteuid():
        return User(os.getuid(), os.getgid())
    uid, gid = environment.get("SUDO_UID", ""), environment.get("SUDO_GID", "")
    if os.geteuid() != 0 or not (uid.isdecimal() and gid.isdecimal() and int(uid) > 0):
        return None
    user = User(int(uid), int(gid))
    return user if _may_read(user, PROGRAM) else None


def keep_nothing(environment: Mapping[str, str] = os.environ) -> None:
    """Become the user behind root, if there is one, and give up every capability for good.

    Raises NotPermittedError where the kernel leaves the process anything: it must not go on then.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(_LAST_CAPABILITY + 1):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # needs CAP_SETPCAP: where it is possible
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    try:
        user = behind(environment)
        if user is not None:
            _become(user)
        _without_capabilities(libc)
    except OSError as error:
        raise NotPermittedError(
            f"The privileges of this process cannot be given up ({error.strerror}).",
            "Run it without root and give it CAP_NET_RAW alone, as docs/privileges.md shows.",
        ) from error


def _become(user: User) -> None:
    os.setgroups(_groups(user))
    os.setresgid(user.gid, user.gid, user.gid)
    os.setresuid(user.uid, user.uid, user.uid)


def _without_capabilities(libc: ctypes.CDLL) -> None:
    header = _HEADER.pack(_CAPABILITY_VERSION_3, 0)
    if libc.capset(header, _SETS.pack(*[0] * 6)) != 0 or libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _may_read(user: User, paths: Sequence[str]) -> bool:
    """Ask the kernel as that user, and be who we were again."""
    groups, gid = os.getgroups(), os.getegid()
    try:
        os.setgroups(_groups(user))
        os.setegid(user.gid)
        os.seteuid(user.uid)
        return all(os.access(path, os.R_OK, effective_ids=True) for path in paths)
    except OSError:  # a container without CAP_SETUID
        return False
    finally:
        os.seteuid(0)
        os.setegid(gid)
        with contextlib.suppress(OSError):
            os.setgroups(groups)


def _groups(user: User) -> list[int]:
    try:
        return os.getgrouplist(pwd.getpwuid(user.uid).pw_name, user.gid)
    except KeyError:  # an account that no database knows
        return [user.gid]
