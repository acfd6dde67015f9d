"""The command line's options, generated from the declarations in tracer.config."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import click

from tracer.config import Declared, TraceConfig, declarations, format_duration, parse_duration
from tui.config_path import config_path, is_there


class Duration(click.ParamType[int]):
    """``250ms``, ``1s``: nanoseconds for the engine."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse what the user typed."""
        if isinstance(value, int):
            return value
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def trace_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command every declared option; it gets them as one ``config``, with the user's file."""

    @functools.wraps(function)
    def collected(**values: Any) -> None:
        chosen: dict[str, Any] = {}
        for declared in declarations():
            given = values.pop(declared.name)
            switches = [
                values.pop(_parameter(declared, fixed)) for fixed in declared.option.switches.values()
            ]
            asked = {value for value in (given, *switches) if value is not None}
            if len(asked) > 1:
                names = ", ".join(declared.option.switches)
                raise click.UsageError(f"Give only one of {declared.flag}, {names}.")
            if asked:
                value = asked.pop()
                chosen[declared.name] = declared.choices(value) if declared.choices else value
        function(config=saved_config(chosen), **values)

    decorated: Callable[..., None] = collected
    for declared in reversed(declarations()):
        for option in reversed(_options(declared)):
            decorated = option(decorated)
    return decorated


def saved_config(chosen: dict[str, Any]) -> TraceConfig:
    """What was chosen, and what the configuration file says of the rest. Raises ConfigError."""
    if not is_there(config_path()):
        return TraceConfig(**chosen)
    from tui import settings  # noqa: PLC0415 - most have no such file

    return settings.load().config(**chosen)


def _options(declared: Declared) -> Sequence[Callable[[Callable[..., None]], Callable[..., None]]]:
    """The click options of one declaration: the option itself, then its switches."""
    option = declared.option
    names = [*([option.short] if option.short else []), declared.flag, declared.name]
    if declared.is_switch:
        both = f"{declared.flag}/{declared.off_flag}"
        short = [option.short] if option.short else []
        return [click.option(*short, both, declared.name, default=None, help=_help(declared))]
    made = [click.option(*names, type=_type(declared), default=None, help=_help(declared))]
    for flags, fixed in option.switches.items():
        made.append(
            click.option(
                *flags.split("/"),
                _parameter(declared, fixed),
                flag_value=fixed,
                is_flag=True,
                default=None,
                help=f"Same as {declared.flag} {fixed}.",
            )
        )
    return made


def _parameter(declared: Declared, fixed: str) -> str:
    return f"{declared.name}_is_{fixed}".replace("-", "_")


def _type(declared: Declared) -> Any:
    if declared.choices is not None:
        return click.Choice([choice.value for choice in declared.choices])
    if declared.is_duration:
        return Duration()
    return str if "str" in str(declared.type) else int


def _help(declared: Declared) -> str:
    default = declared.default
    if default is None or declared.is_switch:
        return declared.option.help
    return (
        f"{declared.option.help}  [default: {format_duration(default) if declared.is_duration else default}]"
    )
