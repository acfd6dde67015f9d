"""Headers and explanations of the columns."""

from __future__ import annotations

_COLUMNS: dict[str, tuple[str, str]] = {
    "ttl": ("#", "Time to live of the probes: how many hops away."),
    "host": (
        "Host",
        "Who answered; several responders stand below each other with their share of the answers.",
    ),
    "loss": (
        "Loss%",
        "Lost in percent of lost and answered. Local failures and outstanding probes are no loss.",
    ),
    "sent": ("Snt", "Probes that left this host: answered, lost and outstanding."),
    "received": ("Recv", "Probes that were answered, late ones too."),
    "last": ("Last", "Last round-trip time in ms."),
    "mean": ("Avg", "Mean round-trip time in ms."),
    "best": ("Best", "Least round-trip time in ms."),
    "worst": ("Worst", "Greatest round-trip time in ms."),
    "stddev": ("StDev", "Standard deviation of the round-trip times in ms, from two samples on."),
    "status": ("!", "What the loss and the delay of this hop mean for the path."),
    "jitter": ("Jttr", "Difference of the last two round-trip times in ms."),
    "jitter_mean": ("Javg", "Mean difference of consecutive round-trip times in ms."),
    "jitter_max": ("Jmax", "Greatest difference of consecutive round-trip times in ms."),
    "jitter_rfc3550": ("Jint", "Smoothed difference of consecutive round-trip times in ms (RFC 3550 6.4.1)."),
    "sequence": ("Seq", "Sequence of the last probe."),
    "source_port": ("Sprt", "Source port of the last probe."),
    "target_port": ("Dprt", "Target port of the last probe."),
    "icmp_type": ("Type", "ICMP type of the last answer."),
    "icmp_code": ("Code", "ICMP code of the last answer."),
    "nat": ("NAT", "The router quoted another address, port or checksum than was sent."),
    "failed": ("Fail", "Probes that something on this host kept from the network."),
    "forward_loss": (
        "Floss",
        "A guess: recent rounds in which a silence up to the end of the path began here.",
    ),
    "backward_loss": (
        "Bloss",
        "A guess: recent rounds in which this hop was silent behind the first of such a silence.",
    ),
    "forward_loss_pct": ("Floss%", "Floss in percent of the probes of those rounds; the same guess."),
    "dscp": ("DSCP", "Differentiated services code point the router quoted."),
    "ecn": ("ECN", "Congestion bits the router quoted."),
    "quoted_ttl": ("qTTL", "TTL the router quoted; above 1 it is a sign of a tunnel."),
    "asn": ("ASN", "Autonomous system of the address."),
    "p50": ("p50", "Median of the recent round-trip times in ms."),
    "p90": ("p90", "90 % of the recent round-trip times are below, in ms."),
    "p99": ("p99", "99 % of the recent round-trip times are below, in ms."),
    "lost": ("Lost", "Probes without an answer in time."),
    "loss_interval": ("Loss±", "The loss in percent lies between these, with 95 % confidence (Wilson)."),
    "outstanding": ("Out", "Probes still waiting for their answer."),
    "skipped": ("Skip", "Source ports skipped because another socket holds them."),
    "late": ("Late", "Answers that came after their probe had been counted as lost."),
    "duplicates": ("Dup", "Further answers to an answered probe."),
    "clock": ("Clock", "Who stamped the answers: the kernel, this process, or both by turns."),
    "reply_ttl": ("rTTL", "TTL left in the last answer."),
    "return_hops": (
        "Back",
        "Hops of the way back, if the answer started at the next of 64, 128 and 255 above what was left.",
    ),
    "extensions": ("Ext", "Interfaces and other objects in the last answer's ICMP extensions."),
    "mtu": ("MTU", "Bytes of the largest packet that goes on from this hop (--mtu)."),
    "mpls": ("MPLS", "MPLS labels in the last answer."),
    "country": ("Ctry", "Country of the address."),
    "recent": ("Recent", "Recent round-trip times, oldest first; losses are crosses, not bars."),
}

TEXTS = {
    f"column.{name}{suffix}": text
    for name, pair in _COLUMNS.items()
    for suffix, text in zip(("", ".help"), pair, strict=True)
} | {
    "columns.unknown": "There is no column {letter}; there are {letters}.",
    "columns.twice": "Column {letter} is named twice.",
    "cell.kernel": "kernel",
    "cell.user": "user",
    "cell.mixed": "both",
    "cell.yes": "yes",
    "cell.no": "no",
    "row.silent": "???",
    "row.hidden": "(hidden)",
}
