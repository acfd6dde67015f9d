"""What the system's resolver asks inside a namespace, and a server there that answers it."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.labkit.nameserver import NameServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.labkit.nameserver import Zone
    from tests.lab.labkit.namespace import Namespace

SERVER, PORT = "127.0.0.1", 53


@contextlib.contextmanager
def resolv_conf(namespace: Namespace, text: str) -> Iterator[None]:
    """What /etc/resolv.conf says to programs started in the namespace (ip-netns(8))."""
    folder = Path("/etc/netns", namespace.name)
    folder.mkdir(parents=True)
    (folder / "resolv.conf").write_text(text)
    try:
        yield
    finally:
        shutil.rmtree(folder)
        with contextlib.suppress(OSError):
            folder.parent.rmdir()


@contextlib.contextmanager
def resolving(namespace: Namespace, zone: Zone) -> Iterator[NameServer]:
    """A server of this zone, which may change meanwhile, asked by whatever runs in the namespace."""
    with resolv_conf(namespace, f"nameserver {SERVER}\noptions timeout:1 attempts:1\n"):
        with namespace.entered():
            server = NameServer(zone, SERVER, PORT)
        server.start()
        try:
            yield server
        finally:
            with namespace.entered():
                server.close()
