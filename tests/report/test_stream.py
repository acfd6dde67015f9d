"""Lines of the event log."""

from __future__ import annotations

import base64
import json as stdlib_json

import msgspec
import pytest

from tests.report import samples
from tests.stats.logbook import Log
from tracer.ndjson import decode
from tracer.report.stream import encode


@pytest.mark.parametrize("log", [samples.eventful, samples.unreachable, samples.unsendable])
def test_a_line_is_one_event_and_reads_back_as_it(log: type[Log]) -> None:
    for event in (samples.HEADER, *log().events):
        line = encode(event)
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        assert decode(line) == event
        assert type(decode(line)) is type(event)


def test_packets_travel_as_base64() -> None:
    log = Log()
    log.reply(1, 1, reply_bytes=b"\x45\x00\xff")
    told = stdlib_json.loads(encode(log.events[0]))
    assert (told["event"], base64.b64decode(told["reply_bytes"])) == ("reply", b"\x45\x00\xff")


@pytest.mark.parametrize("line", [b"", b"{", b"{}", b'{"event":"unheard"}', b'{"event":"probe_sent"}'])
def test_what_is_no_event_is_refused(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(line)
