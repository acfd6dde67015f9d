"""A short run of `make fuzz`, the finds of its long ones, and the mutator itself."""

import contextlib
import itertools
from collections.abc import Callable
from pathlib import Path

import maxminddb
import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6

from tests.fuzz.mutation import inputs, mend_packet
from tests.fuzz.readers import Reader, readers
from tests.fuzz.run import UndocumentedError, counts, fuzz
from tests.lookup.databases import IPINFO_CORE, write
from tests.wire.wire_strategies import EVERY_ANSWER, EVERY_PROBE, RX
from tracer.errors import ConfigError, ScenarioError
from tracer.lookup.mmdb import Database
from tracer.model import Address
from tracer.sim import load as scenarios
from tracer.wire.decode import decode_reply
from tui import settings

SMOKE = 20_000
SEED = 1


def test_readers_raise_only_what_they_document(tmp_path: Path) -> None:
    found = readers(tmp_path / "input")
    tallies = [
        fuzz(reader, max(count, 20), SEED) for reader, count in zip(found, counts(found, SMOKE), strict=True)
    ]
    assert sum(tally.inputs for tally in tallies) >= SMOKE
    for reader, tally in zip(found, tallies, strict=True):
        assert bool(tally.refused) == bool(reader.errors), reader.name


def test_readers_take_their_corpus_as_it_is(tmp_path: Path) -> None:
    for reader in readers(tmp_path / "input"):
        for data in reader.corpus:
            if not data or reader.name in NOT_EVERY_ONE:
                continue
            reader.read(data)


NOT_EVERY_ONE = {"decode_reply", "decode_probe", "quote"}
"""Readers that share a corpus with another."""


def test_another_error_is_a_find_with_its_input() -> None:
    def read(data: bytes) -> None:
        raise KeyError(data)

    with pytest.raises(UndocumentedError, match="odd") as caught:
        fuzz(Reader(name="odd", read=read, corpus=(b"abc",), errors=(ValueError,)), 5, SEED)
    assert caught.value.__cause__ is not None
    assert caught.value.__cause__.args == (caught.value.data,)


def test_the_same_seed_gives_the_same_inputs_and_another_gives_others() -> None:
    corpus = tuple(EVERY_ANSWER.values())

    def first(seed: str) -> list[bytes]:
        return list(itertools.islice(inputs(corpus, seed, mend_packet, (b"word",)), 200))

    assert first("1") == first("1")
    assert len({*first("1"), *first("2")}) > 300


@pytest.mark.parametrize("name", [*EVERY_ANSWER, *EVERY_PROBE])
def test_mended_packets_have_the_checksums_that_scapy_computes(name: str) -> None:
    packet = {**EVERY_ANSWER, **EVERY_PROBE}[name]
    altered = bytearray(packet)
    altered[-1] ^= 0x55
    mend_packet(altered)
    layer = (IP if packet[0] >> 4 == 4 else IPv6)(bytes(altered))
    for part in (layer, layer.payload):
        for field in ("chksum", "cksum"):
            if field in getattr(part, "fields", {}):
                part.delfieldval(field)
    assert bytes(layer) == bytes(altered)


def test_mended_answers_are_read() -> None:
    for packet in EVERY_ANSWER.values():
        altered = bytearray(packet)
        altered[8 if packet[0] >> 4 == 4 else 7] = 77  # the TTL
        mend_packet(altered)
        assert getattr(decode_reply(bytes(altered), RX), "reply_ttl", None) == 77


DEEP = "a = " + "[" * 3000
HOSTILE_TOML = {
    "deep": DEEP,
    "dotted": "[trace]\n" + "a." * 2000 + "a = 1",
    "wide": "[trace]\nfirst-ttl = 0x" + "f" * 5000,
    "digits": "[trace]\nfirst-ttl = " + "9" * 5000,
    "long": f'[trace]\nprotocol = "{"x" * 100_000}"',
}


@pytest.mark.parametrize("name", HOSTILE_TOML)
def test_a_hostile_file_is_refused_in_a_sentence_of_bounded_length(name: str, tmp_path: Path) -> None:
    file = tmp_path / "hostile.toml"
    file.write_text(HOSTILE_TOML[name])
    with pytest.raises(ConfigError) as config:
        settings.load(file)
    with pytest.raises(ScenarioError):
        scenarios.load(file)
    assert len(str(config.value)) < 1000


def test_an_endless_duration_is_refused() -> None:
    with pytest.raises(ScenarioError, match="292 years"):
        scenarios.parse(f'[[hop]]\naddresses = ["198.18.1.1"]\nrtt = "{"9" * 400}s"\n', "endless")


def _cut(content: bytes) -> bytes:
    return content[:200] + content[260:]


def _key_that_is_no_text(content: bytes) -> bytes:
    """The key ``latitude`` becomes a number: maxminddb's C reader dies of it."""
    assert content.count(b"\x48latitude") == 1
    return content.replace(b"\x48latitude", b"\x68latitude")


@pytest.mark.parametrize("damage", [_cut, _key_that_is_no_text])
def test_a_damaged_database_costs_a_record_and_no_more(
    damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    file = tmp_path / "damaged.mmdb"
    write(file, {"192.0.2.0/24": IPINFO_CORE})
    file.write_bytes(damage(file.read_bytes()))
    try:
        database = Database(str(file), "--geoip-mmdb-file")
    except ConfigError:
        return
    with contextlib.closing(database), contextlib.suppress(maxminddb.InvalidDatabaseError):
        assert isinstance(database.record(Address("192.0.2.1")), dict)
