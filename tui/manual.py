"""The manual page, made from the command itself (man(7))."""

from __future__ import annotations

from collections.abc import Iterator

import click

from tracer.version import VERSION

_FILES = (
    "config.toml",
    "in the user's configuration folder for hopscope; --print-config-template shows all of it.",
)
_EXITS = (
    ("0", "Every target was reached."),
    ("1", "Some target was not reached."),
    ("2", "Usage or configuration."),
    ("3", "Not permitted."),
    ("4", "Some target could not be resolved."),
    ("5", "Nothing could be sent to some target."),
    ("130, 143", "Interrupted; the report is printed all the same."),
)


def manual(context: click.Context) -> str:
    """The whole page, in the order man(7) recommends."""
    return "\n".join(_page(context)) + "\n"


def roff(text: str) -> str:
    """``text`` as roff shows it: no request, no escape, a minus that can be copied."""
    plain = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain


def _page(context: click.Context) -> Iterator[str]:
    command = context.command
    yield f'.TH HOPSCOPE 1 "" "hopscope {VERSION}" "User Commands"'
    yield ".SH NAME"
    yield "hopscope \\- trace the path to a host with ICMP, UDP or TCP"
    yield ".SH SYNOPSIS"
    yield ".B hopscope"
    yield "[\\fIOPTIONS\\fR] \\fITARGET\\fR..."
    yield ".SH DESCRIPTION"
    yield roff(command.help or "")
    yield ".SH OPTIONS"
    for option in command.get_params(context):
        yield from _option(option, context)
    yield ".SH ENVIRONMENT"
    yield "The command line goes before these, they go before the configuration file."
    for param in command.get_params(context):
        if param.envvar is not None:
            yield ".TP"
            yield f".B {roff(str(param.envvar))}"
            name = param.opts[-1] if isinstance(param, click.Option) else "TARGET"
            yield f"Same as {roff(name)}."
    yield ".SH FILES"
    yield ".TP"
    yield f".I {roff(_FILES[0])}"
    yield roff(_FILES[1])
    yield ".SH EXIT STATUS"
    for code, meaning in _EXITS:
        yield ".TP"
        yield f".B {roff(code)}"
        yield roff(meaning)


def _option(option: click.Parameter, context: click.Context) -> Iterator[str]:
    record = option.get_help_record(context)
    if record is not None:
        flags, told = record
        yield ".TP"
        yield f".B {roff(flags)}"
        yield roff(told)
