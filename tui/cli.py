"""The ``hopscope`` command: options in, a report or the event stream out, an exit code.

stdout carries the report and nothing else; every error is one sentence with a remedy on stderr. Headless
modes import no screen.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from tracer.config import TraceConfig
from tracer.errors import HopscopeError, LocalError, NotPermittedError, TargetError
from tracer.events import Event
from tracer.model import EndReason
from tracer.report.document import Report
from tracer.report.fold import Fold
from tracer.session import Listener, Prepared, Session
from tracer.text import printable
from tracer.version import VERSION
from tui.asking import decided, sought, with_columns
from tui.options import saved_config, trace_options

if TYPE_CHECKING:
    from tracer.lookup.lookup import Lookup


class Mode(StrEnum):
    """What stdout gets."""

    TUI = "tui"
    PRETTY = "pretty"
    JSON = "json"
    STREAM = "stream"


REPORT_CYCLES = 10
"""Rounds of a report when the user does not say."""


class Exit:
    """The exit codes other programs rely on."""

    REACHED = 0
    NOT_REACHED = 1
    USAGE = 2
    NOT_PERMITTED = 3
    NOT_RESOLVED = 4
    NOTHING_SENT = 5
    SIGNAL = 128


_ERROR_EXITS: tuple[tuple[type[HopscopeError], int], ...] = (
    (NotPermittedError, Exit.NOT_PERMITTED),
    (TargetError, Exit.NOT_RESOLVED),
    (LocalError, Exit.NOTHING_SENT),
    (HopscopeError, Exit.USAGE),
)
"""The first class that fits decides."""


def _print_schema(context: click.Context, _: click.Parameter, name: str | None) -> None:
    if name is not None:
        from tracer.report import schema  # noqa: PLC0415 - only here

        click.echo(schema.render(name), nl=False)
        context.exit()


@click.command(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 reached, 1 not reached, 2 usage, 3 not permitted, 4 target not resolved, "
    "5 nothing could be sent, 130/143 interrupted.",
)
@click.argument("targets", nargs=-1, metavar="TARGET...")
@click.option(
    "-m",
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    help="What to show: the screen (tui) unless given, or pretty where there is no terminal.",
)
@click.option(
    "--sim",
    metavar="NAME|FILE",
    help="Trace a simulated internet: wan, lan, loss, ratelimit, route-change, bufferbloat, blackhole, "
    "clean, or a scenario file. Sends nothing.",
)
@click.option("--record", type=click.Path(path_type=Path), help="Write every event to this file.")
@click.option(
    "--replay", type=click.Path(path_type=Path), help="Show or report a recording instead of the network."
)
@click.option(
    "--json-schema",
    type=click.Choice(["report", "events"]),
    is_flag=False,
    flag_value="report",
    expose_value=False,
    is_eager=True,
    callback=_print_schema,
    help="Print the JSON Schema of the report or of the event log.",
)
@trace_options
@click.version_option(VERSION, "-V", "--version", message="hopscope %(version)s")
@click.pass_context
def command(
    context: click.Context,
    config: TraceConfig,
    targets: tuple[str, ...],
    mode: str | None,
    sim: str | None,
    record: Path | None,
    replay: Path | None,
) -> None:
    """Trace the path to TARGET with ICMP, UDP or TCP, without privileges."""
    if not targets and sim is None and replay is None:
        raise click.UsageError("Give a TARGET, or --sim wan to trace a simulated path.", context)
    if replay is not None and (targets or sim or record):
        raise click.UsageError("--replay reads a recording; it takes no TARGET, --sim or --record.", context)
    if replay is not None and config != saved_config({}):
        raise click.UsageError(
            "--replay reports what was recorded; no option of a trace changes it.", context
        )
    chosen = _mode(mode, context)
    if chosen is Mode.TUI:
        gc.disable()  # nothing that is imported is garbage; interactive.run lets the collector work again
        context.exit(_screen(targets, config, sim, record) if replay is None else _player(replay))
    if config.report_cycles is None:
        config = msgspec.structs.replace(config, report_cycles=REPORT_CYCLES)
    if replay is not None:
        context.exit(_replay(replay, chosen))
    context.exit(_trace(targets, decided(config, chosen, sim), chosen, sim, record))


def _mode(given: str | None, context: click.Context) -> Mode:
    """What the user asked for, else what suits where the command runs."""
    if given is None:
        return Mode.TUI if _has_terminal() else Mode.PRETTY
    if given == Mode.TUI and not _has_terminal():
        raise click.UsageError("-m tui needs a terminal for input and output; -m pretty needs none.", context)
    return Mode(given)


def _has_terminal() -> bool:
    """Keys can be read and a screen can be drawn."""
    streams = (sys.stdin, sys.stdout)
    return (
        all(stream is not None and stream.isatty() for stream in streams) and os.environ.get("TERM") != "dumb"
    )


def _screen(targets: Sequence[str], config: TraceConfig, sim: str | None, record: Path | None) -> int:
    from tui import interactive, settings  # noqa: PLC0415 - headless modes import no screen

    source = interactive.live(targets, config, sim)
    recording = None if record is None else interactive.LateRecording(record)
    if recording is not None:
        source.listen(recording.write)
    look = with_columns(settings.load().look, sought(decided(config, Mode.TUI, sim)))
    ended_by = interactive.run(source, _complain, look)
    if recording is not None and (failure := recording.close()) is not None:
        _complain_of_recording(failure)
    return ended_by or exit_code(source.bridge.reports())


def _player(path: Path) -> int:
    from tui import interactive, settings  # noqa: PLC0415 - headless modes import no screen

    source = interactive.recorded(path)
    return interactive.run(source, _complain, settings.load().look) or exit_code(source.bridge.reports())


def _trace(
    targets: Sequence[str], config: TraceConfig, mode: Mode, sim: str | None, record: Path | None
) -> int:
    from tracer import prepare  # noqa: PLC0415 - --help and --version need none of it

    async def run() -> int:
        lookup = _lookup(config)
        prepared = (
            await prepare.real(targets, config) if sim is None else prepare.simulated(targets, config, sim)
        )
        recorder = _recorder(record)
        fold = Fold()
        listeners: list[Listener] = [fold.apply, *_outputs(mode, fold)]
        if recorder is not None:
            listeners.append(recorder.write)
        interrupted = await _run(Session(prepared, config, listeners), prepared, lookup)
        if recorder is not None:
            recorder.close()
            if recorder.failure is not None:
                _complain_of_recording(recorder.failure)
        reports = fold.reports()
        _print_reports(reports, mode)
        return interrupted or exit_code(reports)

    return asyncio.run(run())


def _lookup(config: TraceConfig) -> Lookup | None:
    if not sought(config):
        return None
    from tracer.lookup.sources import open_lookup  # noqa: PLC0415 - only where it is asked for

    return open_lookup(config)


async def _run(session: Session, prepared: Prepared, lookup: Lookup | None) -> int:
    """Run the session; returns the exit code of the signal that ended it, or 0."""
    caught: list[int] = []
    naming = None
    if lookup is not None:
        from tracer.naming import Naming  # noqa: PLC0415 - only where it is asked for

        naming = Naming(lookup, prepared.clock, session.tell)
        session.listen(naming.hear)

    def stop(number: int) -> None:
        caught.append(number)
        session.stop(EndReason.INTERRUPTED)
        if naming is not None:
            naming.close()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    try:
        await session.run()
        if naming is not None:
            await naming.settle()
    finally:
        prepared.channel.close()
    return Exit.SIGNAL + caught[0] if caught else 0


def _recorder(path: Path | None) -> Any:
    if path is None:
        return None
    from tracer.record import Recorder  # noqa: PLC0415 - only where asked for

    return Recorder(path)


def _outputs(mode: Mode, fold: Fold) -> list[Listener]:
    """What is printed while the trace runs."""
    if mode is Mode.STREAM:
        return [_stream]
    if mode is Mode.PRETTY and sys.stdout.isatty():
        from tui.live import LiveTable  # noqa: PLC0415 - only on a terminal

        return [LiveTable(fold, sys.stdout).update]
    return []


def _stream(events: Sequence[Event]) -> None:
    from tracer.report import stream  # noqa: PLC0415 - only for this mode

    sys.stdout.buffer.write(b"".join(stream.encode(event) for event in events))
    sys.stdout.buffer.flush()


def _print_reports(reports: list[Report], mode: Mode) -> None:
    sys.stdout.buffer.write(_RENDER[mode](reports))
    sys.stdout.buffer.flush()


def _json(reports: list[Report]) -> bytes:
    from tracer.report import json  # noqa: PLC0415 - only for this mode

    return json.render(reports)


def _pretty(reports: list[Report]) -> bytes:
    from tracer.report import pretty  # noqa: PLC0415 - only for this mode

    width = os.get_terminal_size().columns if sys.stdout.isatty() else None
    return pretty.render(reports, width).encode("utf-8", "replace")


_RENDER: dict[Mode, Callable[[list[Report]], bytes]] = {
    Mode.JSON: _json,
    Mode.PRETTY: _pretty,
    Mode.STREAM: lambda _: b"",
}
"""What is printed when the trace is over."""


def _replay(path: Path, mode: Mode) -> int:
    from tracer import record  # noqa: PLC0415 - only here

    fold = Fold()
    for event in record.read(path):
        fold.apply([event])
        if mode is Mode.STREAM:
            _stream([event])
    reports = fold.reports()
    _print_reports(reports, mode)
    return exit_code(reports)


def exit_code(reports: Sequence[Report]) -> int:
    """The code of the worst target: 0 reached < 1 not reached < 4 not resolved < 5 nothing sent."""
    return max((_exit_code(report) for report in reports), default=Exit.NOT_REACHED)


def _exit_code(report: Report) -> int:
    if report.outcome.reached:
        return Exit.REACHED
    if report.outcome.reason is EndReason.ERROR:
        return Exit.NOT_RESOLVED if report.target.address is None else Exit.NOTHING_SENT
    return Exit.NOT_REACHED


def _complain_of_recording(failure: OSError) -> None:
    _complain(f"The recording is incomplete: {failure.strerror}.")


def _complain(text: str) -> None:
    click.echo(f"hopscope: {printable(text)}", err=True)


def main() -> None:
    """The console script."""
    if sys.stdout is None:  # closed by whoever started us: nobody wants the report
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    sys.exit(_exit_code_of_command())


def _exit_code_of_command() -> int:
    """Run the command; whatever goes wrong is one sentence and a remedy."""
    try:
        return int(command.main(prog_name="hopscope", standalone_mode=False) or 0)
    except click.Abort:
        return Exit.SIGNAL + signal.SIGINT
    except click.ClickException as error:
        _complain(f"{error.format_message()} Try hopscope --help.")
        return error.exit_code
    except HopscopeError as error:
        _complain(str(error))
        return next(code for kind, code in _ERROR_EXITS if isinstance(error, kind))
    except OSError as error:
        return _refused_by_system(error)


def _refused_by_system(error: OSError) -> int:
    if error.errno in (errno.EMFILE, errno.ENFILE):
        _complain(f"{error.strerror}. Raise the limit of open files (ulimit -n).")
        return Exit.NOTHING_SENT
    _complain(f"{error.strerror}. The output is incomplete: look at where it goes.")
    # What stdout still holds would fail again when the interpreter flushes it.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.NOT_REACHED


if __name__ == "__main__":
    main()
