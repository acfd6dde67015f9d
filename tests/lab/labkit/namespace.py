"""Network namespaces: make them, run things inside as root or as nobody, and leave nothing behind.

Three ways in, from the cheapest: ``entered()`` moves the calling thread (sockets made there stay there),
``call()`` runs a Python function in a forked child, ``run()`` and ``start()`` run a program.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import pickle
import select
import signal
import subprocess
import time
import traceback
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

PREFIX = "hopscope-lab"
MOUNTS = Path("/run/netns")
NOBODY_ID = 65534
CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count()
_Result = TypeVar("_Result")


class User(Enum):
    """Who a program runs as; the value is what setpriv is told."""

    ROOT = ()
    NOBODY = (
        f"--reuid={NOBODY_ID}",
        f"--regid={NOBODY_ID}",
        "--clear-groups",
        "--inh-caps=-all",
        "--ambient-caps=-all",
        "--bounding-set=-all",
    )
    NET_RAW = (
        f"--reuid={NOBODY_ID}",
        f"--regid={NOBODY_ID}",
        "--clear-groups",
        "--inh-caps=-all,+net_raw",
        "--ambient-caps=-all,+net_raw",
        "--bounding-set=-all,+net_raw",
    )
    """Nobody, with the one capability that raw sockets need."""


class CallError(Exception):
    """A function run by ``Namespace.call`` raised, died or took too long; the text is its traceback."""


class Namespace:
    """One network namespace, by the name ``ip netns`` knows it under."""

    def __init__(self, name: str) -> None:
        self.name = name

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Move the calling thread inside; what it opens there stays there."""
        with Path("/proc/thread-self/ns/net").open() as home, (MOUNTS / self.name).open() as inside:
            _set_namespace(inside.fileno())
            try:
                yield
            finally:
                _set_namespace(home.fileno())

    def call(self, function: Callable[[], _Result], user: User = User.NOBODY, seconds: float = 10) -> _Result:
        """What the function returns when a forked child runs it inside, as that user.

        The function may be a closure; its result must be picklable. Raises CallError.
        """
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            self._child(function, user, writing)
        os.close(writing)
        try:
            answer = _read_all(reading, time.monotonic() + seconds)
        finally:
            os.close(reading)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        if not answer:
            raise CallError(f"no answer within {seconds} s")
        returned, value = pickle.loads(answer)  # noqa: S301 -- written by our own child
        if not returned:
            raise CallError(value)
        result: _Result = value
        return result

    def _child(self, function: Callable[[], Any], user: User, writing: int) -> None:
        try:
            with (MOUNTS / self.name).open() as inside:
                _set_namespace(inside.fileno())
            if user is User.NOBODY:
                os.setgroups([])
                os.setresgid(NOBODY_ID, NOBODY_ID, NOBODY_ID)
                os.setresuid(NOBODY_ID, NOBODY_ID, NOBODY_ID)
            answer = pickle.dumps((True, function()))
        except BaseException:  # noqa: BLE001 -- whatever it is, the parent raises it
            answer = pickle.dumps((False, traceback.format_exc()))
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(answer)
        os._exit(0)

    def command(self, arguments: Sequence[str], user: User = User.ROOT) -> list[str]:
        """The command line that runs ``arguments`` inside, killed when this thread dies."""
        return [
            "ip",
            "netns",
            "exec",
            self.name,
            "setpriv",
            "--pdeathsig=KILL",
            *user.value,
            "--",
            *arguments,
        ]

    def run(
        self,
        arguments: Sequence[str],
        user: User = User.ROOT,
        seconds: float = 20,
        given: str = "",
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program inside to its end; its exit code is the caller's to judge."""
        return subprocess.run(
            self.command(arguments, user),
            input=given,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env=environment,
            cwd=directory,
        )

    @contextlib.contextmanager
    def start(
        self,
        arguments: Sequence[str],
        user: User = User.ROOT,
        pass_fds: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> Iterator[subprocess.Popen[str]]:
        """Run a program inside for as long as the block lasts."""
        process = subprocess.Popen(
            self.command(arguments, user),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=pass_fds,
            env=environment,
            cwd=directory,
        )
        with process:
            try:
                yield process
            finally:
                _stop(process)

    def ip(self, *lines: str) -> None:
        """Give ``ip`` these lines inside, all in one process."""
        _batch(lines, ["-n", self.name])

    def read_sysctl(self, key: str) -> str:
        """The value of a sysctl under ``net.``, as text."""
        with self.entered():
            return _sysctl_path(key).read_text().strip()

    def write_sysctls(self, values: Mapping[str, str]) -> None:
        """Set sysctls under ``net.``; one this kernel does not have raises FileNotFoundError."""
        with self.entered():
            for key, value in values.items():
                _sysctl_path(key).write_text(f"{value}\n")

    @contextlib.contextmanager
    def sysctls(self, values: Mapping[str, str]) -> Iterator[None]:
        """Set sysctls for as long as the block lasts."""
        before = {key: self.read_sysctl(key) for key in values}
        self.write_sysctls(values)
        try:
            yield
        finally:
            self.write_sysctls(before)

    @contextlib.contextmanager
    def firewall(self, *rules: str, hook: str = "output") -> Iterator[None]:
        """Filter what leaves this namespace (or another hook) by nft rules, such as ``udp dport 7 drop``."""
        lines = "\n".join([f"type filter hook {hook} priority 0", *rules])
        self._nft(f"table inet lab {{\nchain {hook} {{\n{lines}\n}}\n}}\n")
        try:
            yield
        finally:
            self._nft("delete table inet lab")

    @contextlib.contextmanager
    def rewriting(self, chains: Mapping[str, Sequence[str]], kind: str = "filter") -> Iterator[None]:
        """Rewrite packets by nft rules, listed by hook; ``kind`` nat follows connections, filter does not."""
        priorities = {"prerouting": -100, "postrouting": 100}
        written = "\n".join(
            f"chain {hook} {{\ntype {kind} hook {hook} priority {priorities[hook]}\n"
            + "\n".join(rules)
            + "\n}"
            for hook, rules in chains.items()
        )
        self._nft(f"table inet labrewriting {{\n{written}\n}}\n")
        try:
            yield
        finally:
            self._nft("delete table inet labrewriting")

    def _nft(self, script: str) -> None:
        done = self.run(["nft", "-f", "-"], given=script)
        if done.returncode != 0:
            raise RuntimeError(f"nft: {done.stderr.strip()}")

    @contextlib.contextmanager
    def routes(self, *routes: str) -> Iterator[None]:
        """Add routes for as long as the block lasts, such as ``prohibit 2001:db8:9::/64``."""
        self.ip(*(f"route add {route}" for route in routes))
        try:
            yield
        finally:
            self.ip(*(f"route delete {route}" for route in routes))


@contextlib.contextmanager
def namespaces(*roles: str) -> Iterator[list[Namespace]]:
    """Empty namespaces, one per role, deleted at the end of the block."""
    made = [Namespace(f"{PREFIX}-{os.getpid()}-{next(_numbers)}-{role}") for role in roles]
    _batch([f"netns add {one.name}" for one in made])
    try:
        yield made
    finally:
        _batch([f"netns delete {one.name}" for one in made])


def link(pairs: Iterable[tuple[Namespace, str, Namespace, str]]) -> None:
    """Join namespaces by veth pairs: (one end's namespace, its device, the other's namespace, its device)."""
    _batch(
        [
            f"link add {device} netns {one.name} type veth peer name {other_device} netns {other.name}"
            for one, device, other, other_device in pairs
        ]
    )


def remove_leftovers() -> list[str]:
    """Delete the namespaces of earlier runs whose process is gone; return their names."""
    names = [path.name for path in MOUNTS.glob(f"{PREFIX}-*")] if MOUNTS.is_dir() else []
    dead = [name for name in names if not _alive(name)]
    _batch([f"netns delete {name}" for name in dead])
    return dead


def _alive(name: str) -> bool:
    owner = name.removeprefix(f"{PREFIX}-").split("-")[0]
    return Path("/proc", owner).exists()


def _batch(lines: Iterable[str], options: Sequence[str] = ()) -> None:
    text = "".join(f"{line}\n" for line in lines)
    done = subprocess.run(
        ["ip", *options, "-batch", "-"], input=text, capture_output=True, text=True, timeout=20, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"ip: {done.stderr.strip()}\n{text}")


def _set_namespace(fd: int) -> None:
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _sysctl_path(key: str) -> Path:
    return Path("/proc/sys", *key.split("."))


def _read_all(fd: int, deadline: float) -> bytes:
    """Everything until the writer closes; nothing if it has not by the deadline."""
    chunks: list[bytes] = []
    while select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
        chunk = os.read(fd, 65536)
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
    return b""


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.communicate(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
