"""Recordings: the same report as live, from the whole of one or from any part, and never a traceback."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.session_driver import Run, simulation
from tracer.config import MS, SECOND, ProtocolChoice
from tracer.errors import RecordingError
from tracer.events import Event, Health, ProbeSent
from tracer.model import EndReason
from tracer.record import Recorder, read
from tracer.report import json, pretty
from tracer.report.document import Report
from tracer.report.fold import Fold


async def recorded(run: Run, file: Path) -> Run:
    """The run to its end, with a recorder listening."""
    recorder = Recorder(file)
    run.on_batch = recorder.write
    try:
        await run.to_its_end()
    finally:
        recorder.close()
    assert recorder.failure is None
    return run


def replay(file: Path) -> list[Report]:
    fold = Fold()
    fold.apply(read(file))
    return fold.reports()


@pytest.mark.parametrize(
    ("scenario", "queries", "options"),
    [
        ("wan", [], {"protocol": ProtocolChoice.ICMP, "report_cycles": 3}),
        ("wan", ["203.0.113.80", "nowhere", "198.18.3.1", "203.0.113.80"], {"report_cycles": 2}),
        ("nothing resolves", ["no", "such", "name"], {}),
        ("loss", [], {"protocol": ProtocolChoice.UDP, "report_cycles": 20, "timeout_ns": 200 * MS}),
        ("ratelimit", [], {"protocol": ProtocolChoice.TCP, "report_cycles": 5, "max_samples": 3}),
        ("blackhole", [], {"protocol": ProtocolChoice.UDP, "report_cycles": 4}),
        ("route-change", [], {"protocol": ProtocolChoice.ICMP, "report_cycles": 14}),
    ],
)
async def test_a_folded_recording_gives_the_live_report_byte_for_byte(
    scenario: str, queries: Sequence[str], options: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "trace.ndjson"
    scenario = "clean" if scenario == "nothing resolves" else scenario
    run = await recorded(simulation(scenario, queries, **options), file)
    again = replay(file)
    assert json.render(again) == json.render(run.reports)
    assert pretty.render(again, None) == pretty.render(run.reports, None)
    assert list(read(file)) == run.events


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A whole recording of a few kilobytes: one probe of the target and its answer."""
    import asyncio  # noqa: PLC0415 - the only synchronous test of a session

    file = tmp_path_factory.mktemp("small") / "trace.ndjson"
    run = simulation("lan", protocol=ProtocolChoice.UDP, report_cycles=1, first_ttl=5, max_ttl=5)
    asyncio.run(recorded(run, file))
    return file.read_bytes()


def test_cut_off_at_any_byte_it_is_readable_to_its_last_whole_line(small: bytes, tmp_path: Path) -> None:
    file = tmp_path / "cut.ndjson"
    header = small.index(b"\n")
    events = list(_written(small, file))
    for length in range(len(small) + 1):
        file.write_bytes(small[:length])
        if length < header:
            with pytest.raises(RecordingError, match="not a recording"):
                list(read(file))
            continue
        told = list(read(file))
        whole_lines = max(small.count(b"\n", 0, length), 1)
        assert told == events[:whole_lines]
    reasons = {length: _reason(small[:length], file) for length in (header, len(small) - 1, len(small))}
    assert list(reasons.values()) == [EndReason.TRUNCATED, EndReason.TRUNCATED, EndReason.TARGET_REACHED]


@pytest.mark.parametrize("share", [0.6, 0.8, 0.95])
def test_a_cut_recording_gives_a_report_that_says_so(small: bytes, share: float, tmp_path: Path) -> None:
    file = tmp_path / "cut.ndjson"
    file.write_bytes(small[: int(len(small) * share)])
    (report,) = replay(file)
    assert report.outcome.reason is EndReason.TRUNCATED
    assert report.ended_at is None
    assert json.render([report])
    assert pretty.render([report], None)


def _written(content: bytes, file: Path) -> list[Event]:
    file.write_bytes(content)
    return list(read(file))


def _reason(content: bytes, file: Path) -> EndReason:
    file.write_bytes(content)
    return replay(file)[0].outcome.reason


def with_line(content: bytes, number: int, line: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join([*lines[:number], line, *lines[number:]])


HEALTH = b'{"event":"health","at_ns":1,"target":"x"%s}\n'
SENT = (
    b'{"event":"probe_sent","at_ns":1,"target":"x","round":0,"ttl":%d,"flow":0,"sequence":1,'
    b'"source_port":1,"target_port":1,"tx":{"ns":1,"clock":"user"}}\n'
)
NEST = b'{"event":"send_failed","failure":' + b'{"evidence":' * 5_000 + b"0" + b"}" * 5_000 + b"}\n"


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{\n",
        b"null\n",
        b"[]\n",
        b'"probe_sent"\n',
        b"\xff\xfe\n",
        b"\0" * 100 + b"\n",
        b'{"event":"probe_sent"}\n',
        b'{"at_ns":1}\n',
        b'{"event":7}\n',
        HEALTH % b',"kernel_drops":"many"',
        HEALTH % (b',"kernel_drops":' + b"9" * 6_000),
        SENT % 0,
        SENT % 255,
        SENT % 1_000_000_000,
        SENT % -(10**40),
        b'{"event":"path_end","at_ns":1,"target":"x","ttl":1000000000,"kind":"target"}\n',
        NEST,
    ],
    ids=lambda line: line[:40].decode("latin-1").strip() or "blank",
)
def test_a_damaged_line_in_the_middle_is_named(small: bytes, line: bytes, tmp_path: Path) -> None:
    file = tmp_path / "damaged.ndjson"
    file.write_bytes(with_line(small, 4, line))
    with pytest.raises(RecordingError, match=r"damaged in line 5") as caught:
        list(read(file))
    assert caught.value.remedy


