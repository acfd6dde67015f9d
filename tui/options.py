"""The command line's options, generated from the declarations in tracer.config, and where each value is from.

What the command line says goes before the environment, that before the configuration file, that before the
default.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from click.core import ParameterSource

from tracer.config import Declared, TraceConfig, declarations, format_duration, parse_duration, parse_number
from tracer.errors import ConfigError
from tui.config_path import config_path, is_there
from tui.screen_flags import SCREEN_FLAGS, parameter

if TYPE_CHECKING:
    from tui.scene import Look
    from tui.settings import Saved

PREFIX = "HOPSCOPE_"
"""Every variable of the environment that begins so is an option."""

Decorator = Callable[[Callable[..., None]], Callable[..., None]]


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


class Number(click.types.IntParamType):
    """A whole number, in the digits 0 to 9."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse what the user typed; Python's own ``int`` takes other digits too."""
        try:
            return value if isinstance(value, int) else parse_number(value)
        except ValueError:
            self.fail(f"{value!r} is not a valid integer.", param, ctx)


class Layer(StrEnum):
    """Where a value comes from, the strongest first."""

    COMMAND_LINE = "command line"
    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


class Origin(msgspec.Struct, frozen=True):
    """Where a value comes from, and how to name that place to the user."""

    layer: Layer
    name: str


class SettingOption(click.Option):
    """An option that names the variable, not the flag, when the variable is what is wrong."""

    def get_error_hint(self, ctx: click.Context | None) -> str:
        if ctx is not None and self.name is not None:
            source = ctx.get_parameter_source(self.name)
            if source is ParameterSource.ENVIRONMENT and self.envvar is not None:
                return str(self.envvar)
        return super().get_error_hint(ctx)


class PrintOption(click.Option):
    """An option that prints something instead of tracing; it has no variable."""


class ScreenOption(SettingOption):
    """A setting of the screen; its values and its help are loaded when somebody asks for them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.key = next(key for key in SCREEN_FLAGS if parameter(key) == self.name)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        from tui.view.strings import say  # noqa: PLC0415 - only for the help

        self.help = say(f"setting.{self.key}.help")
        return super().get_help_record(ctx)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:  # noqa: ARG002 - click's signature
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only to complete

        from tui.settable import BY_KEY  # noqa: PLC0415

        choices = BY_KEY[self.key].choices if self.key in BY_KEY else ()
        return [CompletionItem(choice) for choice in choices if choice.startswith(incomplete)]


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What the user chose, on whatever way, and where."""

    config: TraceConfig
    path: Path
    """The configuration file, whether it is there or not."""
    mode: str | None
    """The report mode the configuration file asks for."""
    trace: Mapping[str, Origin]
    """Where the options of a trace that were chosen come from, by field."""
    screen: Mapping[str, tuple[str, Origin]]
    """Settings of the screen chosen on the command line or in the environment, as texts."""

    @property
    def typed(self) -> frozenset[str]:
        """The fields of a trace that the command line itself names."""
        return frozenset(field for field, origin in self.trace.items() if origin.layer is Layer.COMMAND_LINE)

    def saved(self) -> Saved:
        """What the configuration file says."""
        from tui import settings  # noqa: PLC0415 - most headless runs need none of it

        return settings.load(self.path)

    def look(self) -> Look:
        """The settings of the screen; who asks for MTUs gets their column. Raises ConfigError."""
        from tui.scene import Look  # noqa: PLC0415 - headless modes have none

        look = self.saved().look if is_there(self.path) else Look()
        if self.config.mtu:
            from tui.view.columns import with_mtu  # noqa: PLC0415 - headless modes have none

            look = msgspec.structs.replace(look, columns=with_mtu(look.columns))
        if not self.screen:
            return look
        from tui.settable import with_texts  # noqa: PLC0415 - most headless runs need none of it

        for key, (text, origin) in self.screen.items():
            look = with_texts(look, key, text, origin.name)
        return look

    def hidden_hops(self) -> int:
        """So many hops are masked in reports too; 0 for none. Raises ConfigError."""
        return self.look().privacy.hops if self.screen or is_there(self.path) else 0


