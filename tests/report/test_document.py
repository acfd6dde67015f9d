"""The JSON report: its bytes, its field names, and what it says where nothing is known."""

from __future__ import annotations

import json as stdlib_json
from pathlib import Path
from typing import Any

import msgspec

from tests.report import samples
from tests.stats.logbook import Log, failure
from tracer.model import (
    Address,
    EndReason,
    FailureKind,
    Icmp,
    InterfaceIdentification,
    InterfaceInformation,
    InterfaceRole,
    QuotedDiff,
    QuotedHeader,
    ReplyKind,
    TargetInfo,
)
from tracer.report import json
from tracer.report.document import build
from tracer.stats.tracker import Tracker

GOLDEN = Path(__file__).with_name("golden_report.json")

RTT = "last best worst mean stddev p50 p90 p99 jitter_last jitter_mean jitter_max jitter_rfc3550"
CONTRACT = {
    "": "schema version target source config channel started_at ended_at outcome path_verdict path_mtu "
    "findings hops flows health errors",
    "target": "query address hostname",
    "source": "address interface",
    "channel": "name protocol privileged reason",
    "outcome": "reached reason target_ttl rounds",
    "hops.0": "ttl sent received lost failed skipped late duplicates loss_pct loss_ci rtt_ms clock icmp "
    "reply_ttl return_paths mtu nat quoted verdict responders",
    "hops.0.rtt_ms": RTT,
    "hops.0.clock": "kernel user",
    "hops.0.icmp": "type code name mark",
    "hops.0.responders.0": "address hostname asn place received rtt_ms icmp reply_ttl return_paths "
    "quoted extensions flows special",
    "hops.0.responders.0.rtt_ms": RTT,
    "hops.2.responders.0.extensions.0": "type labels",
    "flows.0": "id sport dport path sent received lost loss_pct rtt_ms",
    "flows.0.rtt_ms": "last best worst mean stddev",
    "hops.2.responders.0.extensions.0.labels.0": "label exp bos ttl",
    "health": "sent received foreign malformed anomalies clock_steps retransmitted overshoot kernel_drops "
    "ports_skipped ports_exhausted send_errors suspends source_changes pace load per_second",
    "errors.0": "kind message remedy evidence count",
}


def parsed(log: Log) -> Any:
    return stdlib_json.loads(json.render([samples.report(log)]))


def at(document: Any, path: str) -> Any:
    for step in filter(None, path.split(".")):
        document = document[int(step) if step.isdigit() else step]
    return document


def test_the_report_of_a_small_trace_is_the_reviewed_one() -> None:
    assert json.render([samples.report(samples.eventful())]) == GOLDEN.read_bytes()


def test_the_field_names_are_those_of_the_contract() -> None:
    document = parsed(samples.eventful())
    for path, names in CONTRACT.items():
        assert list(at(document, path)) == names.split(), path


def test_one_target_is_an_object_and_several_are_an_array_in_order() -> None:
    one, other = samples.report(samples.eventful()), samples.report(Log(), samples.nowhere())
    assert stdlib_json.loads(json.render([one]))["schema"] == "hopscope.report/1"
    queries = [each["target"]["query"] for each in stdlib_json.loads(json.render([other, one]))]
    assert queries == ["nowhere.example.com", "example.com"]


def test_times_are_milliseconds_exact_to_the_nanosecond() -> None:
    log = Log()
    log.answered(1, 1, 1)
    log.answered(1, 2, 1_234_567_891)
    rtt = parsed(log)["hops"][0]["rtt_ms"]
    assert (rtt["best"], rtt["worst"]) == (0.000001, 1234.567891)


def test_a_log_without_its_end_is_truncated() -> None:
    log = samples.eventful()
    del log.events[-1]
    document = parsed(log)
    assert (document["outcome"]["reason"], document["ended_at"]) == ("truncated", None)


def test_a_target_without_an_address_keeps_its_place_with_an_error() -> None:
    document = stdlib_json.loads(json.render([samples.report(Log(), samples.nowhere())]))
    assert document["outcome"] == {"reached": False, "reason": "error", "target_ttl": None, "rounds": 0}
    assert [error["kind"] for error in document["errors"]] == ["target_not_resolved"]
    assert document["hops"] == []


