"""The ``hopscope`` command: options in, a report or the event stream out, an exit code.

stdout carries the report and nothing else; every error is one sentence with a remedy on stderr. Headless
modes import no screen.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from tracer.config import TraceConfig
from tracer.errors import HopscopeError, LocalError, NotPermittedError, TargetError
from tracer.model import EndReason
from tracer.text import printable
from tracer.version import VERSION
from tui import unseen
from tui.asking import decided, naming, sought, with_columns
from tui.late_output import LateOutput
from tui.mode_names import MODE_NAMES, PRETTY, TUI
from tui.options import PREFIX, Choices, SettingOption, give_variables, trace_options
from tui.printing import print_options
from tui.targets_file import with_targets_file
from tui.trippy import understand
from tui.written import LateFile, files

if TYPE_CHECKING:
    from tracer.interfaces import OpenSockets
    from tracer.report.document import Report
    from tui.headless import Output

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
@click.argument("targets", nargs=-1, metavar="TARGET...", envvar=f"{PREFIX}TARGETS")
@click.option(
    "-c",
    "--config-file",
    type=click.Path(path_type=Path),
    help="Read this configuration file instead of the user's own.",
)
@click.option(
    "-m",
    "--mode",
    cls=SettingOption,
    type=click.Choice(MODE_NAMES),
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
    "--pcap",
    type=click.Path(path_type=Path),
    help="Write probes and answers to this file (pcapng), each with what became of it. Answers are whole "
    "with --channel raw only.",
)
@click.option(
    "--replay", type=click.Path(path_type=Path), help="Show or report a recording instead of the network."
)
@click.option(
    "--doctor", is_flag=True, help="Check what this host lets the options do, and how to mend the rest."
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
@print_options
@with_targets_file
@click.version_option(VERSION, "-V", "--version", message="hopscope %(version)s")
@click.pass_context
def command(  # noqa: PLR0913 - one argument for each option that is no trace's
    context: click.Context,
    choices: Choices,
    targets: tuple[str, ...],
    mode: str | None,
    sim: str | None,
    record: Path | None,
    pcap: Path | None,
    replay: Path | None,
    *,
    doctor: bool,
) -> None:
    """Trace the path to TARGET with ICMP, UDP or TCP, without privileges."""
    if doctor:
        context.exit(_doctor(choices.config, len(targets), mode))
    if not targets and sim is None and replay is None:
        raise click.UsageError("Give a TARGET, or --sim wan to trace a simulated path.", context)
    if replay is not None:
        _only_replayed(context, choices, (targets, sim, record, pcap))
    chosen = _mode(mode or choices.mode, context)
    if chosen == TUI:
        context.exit(
            _screen(targets, choices, sim, files(record, pcap))
            if replay is None
            else _player(replay, choices)
        )
    config = choices.config
    if config.report_cycles is None:
        config = msgspec.structs.replace(config, report_cycles=REPORT_CYCLES)
    if replay is not None:
        context.exit(_replay(replay, LateOutput(chosen, choices.hidden_hops(), None).make()))
    output = LateOutput(chosen, choices.hidden_hops(), config.report_cycles)
    context.exit(_trace(targets, decided(config, chosen, sim), output, sim, files(record, pcap)))


def _only_replayed(context: click.Context, choices: Choices, others: Sequence[object]) -> None:
    """Refuse what a recording cannot be asked any more."""
    if any(others):
        raise click.UsageError(
            "--replay reads a recording; it takes no TARGET, --sim, --record or --pcap.",
            context,
        )
    if choices.typed:
        raise click.UsageError(
            "--replay reports what was recorded; no option of a trace changes it.", context
        )


def _doctor(config: TraceConfig, targets: int, mode: str | None) -> int:
    from tracer import checkup  # noqa: PLC0415 - only here
    from tracer.report import checks  # noqa: PLC0415

    findings = checkup.examine(config, targets)
    if mode == "json":
        sys.stdout.buffer.write(checks.json(findings, VERSION))
    else:
        click.echo(checks.text(findings), nl=False)
    return Exit.REACHED if checkup.is_well(findings) else Exit.NOT_REACHED


def _mode(given: str | None, context: click.Context) -> str:
    """What the user asked for, else what suits where the command runs."""
    if given is None:
        return TUI if _has_terminal() else PRETTY
    if given == TUI and not _has_terminal():
        raise click.UsageError("-m tui needs a terminal for input and output; -m pretty needs none.", context)
    return given


def _has_terminal() -> bool:
    """Keys can be read and a screen can be drawn."""
    streams = (sys.stdin, sys.stdout)
    return (
        all(stream is not None and stream.isatty() for stream in streams) and os.environ.get("TERM") != "dumb"
    )


def _screen(targets: Sequence[str], choices: Choices, sim: str | None, written: Sequence[LateFile]) -> int:
    from tui import interactive  # noqa: PLC0415 - headless modes import no screen

    with _opened(written, choices.config, sim) as sockets:
        source = interactive.live(targets, choices.config, sim, sockets)
        for file in written:
            source.listen(file.written(source.warn))
        look = with_columns(choices.look(), sought(decided(choices.config, TUI, sim)))
        ended_by = interactive.run(source, _complain, look, choices.path)
        for complaint in filter(None, (file.complaint for file in written)):
            _complain(complaint)
    return ended_by or exit_code(source.bridge.reports())


def _player(path: Path, choices: Choices) -> int:
    from tui import interactive  # noqa: PLC0415 - headless modes import no screen

    source = interactive.recorded(path)
    ended_by = interactive.run(source, _complain, choices.look(), choices.path)
    return ended_by or exit_code(source.bridge.reports())


def _trace(
    targets: Sequence[str],
    config: TraceConfig,
    output: LateOutput,
    sim: str | None,
    written: Sequence[LateFile],
) -> int:
    from tracer.session import Session  # noqa: PLC0415 - --help and --version need none of it

    def complain(text: str) -> None:
        output.clear()
        _complain(text)

    with _opened(written, config, sim) as sockets:
        prepared = unseen.prepared(targets, config, sim, sockets)
        for warning in prepared.warnings:
            _complain(warning)
        session = Session(prepared, config, [*(file.written(complain) for file in written), output.hear])
        with contextlib.closing(prepared.channel), contextlib.ExitStack() as ended:
            ended.callback(output.clear)
            signalled = unseen.run(session, naming(config, session, prepared.clock), output.make)
        reports = output.finish()
        return exit_code(reports) if signalled is None else Exit.SIGNAL + signalled


@contextlib.contextmanager
def _opened(
    written: Sequence[LateFile], config: TraceConfig, sim: str | None
) -> Iterator[OpenSockets | None]:
    """Open all that needs a privilege, now or after a change of the options, and then give up every one.

    Files are opened with root's rights where root asks for them, never on behalf of somebody behind sudo.
    """
    from tracer import prepare  # noqa: PLC0415 - --help and --version need none of it

    with contextlib.ExitStack() as opened:
        opened.callback(_close, written)
        if sim is not None:
            yield None
            return
        sockets = prepare.open_privileged(config.channel)
        if sockets is not None:
            opened.callback(sockets.close)
        for file in written if not prepare.acts_for_another() else ():
            file.open()
        prepare.keep_no_privilege()
        yield sockets


def _close(written: Sequence[LateFile]) -> None:
    for file in written:
        file.close()


def _replay(path: Path, output: Output) -> int:
    from tracer import record  # noqa: PLC0415 - only here

    gc.enable()
    for event in record.read(path):
        output.hear([event])
    return exit_code(output.finish())


give_variables(command)
understand(command)


def exit_code(reports: Sequence[Report]) -> int:
    """The code of the worst target: 0 reached < 1 not reached < 4 not resolved < 5 nothing sent."""
    return max((_exit_code(report) for report in reports), default=Exit.NOT_REACHED)


def _exit_code(report: Report) -> int:
    if report.outcome.reached:
        return Exit.REACHED
    if report.outcome.reason is EndReason.ERROR:
        return Exit.NOT_RESOLVED if report.target.address is None else Exit.NOTHING_SENT
    return Exit.NOT_REACHED


def _complain(text: str) -> None:
    click.echo(f"hopscope: {_shortened(printable(text))}", err=True)


_LONGEST_BEGINNING, _LONGEST_END = 800, 400


def _shortened(text: str) -> str:
    """A complaint about an endless value keeps its beginning, which names it, and its end, the remedy."""
    if len(text) <= _LONGEST_BEGINNING + _LONGEST_END:
        return text
    return f"{text[:_LONGEST_BEGINNING]} ... {text[-_LONGEST_END:]}"


def main() -> None:
    """The console script."""
    if sys.stdout is None:  # closed by whoever started us: nobody wants the report
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    sys.exit(_exit_code_of_command())


def _exit_code_of_command() -> int:
    """Run the command; whatever goes wrong is one sentence and a remedy."""
    try:
        return int(command.main(prog_name="hopscope", standalone_mode=False) or 0)
    except (click.Abort, KeyboardInterrupt):
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