def trace_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command every declared option; it gets them as ``choices``.

    The command has a parameter ``config_file``, None unless it was given.
    """

    @functools.wraps(function)
    def collected(**values: Any) -> None:
        context = click.get_current_context()
        _refuse_unknown_variables(context.command.params)
        given_path: Path | None = values.pop("config_file")
        trace = {}
        for declared in declarations():
            told = _told(declared, values, context)
            if told is not None:
                trace[declared.name] = told
        screen = {}
        for key in SCREEN_FLAGS:
            text = values.pop(parameter(key))
            if text is not None:
                screen[key] = (text, _origin(context, parameter(key), SCREEN_FLAGS[key][-1]))
        choices = _merged(trace, screen, given_path)
        if screen:
            choices.look()  # a value that cannot be is refused in every mode
        function(choices=choices, **values)

    decorated: Callable[..., None] = collected
    for option in reversed([*_trace_options(), *_screen_options()]):
        decorated = option(decorated)
    return decorated


def give_variables(command: click.Command) -> None:
    """Give every option of a command its variable, but for switches and those that print and end."""
    for option in command.params:
        if isinstance(option, PrintOption) or not option.expose_value:
            continue
        if isinstance(option, click.Option) and option.envvar is None:
            flags = [flag for flag in option.opts if flag.startswith("--")]
            if flags and not (option.is_flag and isinstance(option.flag_value, str)):
                option.envvar = variable(flags[-1])


def variable(flag: str) -> str:
    """The variable of a flag: ``--first-ttl`` is ``HOPSCOPE_FIRST_TTL``."""
    return PREFIX + flag.removeprefix("--").replace("-", "_").upper()


Told = tuple[Any, Origin]


def _told(declared: Declared, values: dict[str, Any], context: click.Context) -> Told | None:
    """What the strongest layer says of an option: itself or one of its switches. Raises UsageError."""
    names = [declared.name, *switch_parameters(declared)]
    flags = [declared.flag, *declared.option.switches]
    found = [
        (value, _origin(context, name, flag))
        for name, flag in zip(names, flags, strict=True)
        if (value := values.pop(name)) is not None
    ]
    for layer in Layer:
        here = [(value, origin) for value, origin in found if origin.layer is layer]
        if len({value for value, _ in here}) > 1:
            raise click.UsageError(
                f"Give only one of {declared.flag}, {', '.join(declared.option.switches)}."
            )
        if here:
            value, origin = here[0]
            return (declared.choices(value) if declared.choices else value), origin
    return None


def _origin(context: click.Context, name: str, flag: str) -> Origin:
    if context.get_parameter_source(name) is ParameterSource.ENVIRONMENT:
        return Origin(Layer.ENVIRONMENT, variable(flag))
    return Origin(Layer.COMMAND_LINE, flag.rpartition("/")[2])


def _merged(trace: Mapping[str, Told], screen: Mapping[str, Told], given: Path | None) -> Choices:
    """All layers. Raises ConfigError that names the place of what is wrong."""
    path = given or config_path()
    if given is not None and not is_there(given):
        raise ConfigError("--config-file", str(given), "there is no such file")
    origins = {name: origin for name, (_, origin) in trace.items()}
    values = {name: value for name, (value, _) in trace.items()}
    mode = None
    if is_there(path):
        from tui import settings  # noqa: PLC0415 - most have no such file

        saved = settings.load(path)
        mode = saved.mode
        values = {**saved.trace, **values}
        origins = {**{name: Origin(Layer.FILE, saved.place(name)) for name in saved.trace}, **origins}
    try:
        config = TraceConfig(**values)
    except ConfigError as error:
        raise _named(error, origins) from None
    return Choices(config=config, path=path, mode=mode, trace=origins, screen=screen)


def _named(error: ConfigError, origins: Mapping[str, Origin]) -> ConfigError:
    """An error of an option, told by the place its value comes from."""
    name = next((one.name for one in declarations() if one.flag == error.option), "")
    origin = origins.get(name)
    if origin is None or origin.layer is Layer.COMMAND_LINE:
        return error
    return ConfigError(origin.name, error.value, error.reason, error.remedy)


def _refuse_unknown_variables(params: Iterable[click.Parameter]) -> None:
    """A variable that is misspelt would be ignored without a word."""
    known = {str(param.envvar) for param in params if param.envvar is not None}
    for name in os.environ:
        if name.startswith(PREFIX) and name not in known:
            from difflib import get_close_matches  # noqa: PLC0415 - only to say what is wrong

            near = get_close_matches(name, sorted(known), 1, 0.5)
            remedy = f"The nearest is {near[0]}." if near else "docs/options.md lists all of them."
            raise ConfigError(name, os.environ[name], "there is no such option", remedy)


def _trace_options() -> list[Decorator]:
    return [option for declared in declarations() for option in _options(declared)]


def _options(declared: Declared) -> Sequence[Decorator]:
    """The click options of one declaration: the option itself, then its switches."""
    option = declared.option
    flags = f"{declared.flag}/{declared.off_flag}" if declared.is_switch else declared.flag
    names = [*([option.short] if option.short else []), flags, declared.name]
    made = [
        click.option(
            *names,
            cls=SettingOption,
            type=_type(declared),
            default=None,
            help=_help(declared),
            envvar=variable(declared.flag),
        )
    ]
    for switch, fixed in option.switches.items():
        made.append(
            click.option(
                *switch.split("/"),
                _parameter(declared, fixed),
                flag_value=fixed,
                is_flag=True,
                default=None,
                help=f"Same as {declared.flag} {fixed}.",
            )
        )
    return made


def _screen_options() -> list[Decorator]:
    return [
        click.option(
            *flags, parameter(key), cls=ScreenOption, default=None, metavar="TEXT", envvar=variable(flags[-1])
        )
        for key, flags in SCREEN_FLAGS.items()
    ]


def switch_parameters(declared: Declared) -> list[str]:
    """The names of the parameters of an option's switches."""
    return [_parameter(declared, fixed) for fixed in declared.option.switches.values()]


def _parameter(declared: Declared, fixed: str) -> str:
    return f"{declared.name}_is_{fixed}".replace("-", "_")


def _type(declared: Declared) -> Any:
    if declared.choices is not None:
        return click.Choice([choice.value for choice in declared.choices])
    if declared.is_duration:
        return Duration()
    if declared.is_switch:
        return bool
    return str if "str" in str(declared.type) else Number()


def _help(declared: Declared) -> str:
    default = declared.default
    if default is None or declared.is_switch:
        return declared.option.help
    return (
        f"{declared.option.help}  [default: {format_duration(default) if declared.is_duration else default}]"
    )