def test_what_the_log_says_of_an_unresolved_target_takes_the_place_of_the_default() -> None:
    log = Log()
    why = failure(FailureKind.TARGET_NOT_RESOLVED, None, message="The resolver timed out.")
    log.ended(EndReason.ERROR, why)
    report = samples.report(log, samples.nowhere())
    assert [(error.message, error.count) for error in report.errors] == [("The resolver timed out.", 1)]


def test_responders_come_with_the_busiest_first_and_ties_in_order_of_appearance() -> None:
    log = Log()
    for sequence, last in enumerate((1, 2, 3, 3)):
        log.answered(1, sequence, responder=Address(f"192.0.2.{last}"))
    responders = samples.report(log).hops[0].responders
    assert [one.address for one in responders] == ["192.0.2.3", "192.0.2.1", "192.0.2.2"]


def test_hostile_names_are_harmless_in_the_report() -> None:
    target = TargetInfo(
        label="x", query="x\udc80", address=Address("192.0.2.80"), hostname="evil\u202e.example.com"
    )
    report = samples.report(Log(), target)
    assert (report.target.query, report.target.hostname) == (r"x\udc80", r"evil\u202e.example.com")
    assert json.render([report])


def test_what_a_hop_quotes_is_told_with_what_was_rewritten() -> None:
    log = Log()
    diff = (
        QuotedDiff("source", "192.0.2.10", "203.0.113.1"),
        QuotedDiff("dont_fragment", sent=True, quoted=False),
    )
    log.answered(1, 1, quoted=QuotedHeader(ttl=1, dscp=46, ecn=1, diff=()), reply_ttl=255)
    log.answered(2, 2, quoted=QuotedHeader(ttl=1, dscp=46, ecn=1, diff=diff), reply_ttl=52)
    log.answered(3, 3, quoted=QuotedHeader(ttl=1, dscp=46, ecn=1, diff=None))
    log.answered(4, 4)
    document = parsed(log)
    hops = document["hops"]
    assert [hop["nat"] for hop in hops] == [False, True, None, None]
    assert hops[1]["quoted"] == hops[1]["responders"][0]["quoted"]
    assert hops[1]["quoted"] == {
        "ttl": 1,
        "dscp": 46,
        "ecn": 1,
        "diff": [
            {"field": "source", "sent": "192.0.2.10", "quoted": "203.0.113.1"},
            {"field": "dont_fragment", "sent": True, "quoted": False},
        ],
    }
    assert (hops[2]["quoted"]["diff"], hops[3]["quoted"]) == (None, None)
    assert hops[1]["return_paths"] == [
        {"initial_ttl": 64, "hops": 13},
        {"initial_ttl": 128, "hops": 77},
        {"initial_ttl": 255, "hops": 204},
    ]
    assert [(one["kind"], one["ttl"], one["after_ttl"]) for one in document["findings"]] == [
        ("nat", 2, 1),
        ("df_cleared", 2, 1),
    ]


def test_icmp_codes_are_told_by_name_and_mark() -> None:
    log = Log()
    log.answered(1, 1, icmp=Icmp(3, 13), kind=ReplyKind.UNREACHABLE)
    (hop,) = parsed(log)["hops"]
    told = {"type": 3, "code": 13, "name": "communication administratively prohibited", "mark": "!X"}
    assert (hop["icmp"], hop["responders"][0]["icmp"]) == (told, told)


def test_names_of_interfaces_are_harmless_in_the_report() -> None:
    log = Log()
    told = InterfaceInformation(role=InterfaceRole.INCOMING, name="eth0\x1b[2J")
    log.answered(1, 1, extensions=(told, InterfaceIdentification(name="\u202eko")))
    (extensions,) = (hop["responders"][0]["extensions"] for hop in parsed(log)["hops"])
    assert extensions == [
        {
            "type": "interface", "role": "incoming", "index": None, "address": None,
            "name": r"eth0\x1b[2J", "mtu": None,
        },
        {"type": "interface_id", "name": r"\u202eko", "index": None, "address": None},
    ]  # fmt: skip


def test_folding_the_replayed_log_gives_the_same_bytes() -> None:
    log = samples.eventful()
    replayed = Tracker(samples.TRACED)
    for event in log.events:
        replayed.apply(msgspec.json.decode(msgspec.json.encode(event), type=type(event)))
    again = build(samples.HEADER, samples.TRACED, replayed.snapshot())
    assert json.render([again]) == json.render([samples.report(log)])
