"""The check-up: what this host lets hopscope do, what the options need, and the command that mends the rest.

Every check is a pure function of the facts and the needs; ``CHECKS`` is their registry.
"""

from __future__ import annotations

from collections.abc import Callable

from tracer.config import ProtocolChoice, TraceConfig
from tracer.model import CheckResult, CheckState, Family, Protocol
from tracer.net.binding import RECEIVE_BUFFER
from tracer.net.facts import Facts, read
from tracer.net.needs import Needs, needs_of

NEARLY_FULL = 0.9
"""Share of the connection table beyond which new flows are about to be dropped."""


def examine(config: TraceConfig, targets: int) -> list[CheckResult]:
    """Look at this host with these options in mind. Sends nothing, changes nothing."""
    facts = read(Protocol.TCP if config.protocol is ProtocolChoice.TCP else Protocol.UDP)
    needs = needs_of(config, targets)
    return [check(facts, needs) for check in CHECKS]


def _ok(check: str, found: str, needed: str) -> CheckResult:
    return CheckResult(check=check, state=CheckState.OK, found=found, needed=needed)


def _notice(check: str, found: str, needed: str, remedy: str) -> CheckResult:
    return CheckResult(check=check, state=CheckState.NOTICE, found=found, needed=needed, remedy=remedy)


def _trouble(check: str, found: str, needed: str, remedy: str) -> CheckResult:
    return CheckResult(check=check, state=CheckState.TROUBLE, found=found, needed=needed, remedy=remedy)


def _unknown(check: str, key: str, needed: str) -> CheckResult:
    """What cannot be read is not fine; the command shows it where it can."""
    return _notice(check, f"unknown: {key} cannot be read here", needed, f"sysctl {key}")


def raw_sockets(facts: Facts, _: Needs) -> CheckResult:
    """The raw channel: the whole quoted packet."""
    check, needed = "raw sockets", "CAP_NET_RAW for --channel raw; nothing for --channel errqueue"
    if facts.raw_sockets:
        return _ok(check, "permitted: --channel raw and errqueue", needed)
    return _notice(
        check,
        "not permitted: --channel errqueue only",
        needed,
        "sudo setpriv --reuid=$(id -u) --regid=$(id -g) --init-groups --inh-caps=+net_raw "
        "--ambient-caps=+net_raw hopscope TARGET",
    )


def ping_sockets(facts: Facts, needs: Needs) -> CheckResult:
    """ICMP without privileges."""
    check, needed = "ping sockets", "ICMP without privileges needs one of your groups in ping_group_range"
    groups = ", ".join(str(group) for group in sorted(facts.groups)[:4])
    told = "cannot be read here" if facts.ping_groups is None else "{} {}".format(*facts.ping_groups)
    found = f"ping_group_range {told}; your groups: {groups}"
    if all(facts.ping_sockets[family] for family in facts.families):
        return _ok(check, f"permitted ({found})", needed)
    remedy = 'sudo sysctl -w net.ipv4.ping_group_range="0 2147483647"'
    blocked = needs.protocol is ProtocolChoice.ICMP and not facts.raw_sockets
    return (_trouble if blocked else _notice)(check, f"not permitted ({found})", needed, remedy)


def families(facts: Facts, _: Needs) -> CheckResult:
    """IPv6 may be switched off."""
    check, needed = "address families", "the family of the target"
    found = " and ".join(sorted(family.value for family in facts.families))
    if Family.IPV6 in facts.families:
        return _ok(check, found, needed)
    return _notice(check, found, needed, "sudo sysctl -w net.ipv6.conf.all.disable_ipv6=0")


def source_ports(facts: Facts, needs: Needs) -> CheckResult:
    """The range the kernel hands ports out of, against what the options hold at once."""
    check, needed = "source ports", f"{needs.ports} at once"
    if facts.port_range is None:
        return _unknown(check, "net.ipv4.ip_local_port_range", needed)
    low, high = facts.port_range
    size = high - low + 1 - facts.reserved_ports
    if facts.ports_held is None and size >= needs.ports:
        found = (
            f"ip_local_port_range {low}-{high}, {facts.reserved_ports} reserved; unknown how many are held"
        )
        return _notice(check, found, needed, "ss --all --numeric --udp --tcp")
    held = facts.ports_held or 0
    free = max(size - held, 0)
    found = f"ip_local_port_range {low}-{high}, {facts.reserved_ports} reserved, {held} held: {free} free"
    if free >= needs.ports:
        return _ok(check, found, needed)
    return _trouble(check, found, needed, 'sudo sysctl -w net.ipv4.ip_local_port_range="32768 60999"')


