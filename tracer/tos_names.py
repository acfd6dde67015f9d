"""What the values of the TOS or traffic class byte are called."""

from __future__ import annotations

ECN_NAMES = ("Not-ECT", "ECT(1)", "ECT(0)", "CE")
"""RFC 3168 section 5."""

DSCP_NAMES = {
    0: "CS0", 1: "LE", 8: "CS1", 10: "AF11", 12: "AF12", 14: "AF13", 16: "CS2", 18: "AF21", 20: "AF22",
    22: "AF23", 24: "CS3", 26: "AF31", 28: "AF32", 30: "AF33", 32: "CS4", 34: "AF41", 36: "AF42", 38: "AF43",
    40: "CS5", 44: "VA", 46: "EF", 48: "CS6", 56: "CS7",
}  # fmt: skip
"""IANA registry *Differentiated Services Field Codepoints*."""


def dscp_name(dscp: int) -> str:
    """The name of a code point, 0..63, or its number in hexadecimal."""
    return DSCP_NAMES.get(dscp, f"{dscp:#04x}")


def ecn_name(ecn: int) -> str:
    """The name of the congestion bits, 0..3."""
    return ECN_NAMES[ecn & 3]
