"""Every option of a trace, declared once: type, range, default, help, flag.

The command line and the report's ``config`` object are derived from the fields of TraceConfig; whatever else
lists options has to be derived from ``declared()`` as well. Names and meanings are Trippy's wherever Trippy
has the option. Durations are written by people as ``250ms`` or ``1s`` and kept as integer nanoseconds.
"""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from typing import Annotated, Any, get_args

import msgspec

from tracer.config_rules import flow_rules, name_rules
from tracer.errors import ConfigError
from tracer.model import Family, Strategy
from tracer.names import DnsMethod
from tracer.option import MS, SECOND, Declared, Option, flag, format_duration, parse_duration, parse_number

__all__ = [
    "TraceConfig", "ProtocolChoice", "AddressFamily", "ChannelChoice", "DEFAULT_PACKET_SIZE",
    "Option", "Declared", "declarations", "flag", "parse_duration", "parse_number",
    "format_duration", "MS", "SECOND",
]  # fmt: skip

DEFAULT_PACKET_SIZE = 84
"""Trippy's: room for the headers of every probe of either family."""


class ProtocolChoice(StrEnum):
    """The probe protocol, or ``auto``: ICMP where it is permitted, else UDP."""

    AUTO = "auto"
    ICMP = "icmp"
    UDP = "udp"
    TCP = "tcp"


class AddressFamily(StrEnum):
    """Which of a name's addresses to trace."""

    SYSTEM = "system"
    IPV4 = "ipv4"
    IPV6 = "ipv6"
    IPV6_THEN_IPV4 = "ipv6-then-ipv4"
    IPV4_THEN_IPV6 = "ipv4-then-ipv6"


class ChannelChoice(StrEnum):
    """How packets travel: ``auto`` takes the best this host allows."""

    AUTO = "auto"
    ERRQUEUE = "errqueue"
    RAW = "raw"
    SCAPY = "scapy"


class TraceConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to trace with, and how. Raises ConfigError for values that cannot work, alone or together."""

    protocol: Annotated[
        ProtocolChoice,
        Option(
            help="Probe protocol; auto takes ICMP where it is permitted, else UDP.",
            short="-p",
            switches={"--icmp": "icmp", "--udp": "udp", "--tcp": "tcp"},
        ),
    ] = ProtocolChoice.AUTO
    channel: Annotated[
        ChannelChoice,
        Option(
            help="How packets travel; auto takes raw sockets where CAP_NET_RAW is there, else errqueue.",
            switches={"-u/--unprivileged": "errqueue"},
        ),
    ] = ChannelChoice.AUTO
    multipath_strategy: Annotated[
        Strategy,
        Option(
            help="What moves from probe to probe: classic moves a port or the echo sequence; paris and "
            "dublin keep each flow on one path. Dublin is for UDP.",
            short="-R",
        ),
    ] = Strategy.CLASSIC
    flows: Annotated[
        int,
        Option(help="How many flows are probed side by side, each with its own ports.", low=1, high=1024),
    ] = 1
    max_flows: Annotated[
        int, Option(help="How many flows the statistics tell apart at the most.", low=1, high=1024)
    ] = 64
    addr_family: Annotated[
        AddressFamily,
        Option(
            help="Which of a name's addresses to trace; system takes the resolver's first.",
            short="-F",
            switches={"-4/--ipv4": "ipv4", "-6/--ipv6": "ipv6"},
        ),
    ] = AddressFamily.SYSTEM
    target_port: Annotated[
        int | None,
        Option(
            help="Fixed target port; TCP takes 80, paris and dublin 33434. Classic UDP moves it from probe "
            "to probe unless it is given.",
            short="-P",
            low=1,
            high=65535,
        ),
    ] = None
    source_port: Annotated[
        int | None,
        Option(
            help="Fixed source port; further flows take the next ones. Classic TCP moves it from probe to "
            "probe unless it is given.",
            short="-S",
            low=1,
            high=65535,
        ),
    ] = None
    source_address: Annotated[str | None, Option(help="Address the probes leave from.", short="-A")] = None
    interface: Annotated[
        str | None, Option(help="Interface the probes leave by; bound where that is allowed.", short="-I")
    ] = None
    min_round_duration_ns: Annotated[
        int, Option(help="Shortest duration of a round.", short="-i", low=10 * MS, high=3_600 * SECOND)
    ] = SECOND
    max_round_duration_ns: Annotated[
        int,
        Option(
            help="Longest duration of a round that has sent all its probes.",
            short="-T",
            low=10 * MS,
            high=3_600 * SECOND,
        ),
    ] = SECOND
    grace_duration_ns: Annotated[
        int | None,
        Option(
            help="Wait for other hops once the target has answered; else a quarter of its round-trip time, "
            "between 20 and 100 ms.",
            short="-g",
            low=10 * MS,
            high=SECOND,
        ),
    ] = None
    timeout_ns: Annotated[
        int,
        Option(help="When a probe counts as lost, whatever its round.", low=10 * MS, high=60 * SECOND),
    ] = 2 * SECOND
    initial_sequence: Annotated[
        int | None,
        Option(
            help="First sequence, and first of the moving ports; else target ports start at 33434, source "
            "ports and echo sequences anywhere.",
            low=1,
            high=64_511,
        ),
    ] = None
    max_inflight: Annotated[
        int,
        Option(
            help="How many TTLs beyond the last answer are probed at once, from first-ttl; known silent ones "
            "do not count.",
            short="-U",
            low=1,
            high=255,
        ),
    ] = 24
    first_ttl: Annotated[int, Option(help="First TTL to probe.", short="-f", low=1, high=254)] = 1
    max_ttl: Annotated[int, Option(help="Last TTL to probe.", short="-t", low=1, high=254)] = 64
    gap_limit: Annotated[
        int,
        Option(help="Stop so many silent TTLs beyond the last answer.", low=1, high=254),
    ] = 10
    max_rate: Annotated[
        int,
        Option(
            help="Probes per second, target and flow, beyond the window that goes out at once.",
            low=1,
            high=100_000,
        ),
    ] = 100
    packet_size: Annotated[
        int,
        Option(
            help="Whole IP packet in bytes; IPv6 takes at least 48, paris two more. Dublin over IPv6 begins "
            "with it and grows. Not for TCP.",
            low=28,
            high=1024,
        ),
    ] = DEFAULT_PACKET_SIZE
    payload_pattern: Annotated[
        int,
        Option(
            help="Value of every payload byte behind the ones that identify the trace. Not for TCP.",
            low=0,
            high=255,
        ),
    ] = 0
    tos: Annotated[int, Option(help="IPv4 TOS or IPv6 traffic class.", short="-Q", low=0, high=255)] = 0
    dscp: Annotated[
        int | None, Option(help="Upper six bits of the TOS; --tos says the rest.", low=0, high=63)
    ] = None
    ecn: Annotated[
        int | None, Option(help="Lower two bits of the TOS; --tos says the rest.", low=0, high=3)
    ] = None
    dont_fragment: Annotated[
        bool, Option(help="Whether IPv4 routers must not cut probes into pieces; IPv6 routers never do.")
    ] = True
    flow_label: Annotated[int, Option(help="IPv6 flow label of every probe.", low=0, high=0xFFFFF)] = 0
    mtu: Annotated[
        bool, Option(help="Find the path MTU and the hop that lowers it, by larger probes. Not for TCP.")
    ] = False
    max_samples: Annotated[
        int,
        Option(help="Round-trip times kept per hop for percentiles.", short="-s", low=1, high=100_000),
    ] = 256
    dns_resolve_method: Annotated[
        DnsMethod,
        Option(
            help="Whom to ask for names: the system, the servers of /etc/resolv.conf, Google, Cloudflare or "
            "nobody; auto asks the system on screen and in reports for people, else nobody.",
            short="-r",
            switches={"-n/--no-dns": "off"},
        ),
    ] = DnsMethod.AUTO
    dns_server: Annotated[
        str | None,
        Option(help="Ask this name server instead: 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353."),
    ] = None
    dns_resolve_all: Annotated[
        bool, Option(help="Trace every address of a name; looks names up in every mode.", short="-y")
    ] = False
    dns_timeout_ns: Annotated[
        int, Option(help="When a lookup is given up.", low=10 * MS, high=60 * SECOND)
    ] = 5 * SECOND
    dns_ttl_ns: Annotated[
        int, Option(help="How long what was looked up is believed.", low=SECOND, high=24 * 3_600 * SECOND)
    ] = 300 * SECOND
    dns_lookup_as_info: Annotated[
        bool,
        Option(
            help="Look up the autonomous system of every address: in --asn-mmdb-file where it has it, else "
            "by DNS at Team Cymru.",
            short="-z",
        ),
    ] = False
    geoip_mmdb_file: Annotated[
        str | None,
        Option(help="Database of places, and of AS numbers where it has any: MaxMind, IPinfo.", short="-G"),
    ] = None
    asn_mmdb_file: Annotated[
        str | None, Option(help="Database of AS numbers: MaxMind GeoLite2-ASN, IPinfo; asks nobody.")
    ] = None
    report_cycles: Annotated[
        int | None,
        Option(
            help="Rounds of a report, 10 unless given; the screen goes on until it is left.",
            short="-C",
            low=1,
            high=1_000_000_000,
        ),
    ] = None

    def __post_init__(self) -> None:
        for declared in declarations():
            declared.option.check(declared.name, getattr(self, declared.name))
        for option, value, broken, reason in self._combinations():
            if broken:
                raise ConfigError(flag(option), value, reason)

    def _combinations(self) -> tuple[tuple[str, Any, bool, str], ...]:
        """What does not go together: option, its value, whether it is so, why."""
        protocol, ported = self.protocol, self.protocol in (ProtocolChoice.UDP, ProtocolChoice.TCP)
        return (
            ("first_ttl", self.first_ttl, self.first_ttl > self.max_ttl, f"--max-ttl is {self.max_ttl}"),
            (
                "min_round_duration_ns",
                format_duration(self.min_round_duration_ns),
                self.min_round_duration_ns > self.max_round_duration_ns,
                f"--max-round-duration is {format_duration(self.max_round_duration_ns)}; raise it as well",
            ),
            (
                "target_port",
                self.target_port,
                self.target_port is not None and not ported,
                f"protocol {protocol} has no ports; add --udp or --tcp",
            ),
            (
                "source_port",
                self.source_port,
                self.source_port is not None and not ported,
                f"protocol {protocol} has no ports; add --udp or --tcp",
            ),
            (
                "source_address",
                self.source_address,
                self.source_address is not None and not _is_address(self.source_address),
                "it is not an IP address",
            ),
            (
                "interface",
                self.interface,
                self.interface is not None and not self.interface.isprintable(),
                "no interface has such a name",
            ),
            *(
                (name, value, protocol is ProtocolChoice.TCP and value != default, "a SYN has no payload")
                for name, value, default in (
                    ("packet_size", self.packet_size, DEFAULT_PACKET_SIZE),
                    ("payload_pattern", self.payload_pattern, 0),
                )
            ),
            (
                "packet_size",
                self.packet_size,
                self.packet_size < 48 and self.addr_family is AddressFamily.IPV6,
                "an IPv6 probe has at least 48 bytes",
            ),
            (
                "source_address",
                self.source_address,
                self.source_address is not None and self.interface is not None,
                "--interface chooses the address too; give one of them",
            ),
            *flow_rules(self),
            *name_rules(self),
        )

    @property
    def traffic_class(self) -> int:
        """The whole TOS: what dscp and ecn say, and what tos says where they say nothing."""
        dscp = self.tos >> 2 if self.dscp is None else self.dscp
        ecn = self.tos & 0b11 if self.ecn is None else self.ecn
        return dscp << 2 | ecn

    def smallest_packet(self, family: Family) -> int:
        """The packet size to use with a family: at least a probe's headers, and what paris adds to them."""
        compensation = 2 if self.multipath_strategy is Strategy.PARIS else 0
        return max(self.packet_size, (48 if family is Family.IPV6 else 28) + compensation)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def declarations() -> tuple[Declared, ...]:
    """All options in the order of their declaration."""
    return _DECLARED


def _declare() -> tuple[Declared, ...]:
    found = []
    for field in msgspec.structs.fields(TraceConfig):
        kind, option = get_args(field.type)
        found.append(Declared(field.name, kind, field.default, option))
    return tuple(found)


_DECLARED = _declare()
