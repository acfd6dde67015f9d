"""What ``--doctor`` says in three kinds of places: as root, as nobody, in a container that is kept short.

Every line is held against what the place was made to be, and what it says of channels against traces over
them in the same place. Not here: ``net.core.rmem_max`` and ``nf_conntrack_max`` belong to the whole machine,
and the machine's clock is left alone; what the doctor concludes from them is in tests/net/test_doctor.py.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.lab.labkit.namespace import NOBODY_ID, Namespace, User, namespaces
from tests.lab.labkit.product import ENVIRONMENT, ROOT, hopscope_command

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

SHORT = {
    "net.ipv4.ping_group_range": "1 0",
    "net.ipv4.ip_local_port_range": "40000 40019",
    "net.ipv4.ip_local_reserved_ports": "40005-40009",
    "net.ipv4.icmp_msgs_per_sec": "5",
    "net.ipv6.conf.all.disable_ipv6": "1",
}
PERMITTED, NOT_PERMITTED = 0, 3
"""Exit codes of a trace over the loopback."""
TCP_WINDOW = 48
"""Source ports the defaults may hold at once: 24 probes in flight, and as many lost ones."""


class Place(NamedTuple):
    """Where the command runs, and as whom."""

    namespace: Namespace
    prefix: tuple[str, ...]

    def run(self, arguments: list[str]) -> subprocess.CompletedProcess[str]:
        return self.namespace.run(
            [*self.prefix, *arguments], environment=ENVIRONMENT, directory=ROOT, seconds=30
        )

    def doctor(self, *options: str) -> dict[str, dict[str, Any]]:
        """The findings by their check, after seeing that both forms of output say the same."""
        told = self.run(hopscope_command("--doctor", "-m", "json", *options))
        findings: list[dict[str, Any]] = json.loads(told.stdout)["checks"]
        human = self.run(hopscope_command("--doctor", *options))
        troubled = any(finding["state"] == "trouble" for finding in findings)
        assert (told.returncode, human.returncode) == (int(troubled), int(troubled))
        for finding in findings:
            assert finding["check"] in human.stdout
            assert finding["found"] in human.stdout
            if finding["state"] != "ok":
                assert f"needed: {finding['needed']}" in human.stdout
                assert f"do:     {finding['remedy']}" in human.stdout
        return {finding["check"]: finding for finding in findings}

    def traces(self, *options: str) -> int:
        """The exit code of one round to the loopback."""
        return self.run(hopscope_command("-m", "json", "-C", "1", "127.0.0.1", *options)).returncode


def kept_short(namespace: Namespace, *preparations: str) -> Place:
    """As nobody without any way back, 32 descriptors, in mounts of its own."""
    steps = "; ".join(("set -e", *preparations, 'exec "$@"'))
    limits = ("prlimit", "--nofile=32", "setpriv", *User.NOBODY.value, "--no-new-privs", "--")
    return Place(namespace, ("unshare", "--mount", "sh", "-c", steps, "sh", *limits))


def as_user(namespace: Namespace, user: User) -> Place:
    return Place(namespace, ("setpriv", *user.value, "--") if user.value else ())


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    with namespaces("place") as [one]:
        one.ip("link set lo up")
        yield one


def state_of(findings: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {check: finding["state"] for check, finding in findings.items()}


def mended(namespace: Namespace, finding: dict[str, Any]) -> None:
    """Run the remedy, as root already."""
    command = finding["remedy"].removeprefix("sudo ")
    done = namespace.run(["sh", "-c", command])
    assert done.returncode == 0, (command, done.stderr)


@pytest.mark.parametrize("user", list(User), ids=lambda user: user.name.lower())
def test_a_channel_opens_exactly_where_the_doctor_says_so(namespace: Namespace, user: User) -> None:
    place = as_user(namespace, user)
    for groups in ("1 0", f"{NOBODY_ID} {NOBODY_ID}", "0 2147483647"):
        namespace.write_sysctls({"net.ipv4.ping_group_range": groups})
        found = place.doctor()
        raw, ping = found["raw sockets"], found["ping sockets"]
        assert (raw["state"] == "ok") is (user is not User.NOBODY)
        own = 0 if user is User.ROOT else NOBODY_ID
        low, high = map(int, groups.split())
        assert (ping["state"] == "ok") is (low <= own <= high)
        assert f"ping_group_range {groups}; your groups: " in ping["found"]
        by_state = {"ok": PERMITTED, "notice": NOT_PERMITTED}
        assert place.traces("--channel", "raw", "-p", "icmp") == by_state[raw["state"]]
        assert place.traces("--channel", "errqueue", "-p", "icmp") == by_state[ping["state"]]
        assert place.traces("--channel", "errqueue", "-p", "udp") == PERMITTED


def test_who_has_neither_is_told_that_icmp_is_trouble(namespace: Namespace) -> None:
    nobody = as_user(namespace, User.NOBODY)
    namespace.write_sysctls({"net.ipv4.ping_group_range": "1 0"})
    assert nobody.doctor("--icmp")["ping sockets"]["state"] == "trouble"
    assert as_user(namespace, User.ROOT).doctor("--icmp")["ping sockets"]["state"] == "notice"
    assert nobody.traces("-p", "icmp") == NOT_PERMITTED


def test_rules_that_drop_are_counted_for_root_and_unknown_to_others(namespace: Namespace) -> None:
    with namespace.firewall("udp dport 33434 drop", "tcp dport 7 reject", "udp dport 53 accept"):
        seen = as_user(namespace, User.ROOT).doctor()["local firewall"]
        assert (seen["state"], seen["found"]) == ("notice", "2 output rules or policies drop or reject")
        for place in (as_user(namespace, User.NOBODY), kept_short(namespace)):
            hidden = place.doctor()["local firewall"]
            assert (hidden["state"], "unknown" in hidden["found"]) == ("notice", True)
        powerless = Place(namespace, ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"))
        assert "unknown" in powerless.doctor()["local firewall"]["found"]
    assert as_user(namespace, User.ROOT).doctor()["local firewall"]["state"] == "ok"


CALLED = """
table inet lab {
    chain deepest { udp dport 33434 drop; }
    map verdicts { type inet_service : verdict; elements = { 7 : goto deepest, 9 : accept } }
    chain third { udp dport vmap @verdicts; }
    chain deeper { tcp dport vmap { 80 : drop, 81 : accept }; jump third; }
    chain uncalled { drop; }
    chain begin { type filter hook output priority 0; jump deeper; }
    chain late { type filter hook postrouting priority 0; udp dport 7 drop; }
}
"""
"""As ufw and firewalld write them: three rules on the way out that drop, none in the chain of output."""
HIDE_NFT = 'mount --bind /dev/null "$(command -v nft)" && exec "$@"'


def test_rules_in_chains_that_output_calls_are_counted(namespace: Namespace) -> None:
    loaded = namespace.run(["nft", "-f", "-"], given=CALLED)
    assert loaded.returncode == 0, loaded.stderr
    seen = as_user(namespace, User.ROOT).doctor()["local firewall"]
    assert (seen["state"], seen["found"]) == ("notice", "3 output rules or policies drop or reject")


def test_without_nft_nobody_knows_the_rules(namespace: Namespace) -> None:
    place = Place(namespace, ("unshare", "--mount", "sh", "-c", HIDE_NFT, "sh"))
    seen = place.doctor()["local firewall"]
    assert (seen["state"], seen["found"]) == (
        "notice",
        "unknown: nft, which lists the rules, is not installed",
    )


def test_a_place_that_is_kept_short_is_told_line_by_line(namespace: Namespace) -> None:
    namespace.write_sysctls(SHORT)
    found = kept_short(namespace).doctor("--tcp")
    assert state_of(found) == {
        "raw sockets": "notice",
        "ping sockets": "notice",
        "address families": "notice",
        "source ports": "trouble",
        "open files": "trouble",
        "receive buffer": found["receive buffer"]["state"],  # the machine's
        "kernel stamps": found["kernel stamps"]["state"],  # the machine's
        "ICMP rate limit": "notice",
        "connection tracking": "ok",
        "wall clock": found["wall clock"]["state"],  # the machine's
        "local firewall": "notice",
    }
    assert found["address families"]["found"] == "ipv4"
    ports = found["source ports"]
    assert ports["found"] == "ip_local_port_range 40000-40019, 5 reserved, 0 held: 15 free"
    assert ports["needed"] == f"{TCP_WINDOW} at once"
    assert found["open files"]["found"] == "limit 32, can be raised to 32"
    assert found["ICMP rate limit"]["found"] == "net.ipv4.icmp_msgs_per_sec 5"
    assert found["receive buffer"]["found"].split()[-1] == namespace.read_sysctl("net.core.rmem_max")


def test_what_a_container_hides_is_unknown_and_never_fine(namespace: Namespace) -> None:
    namespace.write_sysctls({"net.ipv4.ping_group_range": "0 2147483647"})
    place = kept_short(namespace, "mount -t tmpfs none /proc/sys")
    found = place.doctor("--tcp")
    hidden = ("source ports", "receive buffer", "kernel stamps", "ICMP rate limit", "connection tracking")
    for check in hidden:
        assert (found[check]["state"], found[check]["found"].split(":")[0]) == ("notice", "unknown"), check
    assert found["address families"]["found"] == "ipv4 and ipv6"  # sockets tell
    assert found["ping sockets"]["state"] == "ok"
    assert place.traces("--channel", "errqueue", "-p", "icmp") == PERMITTED


def test_root_of_a_user_namespace_has_the_channels_of_its_own_network() -> None:
    with namespaces("user") as [outside]:
        enter = (
            "unshare",
            "--user",
            "--map-root-user",
            "--net",
            "sh",
            "-c",
            'ip link set lo up && exec "$@"',
            "sh",
        )
        place = Place(outside, enter)
        found = place.doctor()
        assert found["raw sockets"]["state"] == "ok"
        assert place.traces("--channel", "raw", "-p", "icmp") == PERMITTED
        assert found["local firewall"]["state"] == "ok"


@pytest.mark.parametrize("check", ["ping sockets", "address families", "source ports", "ICMP rate limit"])
def test_a_remedy_turns_its_line_good(namespace: Namespace, check: str) -> None:
    namespace.write_sysctls(SHORT)
    nobody = as_user(namespace, User.NOBODY)
    before = nobody.doctor("--tcp")[check]
    assert before["state"] != "ok"
    mended(namespace, before)
    assert nobody.doctor("--tcp")[check]["state"] == "ok"


def test_the_remedy_for_descriptors_gives_as_many_as_are_needed(namespace: Namespace) -> None:
    remedy = Place(namespace, ("prlimit", "--nofile=32")).doctor("--tcp")["open files"]["remedy"]
    # Where the laboratory itself may not raise a hard limit, the command can still be proved from above.
    shell = ("prlimit", "--nofile=32:1024", "sh", "-c", f'{remedy.removeprefix("sudo ")} && exec "$@"', "sh")
    after = Place(namespace, shell).doctor("--tcp")["open files"]
    needed = after["needed"]
    assert (after["state"], after["found"]) == ("ok", f"limit {needed}, can be raised to {needed}")


def test_the_remedy_for_raw_sockets_traces_over_them(namespace: Namespace) -> None:
    remedy = as_user(namespace, User.NOBODY).doctor()["raw sockets"]["remedy"].removeprefix("sudo ")
    traced = shlex.join(hopscope_command("-m", "json", "-C", "1", "--channel", "raw", "127.0.0.1"))
    command = remedy.replace("$(id -u)", str(NOBODY_ID)).replace("$(id -g)", str(NOBODY_ID))
    done = Place(namespace, ()).run(["sh", "-c", command.replace("hopscope TARGET", traced)])
    assert (done.returncode, done.stderr) == (PERMITTED, "")
    assert json.loads(done.stdout)["channel"]["name"] == "raw"
