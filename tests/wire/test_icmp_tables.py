import pytest

from tests.wire.wire_strategies import FAMILIES
from tracer.icmp_names import CODE_NAMES, TYPE_NAMES, code_name, type_name
from tracer.model import Family, Icmp, ReplyKind
from tracer.wire.icmp import (
    ICMP_ERRORS,
    REPLY_KINDS,
    IcmpError,
    IcmpMessage,
    length_attribute,
    reply_kind,
)

V4, V6 = Family.IPV4, Family.IPV6


@pytest.mark.parametrize(
    ("family", "numbers", "kind"),
    [
        (V4, (0, 0), ReplyKind.ECHO_REPLY),
        (V4, (3, 3), ReplyKind.UNREACHABLE),
        (V4, (3, 4), ReplyKind.PACKET_TOO_BIG),
        (V4, (3, 77), ReplyKind.UNREACHABLE),
        (V4, (11, 0), ReplyKind.TIME_EXCEEDED),
        (V4, (12, 0), ReplyKind.PARAMETER_PROBLEM),
        (V4, (8, 0), None),
        (V4, (5, 1), None),
        (V6, (1, 4), ReplyKind.UNREACHABLE),
        (V6, (2, 0), ReplyKind.PACKET_TOO_BIG),
        (V6, (3, 4), ReplyKind.TIME_EXCEEDED),
        (V6, (4, 1), ReplyKind.PARAMETER_PROBLEM),
        (V6, (129, 0), ReplyKind.ECHO_REPLY),
        (V6, (128, 0), None),
        (V6, (135, 0), None),
    ],
)
def test_what_each_message_says_about_a_probe(
    family: Family, numbers: tuple[int, int], kind: ReplyKind | None
) -> None:
    assert reply_kind(family, *numbers) is kind


@pytest.mark.parametrize("family", FAMILIES)
def test_every_error_has_numbers_that_mean_it_in_both_families(family: Family) -> None:
    assert set(ICMP_ERRORS[family]) == set(IcmpError)
    kinds = {
        error: reply_kind(family, numbers.type, numbers.code)
        for error, numbers in ICMP_ERRORS[family].items()
    }
    assert kinds[IcmpError.TIME_EXCEEDED] is ReplyKind.TIME_EXCEEDED
    assert kinds[IcmpError.PACKET_TOO_BIG] is ReplyKind.PACKET_TOO_BIG
    assert kinds[IcmpError.PORT_UNREACHABLE] is ReplyKind.UNREACHABLE
    assert kinds[IcmpError.HOST_UNREACHABLE] is ReplyKind.UNREACHABLE
    assert None not in kinds.values()


@pytest.mark.parametrize("family", FAMILIES)
def test_everything_that_answers_a_probe_has_a_name(family: Family) -> None:
    assert set(REPLY_KINDS[family]) <= set(TYPE_NAMES[family])
    assert {icmp_type for icmp_type, _ in CODE_NAMES[family]} <= set(TYPE_NAMES[family])


def test_names_and_placeholders() -> None:
    assert type_name(V4, 11) == type_name(V6, 3) == "time exceeded"
    assert code_name(V4, 3, 3) == code_name(V6, 1, 4) == "port unreachable"
    assert type_name(V4, 99) == "type 99"
    assert code_name(V6, 1, 99) == "code 99"


@pytest.mark.parametrize(
    ("family", "numbers", "rest", "quote_length", "mtu"),
    [
        (V4, Icmp(11, 0), 0x0020_0000, 128, None),
        (V4, Icmp(3, 4), 0x0020_05DC, 128, 1500),
        (V4, Icmp(3, 4), 0, 0, None),
        (V4, Icmp(3, 3), 0x0000_05DC, 0, None),
        (V4, Icmp(12, 0), 0x1421_0000, 132, None),
        (V4, Icmp(0, 0), 0x0020_0000, 0, None),
        (V6, Icmp(3, 0), 0x1000_0000, 128, None),
        (V6, Icmp(1, 4), 0x0A00_0000, 80, None),
        (V6, Icmp(2, 0), 0x0000_0500, 0, 1280),
        (V6, Icmp(4, 0), 0x0000_0028, 0, None),
    ],
)
def test_the_second_word_tells_quote_length_and_mtu_where_it_has_them(
    family: Family, numbers: Icmp, rest: int, quote_length: int, mtu: int | None
) -> None:
    message = IcmpMessage(family=family, type=numbers.type, code=numbers.code, rest=rest)
    assert (message.quote_length, message.mtu) == (quote_length, mtu)


@pytest.mark.parametrize(("family", "icmp_type", "longest"), [(V4, 11, 1020), (V6, 3, 2040)])
def test_the_length_attribute_is_written_as_it_is_read(family: Family, icmp_type: int, longest: int) -> None:
    for length in (128, longest):
        rest = length_attribute(family, icmp_type, length)
        assert IcmpMessage(family=family, type=icmp_type, code=0, rest=rest).quote_length == length
    for length in (longest + 8, 129):
        with pytest.raises(ValueError, match="cannot tell"):
            length_attribute(family, icmp_type, length)


@pytest.mark.parametrize(("family", "icmp_type"), [(V4, 8), (V6, 2)])
def test_types_without_a_length_attribute_are_refused_one(family: Family, icmp_type: int) -> None:
    with pytest.raises(ValueError, match="cannot tell"):
        length_attribute(family, icmp_type, 128)
