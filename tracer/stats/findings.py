"""What the quotes of a path tell about it: who rewrites packets on the way, and what its end says.

Each finding names the first hop that shows it: a router looks at the TTL before it rewrites, so that most
often the hop before did it. A device that translates ICMP errors on their way back restores what they quote:
it shows nothing, and nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from tracer.icmp_names import code_name
from tracer.model import Address, Family, Icmp, PathEndKind, QuotedDiff, QuotedHeader, Ttl
from tracer.stats import wording
from tracer.stats.snapshot import Finding, FindingKind, HopSnapshot

_ADDRESS_FIELDS = frozenset({"source", "destination"})
_SOURCE_FIELDS = frozenset({"source", "source_port", "icmp_identifier"})
_DESTINATION_FIELDS = frozenset({"destination", "target_port"})
_CHECKSUMS = frozenset({"udp_checksum", "icmp_checksum"})
"""One that differs alone gives away a translator that restored the rest; TCP's also covers what others
rewrite, such as the segment size, and counts for nothing."""

_CE = 3
"""Congestion experienced (RFC 3168 section 5)."""

_TIME_EXCEEDED = {Family.IPV4: 11, Family.IPV6: 3}
_PROHIBITED = {
    Family.IPV4: frozenset({(3, 9), (3, 10), (3, 13)}),
    Family.IPV6: frozenset({(1, 1), (1, 5), (1, 6)}),
}
_DELIVERED = {Family.IPV4: frozenset({(3, 2), (3, 3)}), Family.IPV6: frozenset({(1, 4), (4, 1)})}
"""Type and code that only a host the packet has come to sends: protocol or port unreachable."""

Diff = tuple[QuotedDiff, ...]


def translated(quoted: QuotedHeader | None) -> bool | None:
    """Whether a quote shows an address translator on the way; None where that is not visible."""
    if quoted is None or quoted.diff is None:
        return None
    return bool(_nat(quoted.diff) or _destination(quoted.diff))


def _only(names: frozenset[str]) -> Callable[[Diff], Diff]:
    return lambda diff: tuple(one for one in diff if one.field in names)


_source = _only(_SOURCE_FIELDS)
_destination = _only(_DESTINATION_FIELDS)
_checksums = _only(_CHECKSUMS)


def _nat(diff: Diff) -> Diff:
    """The rewritten source, or a checksum that nothing else in the quote explains."""
    return _source(diff) or (() if _destination(diff) else _checksums(diff))


class _Rewrite(msgspec.Struct, frozen=True):
    """One way of rewriting packets."""

    kind: FindingKind
    part: Callable[[Diff], Diff]
    """What of a diff it explains."""
    steady: frozenset[str]
    """Fields whose new value is the same for every probe: another value is another device."""
    sentence: Callable[[Diff], str]


def _says(text: str) -> Callable[[Diff], str]:
    return lambda _: text


def _nat_sentence(diff: Diff) -> str:
    if not _source(diff):
        return "Checksums are rewritten, and nothing else in the quote: an address translator (NAT)"
    names = " and ".join(_WORDS[one.field] for one in diff)
    return f"The {names} {'is' if len(diff) == 1 else 'are'} rewritten: an address translator (NAT)"


_WORDS = {"source": "source address", "source_port": "source port", "icmp_identifier": "ICMP identifier"}


def _dscp_sentence(diff: Diff) -> str:
    return f"DSCP {diff[0].sent} becomes {diff[0].quoted}{' (bleached)' if not diff[0].quoted else ''}"


def _ecn_sentence(diff: Diff) -> str:
    if diff[0].quoted == _CE:
        return "Congestion is marked (ECN)"
    return f"ECN {diff[0].sent} becomes {diff[0].quoted}{' (bleached)' if not diff[0].quoted else ''}"


_NOTHING: frozenset[str] = frozenset()
_REWRITES = (
    _Rewrite(FindingKind.NAT, _nat, _ADDRESS_FIELDS, _nat_sentence),
    _Rewrite(
        FindingKind.DESTINATION_REWRITTEN,
        _destination,
        _ADDRESS_FIELDS,
        _says("The destination is rewritten: the packet goes to another host or port than it was sent to"),
    ),
    _Rewrite(FindingKind.DSCP_REWRITTEN, _only(frozenset({"dscp"})), frozenset({"dscp"}), _dscp_sentence),
    _Rewrite(FindingKind.ECN_REWRITTEN, _only(frozenset({"ecn"})), frozenset({"ecn"}), _ecn_sentence),
    _Rewrite(
        FindingKind.DF_CLEARED,
        _only(frozenset({"dont_fragment"})),
        _NOTHING,
        _says("The flag that forbids fragments is rewritten"),
    ),
    _Rewrite(
        FindingKind.FLOW_LABEL_REWRITTEN,
        _only(frozenset({"flow_label"})),
        _NOTHING,
        _says("The flow label is rewritten"),
    ),
    _Rewrite(
        FindingKind.IDENTIFICATION_REWRITTEN,
        _only(frozenset({"identification"})),
        _NOTHING,
        _says("The IP identification is rewritten"),
    ),
    _Rewrite(
        FindingKind.LENGTH_REWRITTEN,
        _only(frozenset({"total_length", "payload_length", "udp_length"})),
        _NOTHING,
        _says("A length is rewritten, or quoted wrongly"),
    ),
    _Rewrite(
        FindingKind.TCP_REWRITTEN,
        _only(frozenset({"tcp_sequence", "tcp_acknowledgement", "tcp_flags", "tcp_window", "tcp_mss"})),
        _NOTHING,
        _says("The TCP header is rewritten: a firewall or a proxy"),
    ),
)


class Findings:
    """The findings of one target; worked out again only when what they rest on has changed."""

    def __init__(self, target: Address | None) -> None:
        self._target = target
        self._told_by: Any = None
        self._found: tuple[Finding, ...] = ()

    def of(self, hops: Sequence[HopSnapshot], end: PathEndKind) -> tuple[Finding, ...]:
        """The findings of a path, in the order of the hops that show them."""
        told_by = (end, [(hop.ttl, hop.quoted, hop.icmp, hop.refused_port) for hop in hops])
        if told_by != self._told_by:
            self._told_by = told_by
            self._found = find(hops, end, self._target)
        return self._found


def find(hops: Sequence[HopSnapshot], end: PathEndKind, target: Address | None) -> tuple[Finding, ...]:
    """As ``Findings.of``."""
    found = [*_rewrites(hops), *_quoted_ttl(hops)]
    if hops and end is not PathEndKind.OPEN:
        found += _end(hops[-1], target)
    return tuple(sorted(found, key=lambda finding: finding.ttl))


def _rewrites(hops: Sequence[HopSnapshot]) -> Iterator[Finding]:
    quotes = [
        (hop.ttl, hop.quoted.diff) for hop in hops if hop.quoted is not None and hop.quoted.diff is not None
    ]
    for rewrite in _REWRITES:
        last: tuple[Any, ...] = ()
        before: Ttl | None = None
        for ttl, diff in quotes:
            part = rewrite.part(diff)
            shape = tuple((one.field, one.quoted if one.field in rewrite.steady else None) for one in part)
            if shape and shape != last:
                sentence = f"{rewrite.sentence(part)}, {_where(before, ttl)}."
                evidence = {"sentence": sentence, "diff": [msgspec.structs.asdict(one) for one in part]}
                yield Finding(kind=rewrite.kind, ttl=ttl, after_ttl=before, evidence=evidence)
            last = shape or last
            before = ttl


def _where(before: Ttl | None, ttl: Ttl) -> str:
    return f"before hop {ttl}" if before is None else f"between hop {before} and hop {ttl}"


def _quoted_ttl(hops: Sequence[HopSnapshot]) -> Iterator[Finding]:
    """A TTL left where it was used up (Donnet et al., *Revealing MPLS Tunnels Obscured from Traceroute*)."""
    odd = [(hop.ttl, hop.quoted.ttl) for hop in hops if hop.quoted is not None and _left_over(hop)]
    if odd:
        ttls = [ttl for ttl, _ in odd]
        verb = "quotes" if len(odd) == 1 else "quote"
        sentence = (
            f"{wording.hops(ttls).capitalize()} {verb} a TTL above 1 where it is used up: a sign of a tunnel "
            "(MPLS) that counts its own hops."
        )
        evidence = {"sentence": sentence, "quoted_ttls": [{"ttl": ttl, "quoted": left} for ttl, left in odd]}
        before = max((hop.ttl for hop in hops if hop.quoted and hop.ttl < ttls[0]), default=None)
        yield Finding(kind=FindingKind.QUOTED_TTL, ttl=ttls[0], after_ttl=before, evidence=evidence)


def _left_over(hop: HopSnapshot) -> bool:
    family = _family(hop)
    expired = hop.icmp is not None and family is not None and hop.icmp.type == _TIME_EXCEEDED[family]
    return expired and hop.quoted is not None and hop.quoted.ttl > 1


def _end(hop: HopSnapshot, target: Address | None) -> Iterator[Finding]:
    """What the answer at the end of the path says beyond that it is the end."""
    if hop.refused_port is not None:
        sentence = (
            f"The target refuses TCP port {hop.refused_port} (RST): nothing listens there, or a firewall "
            "refuses in its name."
        )
        evidence = {"sentence": sentence, "port": hop.refused_port}
        yield Finding(kind=FindingKind.PORT_REFUSED, ttl=hop.ttl, after_ttl=None, evidence=evidence)
    family, numbers = _family(hop), hop.icmp
    if numbers is None or family is None:
        return
    said = (numbers.type, numbers.code)
    name = code_name(family, *said)
    if said in _PROHIBITED[family]:
        sentence = f"Hop {hop.ttl} refuses to pass the packets on ({name}): a filter ends the path, no fault."
        yield _of_end(FindingKind.PROHIBITED, hop.ttl, sentence, numbers)
    elif said in _DELIVERED[family] and all(one.address != target for one in hop.responders):
        sentence = (
            f"Hop {hop.ttl} says {name}, which only a host says that a packet has come to: the target under "
            "another of its addresses, or a host it is translated to."
        )
        yield _of_end(FindingKind.OTHER_ADDRESS, hop.ttl, sentence, numbers)


def _of_end(kind: FindingKind, ttl: Ttl, sentence: str, numbers: Icmp) -> Finding:
    evidence = {"sentence": sentence, "type": numbers.type, "code": numbers.code}
    return Finding(kind=kind, ttl=ttl, after_ttl=None, evidence=evidence)


def _family(hop: HopSnapshot) -> Family | None:
    addresses = [responder.address for responder in hop.responders]
    return (Family.IPV6 if ":" in addresses[0] else Family.IPV4) if addresses else None
