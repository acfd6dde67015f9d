"""A namespace whose only way out is a TUN device answered by the simulated internet."""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.lab.labkit.namespace import Namespace, namespaces
from tests.lab.labkit.product import ENVIRONMENT, ROOT
from tracer.model import Family as ModelFamily
from tracer.sim.load import load
from tracer.sim.tun import setup_commands

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.lab.labkit.families import Family
    from tracer.sim.scenario import Scenario

DEVICE = "tun0"


@dataclass(frozen=True)
class TunLab:
    """A scenario that answers."""

    namespace: Namespace
    scenario: Scenario

    def target_address(self, family: Family) -> str:
        """Where the scenario's path ends."""
        return str(self.scenario.target.addresses_of(ModelFamily(family.value))[0])

    def responders(self, family: Family) -> list[set[str]]:
        """Who may answer at TTL 1, 2, ... up to the target; nobody where a router is silent."""
        nodes = [*self.scenario.hops, self.scenario.target]
        silent = [*(hop.silent for hop in self.scenario.hops), False]
        known = [set(map(str, node.addresses_of(ModelFamily(family.value)))) for node in nodes]
        return [set() if mute else addresses for addresses, mute in zip(known, silent, strict=True)]


@contextlib.contextmanager
def tun_lab(scenario: str, sysctls: Mapping[str, str] | None = None) -> Iterator[TunLab]:
    """Attach a scenario, by name or file, for as long as the block lasts."""
    loaded = load(scenario)
    with namespaces("tun") as [namespace], contextlib.ExitStack() as running:
        namespace.write_sysctls({"net.ipv4.ping_group_range": "0 65534", **(sysctls or {})})
        for setup in setup_commands(loaded, DEVICE):
            done = namespace.run(setup)
            if done.returncode != 0:
                raise RuntimeError(f"{shlex.join(setup)}: {done.stderr.strip()}")
        reading, writing = os.pipe()
        running.callback(os.close, reading)
        arguments = ["--scenario", scenario, "--device", DEVICE, "--ready-fd", str(writing)]
        command = [sys.executable, "-m", "tracer.sim.tun", *arguments]
        process = running.enter_context(
            namespace.start(command, pass_fds=(writing,), environment=ENVIRONMENT, directory=ROOT)
        )
        os.close(writing)
        if not (select.select([reading], [], [], 10)[0] and os.read(reading, 16)):
            process.kill()
            raise RuntimeError(f"the simulated internet does not start: {process.communicate(timeout=5)[1]}")
        yield TunLab(namespace, loaded)
