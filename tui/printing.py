"""What the command prints instead of tracing: options in force, a template, completions, a manual."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import click

from tracer.text import printable
from tui.options import Choices, Layer, PrintOption

SHELLS = ("bash", "zsh", "fish")

Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def print_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that print something and end. It gets ``choices`` and ``mode``."""

    @functools.wraps(function)
    def unless_printed(*args: Any, print_config: bool | None, **values: Any) -> None:
        if print_config:
            choices: Choices = values["choices"]
            click.echo(effective(choices, values["mode"] or choices.mode), nl=False)
        else:
            function(*args, **values)

    decorated: Callable[..., None] = unless_printed
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


def effective(choices: Choices, mode: str | None) -> str:
    """Every option with its value and where that comes from; a configuration file that does the same."""
    return "\n".join(_effective(choices, mode)) + "\n"


def _effective(choices: Choices, mode: str | None) -> Iterator[str]:
    from tui.settable import SETTINGS, TRACE_OPTIONS, option_text  # noqa: PLC0415 - only to print
    from tui.settings import toml_list, toml_value  # noqa: PLC0415

    saved, look = choices.saved(), choices.look()
    yield "# Effective options of hopscope, each with where it comes from."
    yield ""
    yield "[report]"
    yield f'mode = "{mode}"' if mode is not None else "# mode: by whether there is a terminal  # default"
    yield ""
    yield "[trace]"
    for key, declared in TRACE_OPTIONS.items():
        origin = choices.trace.get(declared.name)
        value = toml_value(option_text(declared, getattr(choices.config, declared.name)))
        yield f"{key} = {value}  # {Layer.DEFAULT if origin is None else printable(origin.name)}"
    yield ""
    yield "[tui]"
    for setting in SETTINGS:
        place = _screen_origin(choices, setting.key, saved)
        yield f"{setting.key} = {toml_value(setting.read(look))}  # {place}"
    if look.keys:
        yield ""
        yield "[bindings]"
        for command_id, keys in look.keys.items():
            yield f"{command_id} = {toml_list(keys)}"


def _screen_origin(choices: Choices, key: str, saved: Any) -> str:
    if key in choices.screen:
        return choices.screen[key][1].name
    if saved.file is not None and ("tui", key) in saved.file.lines:
        return printable(saved.file.place("tui", key))
    return Layer.DEFAULT


def template() -> str:
    """A configuration file with every key, its meaning and its default, all of it commented out."""
    return "\n".join(_template()) + "\n"


def _template() -> Iterator[str]:
    from tui.mode_names import MODE_NAMES  # noqa: PLC0415 - only to print
    from tui.scene import Look  # noqa: PLC0415
    from tui.settable import SETTINGS, TRACE_OPTIONS, option_choices, option_text  # noqa: PLC0415
    from tui.settings import toml_list, toml_value  # noqa: PLC0415
    from tui.view.commands import COMMANDS  # noqa: PLC0415

    yield "# Configuration of hopscope. Take away the # in front of what you want to change."
    yield ""
    yield "[report]"
    yield f"# What to show when -m does not say: {', '.join(MODE_NAMES)}."
    yield '# mode = "tui"'
    yield ""
    yield "[trace]"
    for key, declared in TRACE_OPTIONS.items():
        yield f"# {declared.option.help}"
        if choices := option_choices(declared):
            yield f"# One of {', '.join(choices)}."
        yield f"# {key} = {toml_value(option_text(declared, declared.default))}"
        yield ""
    yield "[tui]"
    for setting in SETTINGS:
        yield f"# {setting.help}"
        if setting.choices:
            yield f"# One of {', '.join(setting.choices)}."
        yield f"# {setting.key} = {toml_value(setting.read(Look()))}"
        yield ""
    yield "[bindings]"
    for command in COMMANDS:
        yield f"# {command.title}"
        yield f"# {command.id} = {toml_list(command.keys)}"


def completion(shell: str, command: click.Command) -> str:
    """The script that lets a shell complete the command's options and their values."""
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - only here

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    # The script asks the program itself, so it is always up to date. ``source`` of bash would start bash only
    # to look at its version.
    made = kind(command, {}, "hopscope", "_HOPSCOPE_COMPLETE")
    return made.source_template % made.source_vars() + "\n"


def _printing(make: Callable[[click.Context, Any], str]) -> Any:
    def callback(context: click.Context, _: click.Parameter, value: Any) -> None:
        if value:
            click.echo(make(context, value), nl=False)
            context.exit()

    return callback


def _manual(context: click.Context, _: Any) -> str:
    from tui.manual import manual  # noqa: PLC0415 - only here

    return manual(context)


def _binding_commands(_context: click.Context, _: Any) -> str:
    from tui.view.commands import COMMANDS  # noqa: PLC0415 - only here

    return "".join(f"{command.id}\t{' '.join(command.keys)}\n" for command in COMMANDS)


def _option(flag_: str, make: Callable[[click.Context, Any], str], help_: str, **more: Any) -> Decorator:
    told = {"is_flag": True, "default": None, **more}
    return click.option(
        flag_,
        cls=PrintOption,
        expose_value=False,
        is_eager=True,
        callback=_printing(make),
        help=help_,
        **told,
    )


_OPTIONS: tuple[Decorator, ...] = (
    click.option(
        "--print-config",
        cls=PrintOption,
        is_flag=True,
        default=None,
        help="Print every option with its value and where that comes from.",
    ),
    _option("--print-config-template", lambda *_: template(), "Print a configuration file to start from."),
    _option(
        "--print-tui-binding-commands", _binding_commands, "Print the commands of the screen and their keys."
    ),
    _option(
        "--generate",
        lambda context, shell: completion(shell, context.command),
        "Print the completions for a shell.",
        is_flag=False,
        type=click.Choice(SHELLS),
    ),
    _option("--generate-man", _manual, "Print the manual page (roff)."),
)
