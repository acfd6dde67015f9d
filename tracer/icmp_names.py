"""What ICMP types and codes are called (the IANA registries *ICMP* and *ICMPv6 Parameters*)."""

from __future__ import annotations

from tracer.model import Family

TYPE_NAMES: dict[Family, dict[int, str]] = {
    Family.IPV4: {
        0: "echo reply",
        3: "destination unreachable",
        4: "source quench",
        5: "redirect",
        8: "echo request",
        9: "router advertisement",
        10: "router solicitation",
        11: "time exceeded",
        12: "parameter problem",
        13: "timestamp request",
        14: "timestamp reply",
        42: "extended echo request",
        43: "extended echo reply",
    },
    Family.IPV6: {
        1: "destination unreachable",
        2: "packet too big",
        3: "time exceeded",
        4: "parameter problem",
        128: "echo request",
        129: "echo reply",
        130: "multicast listener query",
        131: "multicast listener report",
        132: "multicast listener done",
        133: "router solicitation",
        134: "router advertisement",
        135: "neighbor solicitation",
        136: "neighbor advertisement",
        137: "redirect",
        143: "multicast listener report v2",
        160: "extended echo request",
        161: "extended echo reply",
    },
}

CODE_NAMES: dict[Family, dict[tuple[int, int], str]] = {
    Family.IPV4: {
        (3, 0): "network unreachable",
        (3, 1): "host unreachable",
        (3, 2): "protocol unreachable",
        (3, 3): "port unreachable",
        (3, 4): "fragmentation needed",
        (3, 5): "source route failed",
        (3, 6): "destination network unknown",
        (3, 7): "destination host unknown",
        (3, 8): "source host isolated",
        (3, 9): "network administratively prohibited",
        (3, 10): "host administratively prohibited",
        (3, 11): "network unreachable for type of service",
        (3, 12): "host unreachable for type of service",
        (3, 13): "communication administratively prohibited",
        (3, 14): "host precedence violation",
        (3, 15): "precedence cutoff in effect",
        (11, 0): "time to live exceeded in transit",
        (11, 1): "fragment reassembly time exceeded",
        (12, 0): "pointer indicates the error",
        (12, 1): "required option missing",
        (12, 2): "bad length",
    },
    Family.IPV6: {
        (1, 0): "no route to destination",
        (1, 1): "communication administratively prohibited",
        (1, 2): "beyond scope of source address",
        (1, 3): "address unreachable",
        (1, 4): "port unreachable",
        (1, 5): "source address failed policy",
        (1, 6): "reject route to destination",
        (1, 7): "error in source routing header",
        (1, 8): "headers too long",
        (3, 0): "hop limit exceeded in transit",
        (3, 1): "fragment reassembly time exceeded",
        (4, 0): "erroneous header field",
        (4, 1): "unrecognized next header",
        (4, 2): "unrecognized option",
        (4, 3): "incomplete header chain in first fragment",
    },
}


def type_name(family: Family, icmp_type: int) -> str:
    """The name of a type, or ``type 99`` for one that has none here."""
    return TYPE_NAMES[family].get(icmp_type, f"type {icmp_type}")


def code_name(family: Family, icmp_type: int, code: int) -> str:
    """The name of a type's code, or ``code 99`` for one that has none here."""
    return CODE_NAMES[family].get((icmp_type, code), f"code {code}")
