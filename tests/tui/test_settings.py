"""Settings: what is written is read back, what is wrong is named, what can apply at once does."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.screen_driver import live, main_screen, recorded, settled, type_in, until
from tracer.clock import VirtualClock
from tracer.config import ProtocolChoice, TraceConfig, declarations
from tracer.errors import ConfigError
from tui import settings
from tui.app import HopscopeApp
from tui.config_path import config_path
from tui.draft import Draft, Tab
from tui.replay import ReplaySource
from tui.scene import Look
from tui.screens.settings import SettingsScreen
from tui.settable import BY_KEY, TRACE_OPTIONS, option_text, option_value
from tui.view.cells import plain
from tui.view.columns import COLUMNS
from tui.view.commands import COMMANDS
from tui.view.glyphs import GLYPHS
from tui.view.privacy import Privacy
from tui.view.rows import AddressMode
from tui.view.theme import PALETTES
from tui.widgets.sheet import Sheet

MS = 1_000_000

looks = st.builds(
    Look,
    palette=st.sampled_from([*PALETTES]),
    glyphs=st.sampled_from([*GLYPHS.values()]),
    columns=st.lists(st.sampled_from([*COLUMNS]), unique=True).map("".join),
    address_mode=st.sampled_from(AddressMode),
    most_hosts=st.none() | st.integers(1, 255),
    privacy=st.integers(0, 255).map(Privacy),
    refresh_ns=st.integers(50, 10_000).map(lambda ms: ms * MS),
    keys=st.dictionaries(st.sampled_from([command.id for command in COMMANDS]), st.just(()), max_size=3),
)
configs = st.builds(
    TraceConfig,
    protocol=st.sampled_from([ProtocolChoice.UDP, ProtocolChoice.TCP]),
    target_port=st.none() | st.integers(1, 65535),
    timeout_ns=st.integers(10 * MS, 60_000 * MS).map(lambda ns: ns // MS * MS),
    grace_duration_ns=st.none() | st.integers(10, 1000).map(lambda ms: ms * MS),
    max_ttl=st.integers(1, 254),
    dns_resolve_all=st.booleans(),
    geoip_mmdb_file=st.none() | st.just("/srv/geo city.mmdb"),
    interface=st.none() | st.sampled_from(["eth0", 'odd "name"', "back\\slash"]),
)


@given(looks, configs)
def test_what_is_written_is_read_back(look: Look, config: TraceConfig) -> None:
    path = config_path()
    settings.save(look, config, path)
    saved = settings.load(path)
    assert saved.look == look
    assert saved.config() == config


def test_only_what_differs_is_written() -> None:
    assert tomllib.loads(settings.render(Look(), TraceConfig())) == {}
    written = tomllib.loads(settings.render(Look(palette="light"), TraceConfig(max_ttl=30)))
    assert written == {"tui": {"theme": "light"}, "trace": {"max-ttl": 30}}


def test_without_a_file_everything_is_as_by_default() -> None:
    assert settings.load() == settings.Saved()
    assert settings.load().config(max_ttl=9) == TraceConfig(max_ttl=9)


def test_the_command_line_goes_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[trace]\nprotocol = "udp"\nmax-ttl = 30\n')
    assert settings.load(path).config(max_ttl=9) == TraceConfig(protocol=ProtocolChoice.UDP, max_ttl=9)


@pytest.mark.parametrize(
    ("text", "table"),
    [('protocol = "tcp"', "trace"), ('theme = "light"', "tui"), ('mode = "json"', "report")],
)
def test_a_key_before_every_table_is_told_where_it_belongs(tmp_path: Path, text: str, table: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        settings.load(path)
    assert f"Put {text.split(maxsplit=1)[0]} under [{table}]." in str(raised.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[tui]\nteme = 'dark'\n", ("[tui] teme", "theme")),
        ("[trace]\nmax_ttl = 9\n", ("[trace] max_ttl", "max-ttl")),
        ("[trcae]\n", ("[trcae]", "trace")),
        ("[bindings]\nchrat = 'x'\n", ("[bindings] chrat", "chart")),
        ("[tui]\ntheme = 'pink'\n", ("[tui] theme", "pink", "dark, light")),
        ("[tui]\ncolumns = 'tt'\n", ("[tui] columns", "twice")),
        ("[tui]\nprivacy = true\n", ("[tui] privacy", "True")),
        ("[tui]\nprivacy = 256\n", ("[tui] privacy", "255")),
        ("[tui]\nrefresh = '1ms'\n", ("[tui] refresh", "50ms")),
        ("[tui]\nhosts = 'many'\n", ("[tui] hosts", "many")),
        ("[trace]\nmax-ttl = 300\n", ("[trace] max-ttl", "254")),
        ("[trace]\nmax-ttl = 1.5\n", ("[trace] max-ttl", "1.5")),
        ("[trace]\ntimeout = 'soon'\n", ("[trace] timeout", "soon")),
        ("[trace]\nprotocol = 'sctp'\n", ("[trace] protocol", "icmp")),
        ("[trace]\nfirst-ttl = 9\nmax-ttl = 3\n", ("[trace] first-ttl", "--max-ttl is 3")),
        ("[bindings]\nchart = 'd'\n", ("[bindings]", "chart", "hop-details")),
        ("[bindings]\nchart = 1\n", ("[bindings] chart", "keys")),
        ("tui = 1\n", ("[tui]", "table")),
        ("[tui\n", ("TOML",)),
    ],
)
def test_what_is_wrong_is_named_with_its_file(tmp_path: Path, text: str, told: tuple[str, ...]) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        settings.load(path)
    assert str(path) in str(caught.value)
    assert all(part in str(caught.value) for part in told), str(caught.value)


@given(st.binary(max_size=80))
def test_any_bytes_are_settings_or_a_config_error(content: bytes) -> None:
    path = config_path()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    try:
        told: object = settings.load(path)
    except ConfigError as error:
        told = error
    assert isinstance(told, settings.Saved) or str(path) in str(told)


def test_the_file_is_for_its_user_alone_and_a_link_to_it_stays(tmp_path: Path) -> None:
    real, link = tmp_path / "real.toml", tmp_path / "config.toml"
    real.write_text("# mine\n")
    real.chmod(0o644)
    link.symlink_to(real)
    settings.save(Look(palette="light"), TraceConfig(), link)
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert settings.load(link).look.palette == "light"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.toml", "real.toml"]


def test_every_option_of_a_trace_reads_its_own_text() -> None:
    for declared in declarations():
        for value in (declared.default, declared.option.low, declared.option.high):
            if value is not None or declared.default is None:
                assert option_value(declared, option_text(declared, value)) == value


def test_a_switch_is_a_truth_value_of_the_file_or_its_word(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    for written, switched in (("true", True), ("false", False), ('"true"', True), ('"false"', False)):
        file.write_text(f"[trace]\ndns-resolve-all = {written}\n")
        assert settings.load(file).config().dns_resolve_all is switched
    file.write_text('[trace]\ndns-resolve-all = "maybe"\n')
    with pytest.raises(ConfigError, match="true"):
        settings.load(file)


def test_every_setting_reads_its_own_text() -> None:
    for setting in BY_KEY.values():
        assert setting.put(Look(), setting.read(Look())) == Look()
        assert setting.title
        assert setting.help.endswith(".")


# The draft


def item(draft: Draft, tab: Tab, key: str) -> Any:
    return next(item for item in draft.items(tab) if item.key == key)


def test_options_of_the_trace_wait_and_those_of_the_screen_do_not() -> None:
    draft = Draft(look=Look(), running=TraceConfig())
    draft = draft.put(Tab.TUI, "privacy", "3").put(Tab.TRACE, "max-ttl", "30")
    assert draft.look.privacy == Privacy(3)
    assert draft.running == TraceConfig()
    assert draft.config == TraceConfig(max_ttl=30)
    assert item(draft, Tab.TRACE, "max-ttl").waiting
    assert not item(draft.put(Tab.TRACE, "max-ttl", "64"), Tab.TRACE, "max-ttl").waiting


def test_a_refused_text_stays_with_its_reason_until_it_is_mended() -> None:
    draft = Draft(look=Look(), running=TraceConfig()).put(Tab.TRACE, "max-ttl", "300")
    assert item(draft, Tab.TRACE, "max-ttl").value == "300"
    assert item(draft, Tab.TRACE, "max-ttl").error == "--max-ttl cannot be '300': the largest value is 254."
    assert draft.is_wrong
    assert draft.config == draft.running
    mended = draft.put(Tab.TRACE, "max-ttl", "200")
    assert not mended.is_wrong
    assert mended.config.max_ttl == 200


def test_options_that_do_not_go_together_are_mended_by_either() -> None:
    draft = Draft(look=Look(), running=TraceConfig()).put(Tab.TRACE, "target-port", "443")
    assert "add --udp or --tcp" in item(draft, Tab.TRACE, "target-port").error
    assert not draft.put(Tab.TRACE, "protocol", "tcp").is_wrong
    assert not draft.put(Tab.TRACE, "target-port", "auto").is_wrong


def test_a_key_in_use_is_refused_and_a_free_one_taken() -> None:
    draft = Draft(look=Look(), running=TraceConfig()).put(Tab.BINDINGS, "chart", "d")
    assert "hop-details" in item(draft, Tab.BINDINGS, "chart").error
    assert draft.look.keys == {}
    taken = draft.put(Tab.BINDINGS, "chart", "F5 shift+g")
    assert taken.look.keys == {"chart": ("f5", "G")}
    assert taken.put(Tab.BINDINGS, "chart", "c").look.keys == {}


def test_choices_go_round() -> None:
    draft = Draft(look=Look(), running=TraceConfig())
    for _ in PALETTES:
        draft = draft.turned(Tab.TUI, item(draft, Tab.TUI, "theme"), 1)
    assert draft.look.palette == Look().palette
    assert draft.turned(Tab.TUI, item(draft, Tab.TUI, "theme"), -1).look.palette == [*PALETTES][-1]


# The dialog


def cursor_on(dialog: SettingsScreen, key: str) -> None:
    dialog.action_move([item.key for item in dialog.items].index(key) - dialog.cursor)


async def test_the_screen_follows_at_once() -> None:
    app = HopscopeApp(live())
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await settled(app)
        await pilot.press("6")
        dialog = await until(pilot, SettingsScreen)
        cursor_on(dialog, "light")
        await pilot.press("enter")
        assert (screen.look.palette, app.theme) == ("light", "hopscope-light")
        await pilot.press("escape")
        await until(pilot, type(screen))
        await pilot.press("1")
        dialog = await until(pilot, SettingsScreen)
        cursor_on(dialog, "glyphs")
        await pilot.press("right")
        assert screen.look.glyphs.name == "ascii"
        cursor_on(dialog, "refresh")
        await pilot.press("enter", *["backspace"] * 5)
        await type_in(pilot, "2s")
        await pilot.press("enter")
        assert screen.look.refresh_ns == 2000 * MS


async def test_a_refused_value_stays_open_with_the_reason_beside_it() -> None:
    app = HopscopeApp(live())
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await settled(app)
        await pilot.press("s")
        dialog = await until(pilot, SettingsScreen)
        cursor_on(dialog, "privacy")
        await pilot.press("enter", "backspace")
        await type_in(pilot, "x")
        await pilot.press("enter")
        assert item(dialog.draft, Tab.TUI, "privacy").error == "privacy cannot be 'x': it is no whole number."
        assert screen.look.privacy == Privacy()
        drawn = [plain(line) for line in dialog.query_one("#items", Sheet)._lines]
        assert any("Hidden hops" in line and "it is no whole number" in line for line in drawn)


async def test_the_trace_starts_over_with_other_options_when_that_is_confirmed() -> None:
    source = live("lan")
    app = HopscopeApp(source)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await settled(app)
        await pilot.press("2")
        dialog = await until(pilot, SettingsScreen)
        await pilot.press("right")  # protocol: icmp
        await pilot.press("right")  # udp
        dialog.action_move(1000)
        assert dialog.item is None
        await pilot.press("enter")
        assert source.config == TraceConfig(report_cycles=3)
        await pilot.press("enter")
        await until(pilot, type(screen))
        await settled(app)
        assert source.config == TraceConfig(report_cycles=3, protocol=ProtocolChoice.UDP)
        assert screen.scene.channel is not None
        assert screen.scene.channel.protocol.value == "udp"


async def test_options_that_cannot_be_had_leave_the_trace_as_it_is() -> None:
    source = live("lan")
    app = HopscopeApp(source)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await settled(app)
        before = screen.source.bridge.header
        await pilot.press("2")
        dialog = await until(pilot, SettingsScreen)
        dialog._take(dialog.draft.put(Tab.TRACE, "interface", "eth0"))
        dialog.action_move(1000)
        await pilot.press("enter", "enter")
        await pilot.pause()
        assert "simulated internet has none to choose" in dialog.asked
        assert app.screen is dialog
        assert screen.source.bridge.header is before
        assert source.config == TraceConfig(report_cycles=3)


async def test_settings_are_saved_and_bind_keys_at_once() -> None:
    app = HopscopeApp(live())
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await settled(app)
        await pilot.press("5")
        dialog = await until(pilot, SettingsScreen)
        cursor_on(dialog, "help")
        await pilot.press("enter", *["backspace"] * 5)
        await type_in(pilot, "f5")
        await pilot.press("enter", "ctrl+s", "escape")
        await until(pilot, type(screen))
        assert settings.load().look.keys == {"help": ("f5",)}
        assert settings.load().config().report_cycles == 3
        await pilot.press("h")
        assert app.screen is screen
        await pilot.press("f5")
        await pilot.pause()
        assert app.screen is not screen


async def test_settings_are_saved_to_the_file_they_came_from_and_its_mode_stays(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[report]\nmode = "csv"\n')
    app = HopscopeApp(live(), settings_file=path)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await settled(app)
        await pilot.press("5")
        await until(pilot, SettingsScreen)
        await pilot.press("ctrl+s", "escape")
        await until(pilot, type(screen))
    assert tomllib.loads(path.read_text()) == {"report": {"mode": "csv"}, "trace": {"report-cycles": 3}}
    assert not config_path().exists()


async def test_what_was_recorded_cannot_be_changed(tmp_path: Path) -> None:
    await recorded(tmp_path / "log", "lan", report_cycles=2, max_ttl=30)
    app = HopscopeApp(ReplaySource(tmp_path / "log", VirtualClock()))
    async with app.run_test(size=(100, 30)) as pilot:
        for _ in range(100):
            await pilot.pause()
            if main_screen(app).source.bridge.header is not None:
                break
        main_screen(app).tick()
        await pilot.press("2")
        dialog = await until(pilot, SettingsScreen)
        assert item(dialog.draft, Tab.TRACE, "max-ttl").value == "30"
        await pilot.press("right", "enter")
        assert dialog.draft.texts == {}


@pytest.mark.parametrize("size", [(200, 50), (80, 24), (20, 5)])
async def test_every_page_opens_in_every_size(size: tuple[int, int]) -> None:
    app = HopscopeApp(live())
    async with app.run_test(size=size) as pilot:
        await settled(app)
        await pilot.press("s")
        dialog = await until(pilot, SettingsScreen)
        for tab in [*[*Tab][1:], Tab.TUI]:
            await pilot.press("tab")
            assert dialog.tab is tab
            await pilot.press("pagedown", "pagedown", "up")
        assert app.failure is None


def test_every_option_has_its_line() -> None:
    draft = Draft(look=Look(), running=TraceConfig())
    assert {one.key for one in draft.items(Tab.TRACE)} == set(TRACE_OPTIONS)
    assert {one.key for one in draft.items(Tab.BINDINGS)} == {command.id for command in COMMANDS}
