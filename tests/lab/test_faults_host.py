"""This host itself fails while a trace runs: descriptors, queues, disk, pipes, signals, foreign packets."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import struct
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab.labkit.chain import SOURCE_DEVICE, chain
from tests.lab.labkit.families import Family
from tests.lab.labkit.fault_notes import FaultNotes, reaches, recovers
from tests.lab.labkit.namespace import MOUNTS, User
from tests.lab.labkit.product import (
    ENVIRONMENT,
    ROOT,
    hopscope,
    hopscope_command,
    hopscope_stream,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.labkit.chain import Chain
    from tests.lab.labkit.namespace import Namespace

PACE = ("-C", "100000", "-i", "250ms", "-T", "250ms", "--timeout", "500ms")
WAYS = {
    "udp": (("--udp", "--channel", "errqueue"), User.NOBODY),
    "raw-udp": (("--udp", "--channel", "raw"), User.NET_RAW),
}
each_way = pytest.mark.parametrize("way", WAYS)
BURST = 24
"""Default of --max-inflight: so many probes may leave at once."""


@pytest.fixture(scope="module")
def path() -> Iterator[Chain]:
    with chain(2) as built:
        yield built


@pytest.mark.fault("descriptors exhausted (EMFILE)", "fails probes, tries again every round", way="udp")
def test_without_descriptors_it_says_so_and_recovers_when_there_are_some(
    path: Chain, notes: FaultNotes
) -> None:
    """UDP to one port: a socket for each probe. Only root may change the limit of a process that runs."""
    with hopscope_stream(path.source, *_to(path), "-P", "33434", user=User.ROOT) as stream:
        stream.until(reaches)
        limits = resource.prlimit(stream.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(stream.process.pid, resource.RLIMIT_NOFILE, (8, limits[1]))
        failed = stream.until(lambda event: event["event"] == "send_failed")
        assert failed["failure"]["kind"] == "too_many_files"
        assert "ulimit" in failed["failure"]["remedy"]
        resource.prlimit(stream.process.pid, resource.RLIMIT_NOFILE, limits)
        recovers(stream, notes)
        notes.events(stream.events)


@pytest.mark.fault(
    "few ports or descriptors at the start", "says so before the first probe, goes on", way="udp"
)
def test_a_low_limit_of_open_files_is_told_before_the_first_probe(path: Chain, notes: FaultNotes) -> None:
    command = ["prlimit", "--nofile=60:60", *hopscope_command("-m", "json", "-C", "1", "--udp")]
    target = path.target_address(Family.IPV4)
    done = path.source.run(
        [*command, "--channel", "errqueue", target], environment=ENVIRONMENT, directory=ROOT
    )
    [warning] = done.stderr.splitlines()
    assert "more may be opened" in warning
    assert "ulimit -n" in warning
    notes.says("stderr", warning)
    simulated = path.source.run([*command, "--sim", "clean"], environment=ENVIRONMENT, directory=ROOT)
    assert simulated.stderr == ""


def _to(path: Chain, family: Family = Family.IPV4) -> tuple[str, ...]:
    return (path.target_address(family), *PACE, "--udp", "--channel", "errqueue")


@contextlib.contextmanager
def _full_queue(source: Namespace) -> Iterator[None]:
    """A queue on the device that takes one small packet a second."""
    shaped = ["root", "tbf", "rate", "1kbit", "burst", "100", "limit", "100"]
    done = source.run(["tc", "qdisc", "add", "dev", SOURCE_DEVICE, *shaped])
    assert done.returncode == 0, done.stderr
    try:
        yield
    finally:
        source.run(["tc", "qdisc", "delete", "dev", SOURCE_DEVICE, "root"])


@pytest.mark.fault(
    "send queue full (ENOBUFS)",
    "halves the rate, at most every 100 ms, down to 1/64 and never below 1/s; grows back by a tenth a second",
)
@each_way
def test_a_full_queue_slows_it_down_and_lets_it_recover(path: Chain, way: str, notes: FaultNotes) -> None:
    arguments, user = WAYS[way]
    target = path.target_address(Family.IPV4)
    with hopscope_stream(path.source, target, *PACE, *arguments, user=user) as stream:
        stream.until(reaches)
        with _full_queue(path.source):
            slower = stream.until(lambda event: event["event"] == "pace")
            assert slower["rate"] < slower["wanted"] == 100
            failed = [event for event in stream.events if event["event"] == "send_failed"]
            assert {event["failure"]["kind"] for event in failed} == {"queue_full"}
            assert {event["failure"]["errno"] for event in failed} <= {"ENOBUFS", "EAGAIN"}
        recovers(stream, notes)
        full = stream.until(lambda event: event["event"] == "pace" and event["rate"] == event["wanted"])
        assert full["at_ns"] - slower["at_ns"] < 15_000_000_000
        notes.events(stream.events)


@pytest.mark.fault("nothing can be sent: a report", "ends, exit code 5", way="udp")
def test_a_report_that_can_send_nothing_ends_with_5_in_bounded_time(path: Chain, notes: FaultNotes) -> None:
    target = path.target_address(Family.IPV4)
    with path.source.firewall("udp dport 33434-33534 drop"):
        run = hopscope(path.source, target, "-m", "json", "-C", "100000", "--udp", "--timeout", "500ms")
    assert run.exit_code == 5, run
    assert run.seconds < 20
    assert run.report["outcome"]["reason"] == "error"
    [*_, ended] = run.report["errors"]
    assert ended["kind"] == "local_firewall"
    assert ended["message"].startswith("Given up: nothing could be sent for 1")
    assert ended["remedy"]
    notes.says("report", f"{ended['message']} {ended['remedy']}")
    assert run.report["health"]["per_second"]["failed"]["local_firewall"] > 0


@pytest.mark.fault(
    "process stopped (SIGSTOP), 1.5 s and 10 s",
    "reads the stamped answers that waited; loses none, does not burst",
)
@pytest.mark.parametrize(("way", "stopped_s"), [("udp", 10.0), ("raw-udp", 1.5)])
def test_a_stopped_process_loses_nothing_and_does_not_burst(
    path: Chain, way: str, stopped_s: float, notes: FaultNotes
) -> None:
    """For three timeouts, and for twenty: answers wait in the kernel, stamped."""
    arguments, user = WAYS[way]
    target = path.target_address(Family.IPV4)
    with hopscope_stream(path.source, target, *PACE, *arguments, user=user) as stream:
        stream.until(lambda event: reaches(event) and event["round"] == 2)
        stream.process.send_signal(signal.SIGSTOP)
        before = stream.drain()
        threading.Event().wait(stopped_s)
        stream.process.send_signal(signal.SIGCONT)
        recovers(stream, notes)
        stream.until(lambda event: reaches(event) and event["round"] >= before + 3)
        notes.events(stream.events)
    lost = [event for event in stream.events if event["event"] == "probe_lost" and event["ttl"] <= 3]
    assert lost == []
    sent = [event["at_ns"] for event in stream.events if event["event"] == "probe_sent" and event["round"]]
    assert max(sum(at <= other < at + 50_000_000 for other in sent) for at in sent) <= BURST


@pytest.mark.fault("disk full while recording", "ends the recording, not the trace", way="udp")
def test_a_full_disk_ends_the_recording_and_not_the_trace(path: Chain, notes: FaultNotes) -> None:
    target = path.target_address(Family.IPV4)
    run = hopscope(
        path.source, target, "-m", "json", "-C", "2", "-i", "100ms", "--udp", "--record", "/dev/full"
    )
    assert run.exit_code == 0, run
    assert "No space left" in run.stderr
    notes.says("stderr", run.stderr.strip())
    assert "Traceback" not in run.stderr
    assert run.report["outcome"]["rounds"] == 2


@pytest.mark.fault("reader of stdout gone (`| head`)", "ends, at most one sentence", way="udp")
def test_a_reader_that_goes_away_ends_it_without_a_traceback(path: Chain, notes: FaultNotes) -> None:
    with hopscope_stream(path.source, *_to(path)) as stream:
        stream.until(reaches)
        assert stream.process.stdout is not None
        stream.process.stdout.close()
        assert stream.process.wait(timeout=5) in {1, 128 + signal.SIGPIPE}
        assert stream.process.stderr is not None
        told = stream.process.stderr.read()
        stream.process.stdout = None
    assert "Traceback" not in told
    assert len(told.splitlines()) <= 1
    if told:
        notes.says("stderr", told.strip())


def _files_written(pid: int) -> set[Path]:
    """Files on a disk that the process holds open to write in."""
    written = set()
    for opened in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it may have closed what it read a moment ago
            if opened.is_file() and _for_writing(pid, opened.name):
                written.add(opened.readlink())
    return written


def _for_writing(pid: int, fd: str) -> bool:
    flags = Path(f"/proc/{pid}/fdinfo/{fd}").read_text().split("flags:")[1].split()[0]
    return bool(int(flags, 8) & (os.O_WRONLY | os.O_RDWR))


@pytest.mark.fault(
    "`kill -9`",
    "leaves a recording that reads (`truncated`), no lock, no namespace, no other file",
    way="udp",
)
def test_killed_it_leaves_a_recording_that_reads_and_nothing_else(
    path: Chain, tmp_path: Path, notes: FaultNotes
) -> None:
    record = tmp_path / "trace.ndjson"
    names = set(MOUNTS.iterdir())
    with hopscope_stream(path.source, *_to(path), "--record", str(record), user=User.ROOT) as stream:
        stream.until(lambda event: reaches(event) and event["round"] == 2)
        written = _files_written(stream.process.pid)
        assert written == {record}
        assert str(stream.process.pid) not in Path("/proc/locks").read_text().split()
        stream.process.kill()
        stream.process.wait(timeout=5)
    assert set(MOUNTS.iterdir()) == names
    assert list(tmp_path.iterdir()) == [record]
    run = hopscope(path.source, "--replay", str(record), "-m", "json", user=User.ROOT)
    assert run.exit_code == 0, run
    assert run.report["outcome"]["reason"] == "truncated"
    notes.says("report", run.report["outcome"]["reason"])
    assert run.report["outcome"]["rounds"] >= 3


@pytest.mark.fault("no DNS: a report", "ends, exit code 4", way="udp")
def test_a_name_that_nobody_resolves_ends_in_a_sentence(path: Chain, notes: FaultNotes) -> None:
    """No server can be reached from the laboratory."""
    run = hopscope(path.source, "host.test.invalid", "-m", "json", "-C", "1", "--udp", seconds=60)
    assert run.exit_code == 4, run
    [error] = run.report["errors"]
    assert error["kind"] == "target_not_resolved"
    notes.says("report", f"{error['message']} {error['remedy']}")


FLOOD_PER_S, FLOOD_S = 20_000, 2.0


def _flood(router: Namespace, target: str) -> int:
    """Time-exceeded messages about packets that nobody sent; returns how many left."""
    quote = struct.pack(
        "!BBHHHBBH4s4sHHHH", 0x45, 0, 28, 9, 0, 1, 17, 0, socket.inet_aton("198.18.0.1"),
        socket.inet_aton("203.0.113.77"), 50_001, 33_999, 8, 0,
    )  # fmt: skip
    body = struct.pack("!BBHI", 11, 0, 0, 0) + quote
    total = sum(struct.unpack(f"!{len(body) // 2}H", body))
    total = (total & 0xFFFF) + (total >> 16)
    message = body[:2] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + body[4:]
    sent = 0
    with router.entered(), socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as out:
        begun = time.monotonic()
        while (elapsed := time.monotonic() - begun) < FLOOD_S:
            for _ in range(max(int(elapsed * FLOOD_PER_S) - sent, 0)):
                out.sendto(message, (target, 0))
                sent += 1
    return sent


@pytest.mark.fault("20 000 foreign ICMP errors a second", "loses no answer, takes under half a processor")
@each_way
def test_a_flood_of_foreign_errors_costs_no_answer(path: Chain, way: str, notes: FaultNotes) -> None:
    arguments, user = WAYS[way]
    target = path.target_address(Family.IPV4)
    with hopscope_stream(path.source, target, *PACE, *arguments, user=user) as stream:
        stream.until(reaches)
        sent = _flood(path.routers[0], path.source_address(Family.IPV4))
        recovers(stream, notes)
        stream.until(lambda event: event["event"] == "load")
        notes.events(stream.events)
    assert sent > 0.5 * FLOOD_PER_S * FLOOD_S, "the machine is too busy to flood"
    lost = [event for event in stream.events if event["event"] == "probe_lost" and event["ttl"] <= 3]
    assert lost == []
    loads = [event for event in stream.events if event["event"] == "load"]
    busiest = max(event["cpu_ns"] / event["over_ns"] for event in loads)
    print(json.dumps({"way": way, "foreign": sent, "busiest_second": round(busiest, 3)}))  # noqa: T201 - measured
    assert busiest < 0.5


@pytest.mark.fault(
    "target answers from another address",
    "shows that address at the last hop, does not call it reached",
    way="udp",
)
def test_a_target_that_answers_from_another_address_is_shown_and_not_called_reached(
    path: Chain, notes: FaultNotes
) -> None:
    other = "198.18.2.77"
    rule = f"icmp type destination-unreachable ip saddr set {other}"
    target = path.target_address(Family.IPV4)
    with path.target.rewriting({"postrouting": [rule]}):
        run = hopscope(
            path.source, target, "-m", "json", "-C", "2", "-i", "100ms", "--udp", "--timeout", "500ms"
        )
    assert run.exit_code == 1, run
    assert run.report["outcome"]["reached"] is False
    assert run.report["outcome"]["reason"] == "unreachable"
    assert {one["address"] for one in run.report["hops"][-1]["responders"]} == {other}
    notes.says("report", run.report["outcome"]["reason"])


NO_THREADS = ("prlimit", "--nproc=1:1", "setpriv", "--reuid=65531", *User.NOBODY.value[1:], "--")
"""A user who has no other process, and may have one."""


@pytest.mark.parametrize("target", ["localhost", "127.0.0.1"])
def test_where_no_thread_may_start_names_are_refused_in_a_sentence_and_addresses_traced(
    path: Chain, target: str
) -> None:
    command = hopscope_command("-m", "json", "-C", "1", "--udp", "--channel", "errqueue", target)
    path.source.ip("link set lo up")
    done = path.source.run([*NO_THREADS, *command], environment=ENVIRONMENT, directory=ROOT)
    told = "hopscope: This process may start no more threads. Raise the limit of processes"
    assert done.returncode == (5 if target == "localhost" else 0), done
    assert done.stderr.startswith(told if target == "localhost" else "")
    assert len(done.stderr.splitlines()) == (target == "localhost")


def test_the_load_of_the_process_is_in_the_report(path: Chain) -> None:
    target = path.target_address(Family.IPV4)
    run = hopscope(path.source, target, "-m", "json", "-C", "3", "--udp")
    assert run.exit_code == 0, run
    assert run.stderr == ""
    load = run.report["health"]["load"]
    assert 0 < load["cpu_pct"] < 50
    assert 10_000_000 < load["memory"] < 200_000_000
    assert 0 <= load["lag_ms"] < 1000
    assert run.report["health"]["per_second"]["sent"] > 0