def test_events_of_a_later_version_are_passed_over_and_known_ones_gain_fields(
    small: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "later.ndjson"
    events = _written(small, file)
    later = with_line(small, 3, b'{"event":"hop_blessed","at_ns":1,"target":"x","by":["whom"]}\n')
    assert _written(later, file) == events
    gained = small.replace(b'"event":"probe_sent",', b'"event":"probe_sent","mood":{"of":"probe"},')
    assert gained != small
    assert _written(gained, file) == events


def test_a_known_line_between_is_read(small: bytes, tmp_path: Path) -> None:
    events = _written(with_line(small, 3, SENT % 254), tmp_path / "more.ndjson")
    assert isinstance(events[3], ProbeSent)
    assert events[3].ttl == 254


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"hello\n",
        b"{}\n",
        b"[]\n",
        HEALTH % b"",
        random.Random(3).randbytes(4_096),
        b"\x7fELF\2\1\1\0" * 64,
        b'{"event":"trace_started","config":' + b'{"a":' * 5_000 + b"0" + b"}" * 5_000 + b"}\n",
        b'{"event":"trace_started","schema":"hopscope.events/1"}\n',
    ],
    ids=["empty", "blank", "text", "object", "array", "event", "noise", "binary", "nest", "header in part"],
)
def test_what_is_no_recording_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "other"
    file.write_bytes(content)
    with pytest.raises(RecordingError, match="is not a recording") as caught:
        list(read(file))
    assert "--record" in caught.value.remedy


@pytest.mark.parametrize("schema", ["hopscope.events/2", "hopscope.report/1", ""])
def test_another_schema_is_refused(small: bytes, schema: str, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"hopscope\.events/1"):
        _written(small.replace(b"hopscope.events/1", schema.encode()), tmp_path / "other.ndjson")


@pytest.mark.parametrize("samples", [b"-1", b"0", b"null", b'"many"', b"1e3", b"9" * 30])
def test_an_absurd_window_is_refused(small: bytes, samples: bytes, tmp_path: Path) -> None:
    changed = small.replace(b'"max_samples":256', b'"max_samples":' + samples)
    assert changed != small
    with pytest.raises(RecordingError, match="max_samples"):
        _written(changed, tmp_path / "absurd.ndjson")


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(RecordingError, match="cannot be read"):
            list(read(path))
        with pytest.raises(RecordingError, match="cannot be written"):
            Recorder(path / "deeper" / "still")


TOKENS = [b"0", b"-1", b"9" * 25, b"null", b"true", b'"', b"{", b"}", b"[", b"\n", b","]


@settings(max_examples=300)
@given(data=st.data())
def test_no_damage_gives_anything_but_a_report_or_a_recording_error(
    data: st.DataObject, small: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Numbers and words of a recording are exchanged, bytes cut out and put in."""
    file = tmp_path_factory.getbasetemp() / "fuzzed.ndjson"
    content = bytearray(small)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        cut = data.draw(st.integers(0, 12))
        put = data.draw(
            st.one_of(
                st.binary(max_size=8),
                st.sampled_from(TOKENS),
            )
        )
        content[at : at + cut] = put
    file.write_bytes(content)
    with contextlib.suppress(RecordingError):
        reports = replay(file)
        assert json.render(reports)
        assert pretty.render(reports, None)


class _Stingy:
    """A file that takes three bytes at a time, and at some point none."""

    def __init__(self, room: int) -> None:
        self.content = b""
        self._room = room

    def write(self, data: memoryview) -> int:
        if len(self.content) >= self._room:
            raise OSError(28, "No space left on device")
        self.content += bytes(data[:3])
        return len(data[:3])


def test_a_write_that_takes_a_part_is_continued(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "trace.ndjson")
    recorder.close()
    stingy: Any = _Stingy(10**6)
    recorder._file = stingy
    events: list[Event] = [Health(at_ns=SECOND, target="x", clock_steps=1)] * 3
    recorder.write(events)
    assert [msgspec.json.decode(line) for line in stingy.content.splitlines()] == [
        {"event": "health", "at_ns": SECOND, "target": "x", "kernel_drops": 0, "clock_steps": 1}
    ] * 3


def test_a_full_disk_ends_the_recording_and_says_why(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "trace.ndjson")
    recorder.close()
    stingy: Any = _Stingy(100)
    recorder._file = stingy
    for _ in range(4):
        recorder.write([Health(at_ns=SECOND, target="x")])
    assert recorder.failure is not None
    assert recorder.failure.strerror == "No space left on device"
    assert len(stingy.content) < 103
