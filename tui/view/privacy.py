"""Hiding who stands near: addresses of the first hops and of this host, before anything is drawn.

Masking works on the values themselves, not on the drawing: rows, reports, copies and screenshots made from a
masked snapshot cannot show what is no longer in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, TypeVar

import msgspec

from tracer.events import (
    DuplicateReply,
    Event,
    ForeignReply,
    LateReply,
    MalformedReply,
    NameMoved,
    NameResolved,
    PathChanged,
    PathMtuFound,
    PortsExhausted,
    ProbeLost,
    ReplyReceived,
    SendFailed,
    SizeProbed,
    SourceChanged,
    TargetAdded,
    TraceEnded,
    TraceStarted,
)
from tracer.model import (
    Address,
    Failure,
    PathMtu,
    QuotedDiff,
    QuotedHeader,
    SizeOutcome,
    SourceInfo,
    TargetInfo,
)
from tracer.stats.path_changes import PathChange
from tracer.stats.snapshot import ErrorSnapshot, HopSnapshot, ResponderSnapshot, TraceSnapshot, Verdict

MOST_SHOWN = 65_536
"""Addresses of which is kept whether they stand beyond the masked hops; names of further ones are hidden."""

HIDDEN = Address("hidden")
"""In the place of a masked address; the screen shows its own word for it."""


class Privacy(msgspec.Struct, frozen=True):
    """What is masked: the hops up to a TTL, and then the source as well."""

    hops: int = 0
    """0 masks nothing."""

    def masks(self, ttl: int) -> bool:
        """Whether the hop at ``ttl`` is masked."""
        return ttl <= self.hops

    def more(self) -> Privacy:
        """One hop more masked, at most 255."""
        return Privacy(min(self.hops + 1, 255))

    def less(self) -> Privacy:
        """One hop fewer masked."""
        return Privacy(max(self.hops - 1, 0))


def mask(snapshot: TraceSnapshot, privacy: Privacy) -> TraceSnapshot:
    """``snapshot`` without what is private; the same object when nothing is.

    Of a masked hop the numbers stay; its addresses and extensions, which may name interfaces (RFC 5837), go.
    What other values say of a masked address goes as well: errors may quote the source, and a target
    that is itself among the masked hops is hidden.
    """
    if not privacy.hops:
        return snapshot
    secret = _secrets(snapshot, privacy)
    return msgspec.structs.replace(
        snapshot,
        target=_masked_target(snapshot.target, secret),
        names={address: known for address, known in snapshot.names.items() if address not in secret},
        hops=tuple(
            _masked_hop(hop) if privacy.masks(hop.ttl) else _without_source(hop) for hop in snapshot.hops
        ),
        findings=tuple(
            msgspec.structs.replace(finding, evidence=_scrub(finding.evidence, secret))
            for finding in snapshot.findings
        ),
        errors=tuple(_masked_error(error, _strangers(error, snapshot, secret)) for error in snapshot.errors),
        path_mtu=None if snapshot.path_mtu is None else _masked_path_mtu(snapshot.path_mtu, privacy),
        changes=tuple(_masked_change(change, privacy) for change in snapshot.changes),
        flows=tuple(
            msgspec.structs.replace(flow, path=masked_path(flow.path, flow.first_ttl, privacy))
            for flow in snapshot.flows
        ),
        path_verdict=None
        if snapshot.path_verdict is None
        else _masked_verdict(snapshot.path_verdict, secret),
        hop_verdicts=tuple(_masked_verdict(verdict, secret) for verdict in snapshot.hop_verdicts),
    )


def mask_event(event: Event, privacy: Privacy) -> Event:
    """``event`` without what is private, for the log and for a recording.

    The bytes of packets hold the source's address, so they go whatever their TTL; who sent a foreign packet
    is not known to stand further away, so that is hidden too.
    """
    masker = _MASKERS.get(type(event)) if privacy.hops else None
    return event if masker is None else masker(event, privacy)


def _started(event: TraceStarted, _privacy: Privacy) -> Event:
    return msgspec.structs.replace(
        event,
        source=_masked_source(event.source),
        targets=tuple(_masked_target(target, _own(target)) for target in event.targets),
        config=_scrub(event.config, {source for target in event.targets for source in _own(target)}),
    )


def _added(event: TargetAdded, _privacy: Privacy) -> Event:
    return msgspec.structs.replace(event, info=_masked_target(event.info, _own(event.info)))


def _reply(event: ReplyReceived, privacy: Privacy) -> Event:
    far = msgspec.structs.replace(
        event, probe_bytes=None, reply_bytes=None, quoted=_masked_quote(event.quoted)
    )
    if not privacy.masks(event.ttl):
        return far
    return msgspec.structs.replace(far, responder=HIDDEN, extensions=())


def _name(event: NameResolved, _privacy: Privacy) -> Event:
    """The event alone does not say how far away the address is (``Masker`` knows)."""
    return msgspec.structs.replace(event, address=HIDDEN, hostnames=(), asn=None, place=None)


class Masker:
    """Masks a log event by event, in its order: so it knows which names belong to hops that may be shown."""

    def __init__(self) -> None:
        self._shown: dict[tuple[str, Address], bool] = {}
        """Whether an address has been met beyond the masked hops, and only there."""

    def mask(self, event: Event, privacy: Privacy) -> Event:
        """``event`` without what is private; a name stays where its address has been shown."""
        if isinstance(event, ReplyReceived):
            who = (event.target, event.responder)
            if who in self._shown or len(self._shown) < MOST_SHOWN:
                self._shown[who] = self._shown.get(who, True) and not privacy.masks(event.ttl)
        if isinstance(event, NameResolved) and self._shown.get((event.target, event.address), False):
            return event
        return mask_event(event, privacy)


def _lost(event: ProbeLost, _privacy: Privacy) -> Event:
    return msgspec.structs.replace(event, probe_bytes=None)


def _size_probed(event: SizeProbed, privacy: Privacy) -> Event:
    """Who says *too big* stands somewhere before the TTL of the probe: that is hidden as well."""
    far = msgspec.structs.replace(event, probe_bytes=None, reply_bytes=None)
    shown = event.responder is None or (event.outcome is SizeOutcome.PASSED and not privacy.masks(event.ttl))
    return far if shown else msgspec.structs.replace(far, responder=HIDDEN)


def _path_mtu(event: PathMtuFound, privacy: Privacy) -> Event:
    return msgspec.structs.replace(event, found=_masked_path_mtu(event.found, privacy))


def _masked_path_mtu(found: PathMtu, privacy: Privacy) -> PathMtu:
    steps = tuple(
        msgspec.structs.replace(step, reported_by=HIDDEN)
        if step.reported_by is not None and privacy.masks(step.ttl)
        else step
        for step in found.lowered_at
    )
    return msgspec.structs.replace(found, lowered_at=steps)


def _foreign(event: ForeignReply, _privacy: Privacy) -> Event:
    return msgspec.structs.replace(event, responder=HIDDEN)


def _malformed(event: MalformedReply, _privacy: Privacy) -> Event:
    return msgspec.structs.replace(event, reply_bytes=None)


def _failed(event: SendFailed | TraceEnded, _privacy: Privacy) -> Event:
    failure = None if event.failure is None else _masked_failure(event.failure)
    return msgspec.structs.replace(event, failure=failure)


def _source_changed(event: SourceChanged, _privacy: Privacy) -> Event:
    return msgspec.structs.replace(event, source=_masked_source(event.source), old=_masked_source(event.old))


def _name_moved(event: NameMoved, _privacy: Privacy) -> Event:
    failure = None if event.failure is None else _masked_failure(event.failure)
    return msgspec.structs.replace(event, addresses=(HIDDEN,) * len(event.addresses), failure=failure)


def mask_text(text: str, secrets: set[str]) -> str:
    """``text`` with every secret replaced."""
    # Longest first: 192.0.2.10 must not become ``hidden0`` because 192.0.2.1 is secret too.
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def secrets(snapshot: TraceSnapshot, privacy: Privacy) -> set[str]:
    """The addresses that must not be shown, for texts made elsewhere (``mask_text``), such as verdicts."""
    return _secrets(snapshot, privacy) if privacy.hops else set()


def _secrets(snapshot: TraceSnapshot, privacy: Privacy) -> set[str]:
    near: set[str] = {
        responder.address for hop in snapshot.hops if privacy.masks(hop.ttl) for responder in hop.responders
    }
    gone: set[str] = {
        address
        for change in snapshot.changes
        for path in (change.old, change.new)
        for ttl, address in enumerate(path, 1)
        if address is not None and privacy.masks(ttl)
    }
    return _own(snapshot.target) | near | gone | _sources(snapshot)


def _sources(snapshot: TraceSnapshot) -> set[str]:
    """The addresses that stand for this host: what it sent from, and what translators made of that."""
    quotes = [hop.quoted for hop in snapshot.hops]
    quotes += [responder.quoted for hop in snapshot.hops for responder in hop.responders]
    diffs = [diff for quoted in quotes if quoted is not None for diff in quoted.diff or ()]
    return {str(value) for diff in diffs if diff.field == "source" for value in (diff.sent, diff.quoted)}


def _own(target: TargetInfo) -> set[str]:
    return set() if target.source is None else {target.source.address}


def _masked_target(target: TargetInfo, secret: set[str]) -> TargetInfo:
    source = _masked_source(target.source)
    if target.address not in secret:
        return msgspec.structs.replace(target, source=source)
    return TargetInfo(label=HIDDEN, query=HIDDEN, address=HIDDEN, hostname=None, source=source)


def _masked_source(source: SourceInfo | None) -> SourceInfo | None:
    return None if source is None else SourceInfo(HIDDEN, None)


def _masked_hop(hop: HopSnapshot) -> HopSnapshot:
    return msgspec.structs.replace(
        hop, responders=tuple(map(_masked_responder, hop.responders)), quoted=_masked_quote(hop.quoted)
    )


def _without_source(hop: HopSnapshot) -> HopSnapshot:
    """What a hop quotes of the probes holds the address they left from; the same object where it does not."""
    responders = tuple(
        msgspec.structs.replace(responder, quoted=_masked_quote(responder.quoted))
        for responder in hop.responders
    )
    quoted = _masked_quote(hop.quoted)
    unchanged = quoted is hop.quoted and responders == hop.responders
    return hop if unchanged else msgspec.structs.replace(hop, responders=responders, quoted=quoted)


def _masked_quote(quoted: QuotedHeader | None) -> QuotedHeader | None:
    """A translated source is the address the world knows this host by."""
    if quoted is None or not any(diff.field == "source" for diff in quoted.diff or ()):
        return quoted
    return msgspec.structs.replace(quoted, diff=tuple(map(_masked_diff, quoted.diff or ())))


def _masked_diff(diff: QuotedDiff) -> QuotedDiff:
    return QuotedDiff(diff.field, HIDDEN, HIDDEN) if diff.field == "source" else diff


def _masked_responder(responder: ResponderSnapshot) -> ResponderSnapshot:
    return msgspec.structs.replace(
        responder, address=HIDDEN, extensions=(), quoted=_masked_quote(responder.quoted)
    )


Changed = TypeVar("Changed", PathChange, PathChanged)


def _masked_change(change: Changed, privacy: Privacy) -> Changed:
    old, new = (masked_path(path, 1, privacy) for path in (change.old, change.new))
    return msgspec.structs.replace(change, old=old, new=new)


def masked_path(
    path: tuple[Address | None, ...], first_ttl: int, privacy: Privacy
) -> tuple[Address | None, ...]:
    """A path, from ``first_ttl`` on, without the addresses of the hops that are masked."""
    return tuple(
        HIDDEN if address is not None and privacy.masks(ttl) else address
        for ttl, address in enumerate(path, first_ttl)
    )


def _masked_verdict(verdict: Verdict, secret: set[str]) -> Verdict:
    return msgspec.structs.replace(verdict, evidence=_scrub(verdict.evidence, secret))


def _masked_error(error: ErrorSnapshot, secret: set[str]) -> ErrorSnapshot:
    return msgspec.structs.replace(
        error,
        message=mask_text(error.message, secret),
        remedy=mask_text(error.remedy, secret),
        evidence=_scrub(error.evidence, secret),
    )


_MAY_BE_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{3,}")


def _strangers(error: ErrorSnapshot, snapshot: TraceSnapshot, secret: set[str]) -> set[str]:
    """What is secret, and every address in an error that no hop shows, such as an older one of this host."""
    shown = {responder.address for hop in snapshot.hops for responder in hop.responders}
    shown.add(snapshot.target.address or HIDDEN)
    told = f"{error.message} {error.remedy} {error.evidence}"
    tokens = {token.rstrip(".:") for token in _MAY_BE_ADDRESS.findall(told)}
    return secret | {token for token in tokens if _is_address(token) and token not in shown}


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _masked_failure(failure: Failure) -> Failure:
    """The facts of a failure may quote the source; an event alone does not say which text that is."""
    return msgspec.structs.replace(failure, message=failure.kind.value, remedy="", evidence={})


def _scrub(value: Any, secret: set[str]) -> Any:
    match value:
        case str():
            return mask_text(value, secret)
        case dict():
            return {key: _scrub(item, secret) for key, item in value.items()}
        case tuple():
            return tuple(_scrub(item, secret) for item in value)
        case list():
            return [_scrub(item, secret) for item in value]
        case _:
            return value


_MASKERS: dict[type[Event], Callable[[Any, Privacy], Event]] = {
    TraceStarted: _started,
    ReplyReceived: _reply,
    LateReply: _reply,
    DuplicateReply: _reply,
    ProbeLost: _lost,
    ForeignReply: _foreign,
    MalformedReply: _malformed,
    SendFailed: _failed,
    PortsExhausted: _failed,
    NameResolved: _name,
    PathChanged: _masked_change,
    SourceChanged: _source_changed,
    TargetAdded: _added,
    NameMoved: _name_moved,
    SizeProbed: _size_probed,
    PathMtuFound: _path_mtu,
    TraceEnded: _failed,
}
