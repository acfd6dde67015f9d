"""What ``nft --json list ruleset`` (libnftables-json(5)) says about packets that leave this host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

_WAY_OUT = frozenset({"output", "postrouting", "egress"})
"""Hooks that a packet of this host passes; forwarded ones pass the last two as well."""

_VERDICTS = frozenset({"drop", "reject"})
_CALLS = frozenset({"jump", "goto"})

_Name = tuple[Any, Any, Any]
"""Family, table, chain or map."""


class WayOut(NamedTuple):
    """The rules that packets meet on their way out, in the chains called from there as well."""

    drops: int
    """Rules and policies that drop or reject some of them."""
    opaque: int
    """Rules of iptables that nft does not spell out."""


def way_out(ruleset: dict[str, Any]) -> WayOut:
    """Count. Rules in a chain that nothing calls concern nobody."""
    entries = [entry for entry in ruleset.get("nftables", ()) if isinstance(entry, dict)]
    chains = [entry["chain"] for entry in entries if "chain" in entry]
    rules: dict[_Name, list[dict[str, Any]]] = {}
    for rule in (entry["rule"] for entry in entries if "rule" in entry):
        rules.setdefault(_name(rule, "chain"), []).append(rule)
    maps = {_name(entry["map"], "name"): entry["map"].get("elem", ()) for entry in entries if "map" in entry}
    begin = [chain for chain in chains if chain.get("hook") in _WAY_OUT]
    drops, opaque = sum(chain.get("policy") == "drop" for chain in begin), 0
    due = [_name(chain, "name") for chain in begin]
    passed = set(due)
    while due:
        for rule in rules.get(due.pop(), ()):
            said = list(_said(rule.get("expr", ()), maps, _name(rule, "chain")))
            called = {name for kind, name in said if kind in _CALLS} - passed
            passed |= called
            due += called
            drops += any(kind in _VERDICTS for kind, _ in said)
            opaque += any(kind == "xt" for kind, _ in said)
    return WayOut(drops, opaque)


def _said(part: Any, maps: dict[_Name, Any], chain: _Name) -> Iterator[tuple[str, _Name]]:
    """Every verdict in an expression, in the maps it looks verdicts up in as well, and what it calls."""
    if isinstance(part, list | tuple):
        for inner in part:
            yield from _said(inner, maps, chain)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key in _CALLS:
                yield key, (*chain[:2], value.get("target"))
            elif key in _VERDICTS or key == "xt":
                yield _verdict_of_iptables(value) if key == "xt" else key, chain
            elif key == "vmap" and isinstance(value, dict) and isinstance(value.get("data"), str):
                yield from _said(maps.get((*chain[:2], value["data"].removeprefix("@")), ()), {}, chain)
            else:
                yield from _said(value, maps, chain)


def _verdict_of_iptables(value: Any) -> str:
    """Newer versions of nft name the extension of iptables, older ones only say that there is one."""
    name = str(value.get("name", "")).lower() if isinstance(value, dict) else ""
    return name if name in _VERDICTS else "xt"


def _name(entry: dict[str, Any], key: str) -> _Name:
    return (entry.get("family"), entry.get("table"), entry.get(key))