def open_files(facts: Facts, needs: Needs) -> CheckResult:
    """Descriptors; the soft limit is raised to the hard one at the start."""
    check, needed = "open files", f"{needs.open_files}"
    found = f"limit {facts.open_files_soft}, can be raised to {facts.open_files_hard}"
    if facts.open_files_hard >= needs.open_files:
        return _ok(check, found, needed)
    return _trouble(check, found, needed, f"sudo prlimit --pid $$ --nofile={needs.open_files}")


def receive_buffer(facts: Facts, _: Needs) -> CheckResult:
    """Answers wait in it while this process is busy; it bounds the error queue too."""
    check, needed = "receive buffer", f"{RECEIVE_BUFFER} bytes"
    if facts.receive_buffer_max is None:
        return _unknown(check, "net.core.rmem_max", needed)
    found = f"net.core.rmem_max {facts.receive_buffer_max}"
    if facts.receive_buffer_max >= RECEIVE_BUFFER:
        return _ok(check, found, needed)
    return _notice(check, found, needed, f"sudo sysctl -w net.core.rmem_max={RECEIVE_BUFFER}")


def kernel_stamps(facts: Facts, _: Needs) -> CheckResult:
    """Send stamps that carry the packet are matched by it; others are counted."""
    check, needed = "kernel stamps", "net.core.tstamp_allow_data 1, to match send stamps by their packet"
    if facts.stamps_show_packets is None:
        return _unknown(check, "net.core.tstamp_allow_data", needed)
    if facts.stamps_show_packets:
        return _ok(check, "with the packet", needed)
    return _notice(check, "by number only", needed, "sudo sysctl -w net.core.tstamp_allow_data=1")


def icmp_limit(facts: Facts, needs: Needs) -> CheckResult:
    """This host's own limit: it matters to who traces it, and to a trace of this host."""
    check = "ICMP rate limit"
    needed = f"matters only to traces of this host; a window is {needs.probes_in_flight} probes"
    limit = facts.icmp_per_second
    if limit is None:
        return _unknown(check, "net.ipv4.icmp_msgs_per_sec", needed)
    if limit == 0 or limit >= needs.probes_in_flight:
        return _ok(check, f"net.ipv4.icmp_msgs_per_sec {limit}", needed)
    return _notice(
        check,
        f"net.ipv4.icmp_msgs_per_sec {limit}",
        needed,
        f"sudo sysctl -w net.ipv4.icmp_msgs_per_sec={needs.probes_in_flight}",
    )


def connection_table(facts: Facts, _: Needs) -> CheckResult:
    """A full table drops new flows, and every probe may be one."""
    check, needed = "connection tracking", "room for new flows"
    if facts.conntrack is None and not facts.settings_shown:
        return _unknown(check, "net.netfilter.nf_conntrack_count", needed)
    if facts.conntrack is None:
        return _ok(check, "not loaded", needed)
    used, room = facts.conntrack
    found = f"{used} of {room} entries"
    if used < room * NEARLY_FULL:
        return _ok(check, found, needed)
    return _trouble(check, found, needed, f"sudo sysctl -w net.netfilter.nf_conntrack_max={2 * room}")


def wall_clock(facts: Facts, _: Needs) -> CheckResult:
    """Round-trip times do not depend on it, the times in reports do."""
    check, needed = "wall clock", "synchronised, for the times in reports; round-trip times do not need it"
    if facts.clock_synchronised is None:
        return _notice(check, "unknown: the kernel does not tell", needed, "timedatectl status")
    if facts.clock_synchronised:
        return _ok(check, "synchronised", needed)
    return _notice(check, "not synchronised", needed, "sudo timedatectl set-ntp true")


def firewall(facts: Facts, _: Needs) -> CheckResult:
    """Rules on output that drop or reject."""
    check, needed = "local firewall", "no output rule that drops probes"
    if facts.firewall_drops is None:
        return _notice(check, "unknown: this process may not list the rules", needed, "sudo nft list ruleset")
    if facts.firewall_drops == 0:
        return _ok(check, "no output rule drops or rejects", needed)
    found = f"{facts.firewall_drops} output rules or policies drop or reject"
    return _notice(check, found, needed, "sudo nft list ruleset")


CHECKS: tuple[Callable[[Facts, Needs], CheckResult], ...] = (
    raw_sockets, ping_sockets, families, source_ports, open_files, receive_buffer, kernel_stamps, icmp_limit,
    connection_table, wall_clock, firewall,
)  # fmt: skip
"""In the order they are shown."""
