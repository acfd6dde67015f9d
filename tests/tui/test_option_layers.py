"""Every option on every way: command line, environment, file; which goes first, and how errors name them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from tracer.config import Declared, Option, TraceConfig, declarations
from tui import cli
from tui.config_lines import lines_of
from tui.draft import Draft, Tab
from tui.manual import roff
from tui.mode_names import MODE_NAMES
from tui.options import PrintOption, _options, _told, switch_parameters, variable
from tui.reference import options_page
from tui.scene import Look
from tui.screen_flags import BINDINGS, SCREEN_FLAGS
from tui.settable import BY_KEY, SETTINGS, option_choices, option_text, option_value
from tui.trippy import ACCEPTED, TRIPPY, ForeignOption, missing

OPTIONS = declarations()
each_option = pytest.mark.parametrize("declared", OPTIONS, ids=lambda one: one.name)
OWN = [
    param
    for param in cli.command.params
    if isinstance(param, click.Option) and not isinstance(param, ForeignOption)
]


def run(*arguments: str, **variables: str) -> Result:
    return CliRunner().invoke(cli.command, [*arguments], env=variables)


def other_value(declared: Declared) -> str:
    """A value that is not the default, as the user types it."""
    option = declared.option
    if declared.choices is not None:
        return str(next(one for one in declared.choices if one != declared.default))
    if declared.type is bool:
        return "false" if declared.default else "true"
    if declared.name == "source_address":
        return "192.0.2.7"
    if declared.name == "dns_server":
        return "192.0.2.53"
    if option.low is None:
        return "words"
    low = option.low if declared.default != option.low else option.low + 1
    if declared.name == "min_round_duration_ns":
        low = option.low
    return option_text(declared, max(low, 48) if declared.name == "packet_size" else low)


def companions(declared: Declared) -> dict[str, str]:
    """Options without which it makes no sense."""
    if declared.name in ("target_port", "source_port"):
        return {"protocol": "udp"}
    if declared.name == "max_round_duration_ns":
        return {"min-round-duration": "10ms"}
    return {}


def effective(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output or result.exception
    return tomllib.loads(result.stdout)


def origin(result: Result, key: str) -> str:
    [line] = [line for line in result.stdout.splitlines() if line.startswith(f"{key} = ")]
    return line.rpartition("  # ")[2]


def key_of(declared: Declared) -> str:
    return declared.flag.removeprefix("--")


# Every option is everywhere, and does something there


@each_option
def test_the_command_line_sets_it(declared: Declared) -> None:
    value = other_value(declared)
    others = [f"--{key}={text}" for key, text in companions(declared).items()]
    asked = (
        [declared.flag if value == "true" else f"--no-{key_of(declared)}"] if declared.type is bool else []
    )
    result = run("--print-config", *others, *(asked or [f"{declared.flag}={value}"]))
    assert str(effective(result)["trace"][key_of(declared)]).lower() == value
    assert origin(result, key_of(declared)) == declared.flag


@each_option
def test_the_environment_sets_it(declared: Declared) -> None:
    value = other_value(declared)
    others = {variable(f"--{key}"): text for key, text in companions(declared).items()}
    result = run("--print-config", **others, **{variable(declared.flag): value})
    assert str(effective(result)["trace"][key_of(declared)]).lower() == value
    assert origin(result, key_of(declared)) == variable(declared.flag)


@each_option
def test_the_file_sets_it(declared: Declared, tmp_path: Path) -> None:
    value, path = other_value(declared), tmp_path / "my.toml"
    others = "".join(f'{key} = "{text}"\n' for key, text in companions(declared).items())
    path.write_text(f'[trace]\n{others}{key_of(declared)} = "{value}"\n')
    result = run("--print-config", "-c", str(path))
    assert str(effective(result)["trace"][key_of(declared)]).lower() == value
    line = 2 + others.count("\n")
    assert origin(result, key_of(declared)) == f"{path}:{line}: [trace] {key_of(declared)}"


@each_option
def test_its_switches_set_it(declared: Declared) -> None:
    for flags, value in declared.option.switches.items():
        for one in flags.split("/"):
            result = run("--print-config", one)
            assert effective(result)["trace"][key_of(declared)] == value


@each_option
def test_manual_help_docs_template_and_dialog_name_it(declared: Declared) -> None:
    flags = [declared.flag, *([declared.option.short] if declared.option.short else [])]
    manual, told = run("--generate-man").stdout, run("--help").stdout
    for one in flags:
        assert roff(one) in manual
        assert one in told
        assert f"`{one}`" in options_page()
    assert f".B {roff(variable(declared.flag))}\n" in manual
    assert f"`{variable(declared.flag)}`" in options_page()
    assert f"\n# {key_of(declared)} = " in run("--print-config-template").stdout
    items = Draft(look=Look(), running=TraceConfig()).items(Tab.TRACE)
    assert key_of(declared) in [item.key for item in items]


def test_every_setting_of_the_screen_has_a_flag_and_no_flag_is_without_a_setting() -> None:
    assert set(SCREEN_FLAGS) == {*BY_KEY, BINDINGS}
    items = Draft(look=Look(), running=TraceConfig()).items(Tab.TUI)
    assert [item.key for item in items] == [setting.key for setting in SETTINGS]


SCREEN_VALUES = {
    "theme": "light",
    "columns": "hol",
    "address-mode": "ip",
    "glyphs": "ascii",
    "privacy": "3",
    "hosts": "2",
    "refresh": "200ms",
}


@pytest.mark.parametrize("key", BY_KEY)
def test_a_setting_of_the_screen_is_set_on_every_way(key: str, tmp_path: Path) -> None:
    setting = BY_KEY[key]
    value = SCREEN_VALUES.get(key) or next(one for one in setting.choices if one != setting.read(Look()))
    long = SCREEN_FLAGS[key][-1]
    path = tmp_path / "my.toml"
    path.write_text(f'[tui]\n{key} = "{value}"\n')
    ways = {
        long: run("--print-config", f"{long}={value}"),
        variable(long): run("--print-config", **{variable(long): value}),
        f"{path}:2: [tui] {key}": run("--print-config", "-c", str(path)),
    }
    for place, result in ways.items():
        assert str(effective(result)["tui"][key]) == value
        assert origin(result, key) == place
    assert f"`{long}`" in options_page()
    assert roff(long) in run("--generate-man").stdout
    assert f"\n# {key} = " in run("--print-config-template").stdout


def test_every_option_of_the_command_has_a_variable_or_prints_and_ends() -> None:
    switches = {name for declared in OPTIONS for name in switch_parameters(declared)}
    for option in OWN:
        silent = isinstance(option, PrintOption) or not option.expose_value or option.name in switches
        assert (option.envvar is None) == silent, option.name
        assert silent or option.envvar == variable(option.opts[-1])


def test_every_option_is_completed() -> None:
    for option in OWN:
        for one in (flag for flag in [*option.opts, *option.secondary_opts] if flag.startswith("--")):
            assert f"plain,{one}" in completed(one).splitlines(), one


def completed(word: str, *before: str) -> str:
    words = " ".join(("hopscope", *before, word))
    result = CliRunner().invoke(
        cli.command,
        prog_name="hopscope",
        env={
            "_HOPSCOPE_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(before) + 1),
        },
    )
    return result.stdout


def test_values_are_completed() -> None:
    assert completed("mtr", "--mode") == "plain,mtr-json\n"
    assert completed("li", "--tui-theme") == "plain,light\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_completions(shell: str) -> None:
    script = run("--generate", shell)
    assert script.exit_code == 0
    assert f"_HOPSCOPE_COMPLETE={shell}_complete" in script.stdout


def test_the_manual_is_a_manual() -> None:
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    page = run("--generate-man").stdout.encode()
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=page, capture_output=True, check=True)
    assert done.stderr == b""
    assert b"--first-ttl" in done.stdout


# Switches


@pytest.mark.parametrize(
    ("arguments", "variables", "wanted"),
    [
        (["--resolve-all"], {}, True),
        (["-y"], {}, True),
        (["--no-resolve-all"], {"HOPSCOPE_RESOLVE_ALL": "true"}, False),
        ([], {"HOPSCOPE_RESOLVE_ALL": "false"}, False),
        ([], {"HOPSCOPE_RESOLVE_ALL": "1"}, True),
    ],
)
def test_a_boolean_is_switched_both_ways(
    arguments: list[str], variables: dict[str, str], *, wanted: bool
) -> None:
    odd = Declared("resolve_all", bool, default=False, option=Option(help="Odd.", short="-y"))
    told: list[Any] = []

    @click.command()
    @click.pass_context
    def command(context: click.Context, /, **values: Any) -> None:
        told.append(_told(odd, values, context))

    for option in _options(odd):
        option(command)
    CliRunner().invoke(command, arguments, env=variables, catch_exceptions=False)
    [(value, origin_of_it)] = told
    assert value is wanted
    assert origin_of_it.name == ("--resolve-all" if arguments else "HOPSCOPE_RESOLVE_ALL")
    assert option_value(odd, option_text(odd, value)) is value
    assert option_choices(odd) == ("false", "true")


# Which goes first


def test_command_line_before_environment_before_file_before_default(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text("[trace]\nmax-ttl = 10\nfirst-ttl = 2\ntos = 4\n[tui]\nglyphs = 'ascii'\n")
    result = run("--print-config", "-c", str(path), "-t", "30", HOPSCOPE_MAX_TTL="20", HOPSCOPE_FIRST_TTL="3")
    trace = effective(result)["trace"]
    assert (trace["max-ttl"], trace["first-ttl"], trace["tos"], trace["max-samples"]) == (30, 3, 4, 256)
    told = [origin(result, key) for key in ("max-ttl", "first-ttl", "tos", "max-samples", "glyphs")]
    assert told == [
        "--max-ttl", "HOPSCOPE_FIRST_TTL", f"{path}:4: [trace] tos", "default", f"{path}:6: [tui] glyphs",
    ]  # fmt: skip


def test_a_switch_of_the_command_line_goes_before_the_variable_of_its_option() -> None:
    result = run("--print-config", "--tcp", HOPSCOPE_PROTOCOL="udp")
    assert effective(result)["trace"]["protocol"] == "tcp"


def test_what_is_printed_is_a_configuration_that_gives_the_same(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    arguments = ("--udp", "-P", "53", "-t", "9", "--tui-theme", "light", "-m", "csv")
    first = effective(run("--print-config", *arguments, "--tui-key-bindings", "toggle-chart=f5"))
    path.write_text(run("--print-config", *arguments, "--tui-key-bindings", "toggle-chart=f5").stdout)
    assert effective(run("--print-config", "-c", str(path))) == first
    assert first["report"]["mode"] == "csv"
    assert first["bindings"] == {"chart": ["f5"]}


def test_the_template_says_what_is_so_anyway(tmp_path: Path) -> None:
    text = run("--print-config-template").stdout
    assert tomllib.loads(text) == {"report": {}, "trace": {}, "tui": {}, "bindings": {}}
    uncommented = "\n".join(
        line.removeprefix("# ")
        for line in text.splitlines()
        if line.startswith("[") or (" = " in line and not line.startswith("# mode"))
    )
    path = tmp_path / "my.toml"
    path.write_text(uncommented)
    assert (
        effective(run("--print-config", "-c", str(path)))["trace"]
        == effective(run("--print-config"))["trace"]
    )


# What is wrong is named by its place


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"HOPSCOPE_FIRST_TTL": "0"}, "HOPSCOPE_FIRST_TTL cannot be '0'"),
        ({"HOPSCOPE_FIRST_TTL": "many"}, "HOPSCOPE_FIRST_TTL"),
        ({"HOPSCOPE_TIMEOUT": "soon"}, "HOPSCOPE_TIMEOUT"),
        ({"HOPSCOPE_PROTOCOL": "sctp"}, "HOPSCOPE_PROTOCOL"),
        ({"HOPSCOPE_TARGET_PORT": "80"}, "HOPSCOPE_TARGET_PORT"),
        ({"HOPSCOPE_FRIST_TTL": "1"}, "The nearest is HOPSCOPE_FIRST_TTL"),
        ({"HOPSCOPE_TUI_THEME": "pink"}, "HOPSCOPE_TUI_THEME cannot be 'pink'"),
        ({"HOPSCOPE_TUI_KEY_BINDINGS": "chart"}, "HOPSCOPE_TUI_KEY_BINDINGS"),
        ({"HOPSCOPE_TUI_KEY_BINDINGS": "chrat=x"}, "The nearest is chart"),
        ({"HOPSCOPE_MODE": "prety"}, "value for HOPSCOPE_MODE"),
    ],
)
def test_a_variable_that_is_wrong_is_named(variables: dict[str, str], told: str) -> None:
    result = run("--sim", "lan", **variables)
    assert result.exit_code != 0
    assert told in f"{result.stderr}{result.exception}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[trace]\n\nfirst_ttl = 3\n", ":3: [trace] first_ttl"),
        ("# c\n[trace]\n'max-ttl' = 900\n", ":3: [trace] max-ttl"),
        ("[tui]\nteme = 'x'\n", ":2: [tui] teme"),
        ("\n[trcae]\n", ":2: [trcae]"),
        ("[report]\nmode = 'prety'\n", ":2: [report] mode"),
        ("[report]\nmod = 'json'\n", ":2: [report] mod"),
        ("[bindings]\nchrat = 'x'\n", ":2: [bindings] chrat"),
    ],
)
def test_a_key_that_is_wrong_is_named_with_file_and_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "my.toml"
    path.write_text(text)
    result = run("--sim", "lan", "-c", str(path))
    assert f"{path}{told}" in str(result.exception)


def test_options_of_two_layers_that_do_not_go_together_name_the_weaker_ones_place(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text("[trace]\nprotocol = 'udp'\ntarget-port = 53\n")
    result = run("--sim", "lan", "-c", str(path), "--icmp")
    assert f"{path}:3: [trace] target-port cannot be 53" in str(result.exception)


def test_a_configuration_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    result = run("--sim", "lan", "-c", str(tmp_path / "none.toml"))
    assert "there is no such file" in str(result.exception)


def test_lines_are_those_of_a_reader_of_toml() -> None:
    text = '# [no]\ntop = 1\n[ a ]\nx = """\ny"""\n"b c" = [\n  "d",\n]\n[e] # f\nx.y = 1\n'
    lines = lines_of(text)
    assert lines["top", ""] == 2
    assert (lines["a", ""], lines["a", "x"], lines["a", "b c"], lines["e", ""], lines["e", "x"]) == (
        3,
        4,
        6,
        9,
        10,
    )


# The mode, targets, Trippy


def test_the_file_names_the_mode_and_the_command_line_goes_first(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text('[report]\nmode = "csv"\n')
    arguments = ("-c", str(path), "--sim", "lan", "-C", "1")
    assert run(*arguments).stdout.startswith("Target,")
    assert run(*arguments, "-m", "json").stdout.startswith("{")
    assert run(*arguments, HOPSCOPE_MODE="markdown").stdout.startswith("## ")


def test_every_mode_is_a_choice() -> None:
    [mode] = [option for option in OWN if option.name == "mode"]
    assert isinstance(mode.type, click.Choice)
    assert tuple(mode.type.choices) == MODE_NAMES


def test_targets_come_from_arguments_variable_file_and_stdin(tmp_path: Path) -> None:
    path = tmp_path / "targets"
    path.write_text("\ufeff# two\n198.18.1.1  # first\n\n 203.0.113.80\n")
    quick = ("--sim", "clean", "-C", "1", "-m", "trippy-json", "--timeout", "50ms", "--gap-limit", "1")
    both = ["198.18.1.1", "203.0.113.80"]

    def traced(*arguments: str, stdin: str | None = None, **variables: str) -> list[str]:
        result = CliRunner().invoke(cli.command, [*quick, *arguments], env=variables, input=stdin)
        told = json.loads(result.stdout)
        return [one["info"]["target"]["hostname"] for one in (told if isinstance(told, list) else [told])]

    assert traced("--targets-file", str(path)) == both
    assert traced("192.0.2.1", "--targets-file", str(path)) == ["192.0.2.1", *both]
    assert traced("--targets-file", "-", stdin="198.18.1.1\n") == both[:1]
    assert traced(HOPSCOPE_TARGETS="198.18.1.1 203.0.113.80") == both


@pytest.mark.parametrize("content", [b"# nobody\n\n", b"\xff\xfe"])
def test_a_file_without_targets_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "targets"
    path.write_bytes(content)
    assert "--targets-file" in str(run("--targets-file", str(path)).exception)
    assert "--targets-file" in str(run("--targets-file", str(tmp_path / "none")).exception)


def test_trippys_options_are_all_known() -> None:
    """Each works, or is refused with its reason; and each stands in the docs."""
    absent = {option.long for option in missing(cli.command)}
    page = options_page()
    for option in TRIPPY:
        assert f"`{option.long}`" in page
        if option.long in absent and option.long not in ACCEPTED:
            assert option.absent, option.long
            value = [] if option.is_switch else ["1"]
            for one in option.flags:
                result = run("--sim", "lan", "-m", "silent", one, *value)
                assert (result.exit_code, f"There is no {option.long} here" in result.stderr) == (2, True), (
                    one
                )


def test_what_is_so_anyway_may_be_asked_for() -> None:
    assert run("--sim", "lan", "-C", "1", "-m", "silent", "-e").exit_code == 0


def test_no_flag_is_declared_twice() -> None:
    flags = [one for option in cli.command.params if isinstance(option, click.Option) for one in option.opts]
    assert len(flags) == len(set(flags))


@pytest.mark.parametrize(
    "mode", ["json", "stream", "csv", "dot", "flows", "mtr-json", "trippy-json", "markdown"]
)
def test_hidden_hops_are_in_no_report(mode: str) -> None:
    result = run("--sim", "wan", "-C", "1", "-m", mode, "--tui-privacy-max-ttl", "2")
    for address in ("198.18.0.254", "198.18.1.1", "198.18.0.1"):
        assert re.search(rf"(?<![\d.]){re.escape(address)}(?![\d.])", result.stdout) is None
    assert "198.18.1.9" in result.stdout
    assert "hidden" in result.stdout
