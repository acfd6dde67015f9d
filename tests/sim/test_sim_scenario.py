from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest

from tracer.errors import ScenarioError
from tracer.model import Address, Family
from tracer.sim import scenario as scenario_module
from tracer.sim.load import load, names, parse
from tracer.sim.scenario import Duration, Hop, derived

VALID = """
    name = "two"
    [[hop]]
    addresses = ["198.18.1.1"]
    rtt = "1ms"
    {hop}
    [target]
    addresses = ["203.0.113.9"]
    rtt = "2ms"
    {target}
    [[change]]
    at = "1s"
    {change}
    [[change.hop]]
    addresses = ["198.18.2.1"]
    rtt = "3ms"
    {change_hop}
"""


def text(**lines: str) -> str:
    places = dict.fromkeys(("hop", "target", "change", "change_hop"), "")
    return dedent(VALID.format(**places | lines))


def test_the_example_in_the_documentation_is_a_scenario() -> None:
    example = re.search(r"\n\n((?:    .*\n)+)", scenario_module.__doc__ or "")
    assert example is not None
    found = parse(dedent(example[1]), "example.toml")
    assert [hop.rtt_ns for hop in found.hops] == [1_500_000]
    assert found.target.tcp.filtered == (25,)
    assert found.changes[0].hops[0].addresses == ("198.18.2.1",)


@pytest.mark.parametrize(
    ("place", "line", "key", "remedy"),
    [
        ("hop", "los_out = 0.1", "hop[0].los_out", "Did you mean 'loss_out'?"),
        ("hop", "rate_limit = { rate = 1, bust = 2 }", "hop[0].rate_limit.bust", "Did you mean 'burst'?"),
        ("hop", "mpls = [{ label = 3, tll = 1 }]", "hop[0].mpls[0].tll", "Did you mean 'ttl'?"),
        ("hop", "zzz = 1", "hop[0].zzz", "Known here: addresses, addresses6, "),
        ("target", "tcp = { opened = [80] }", "target.tcp.opened", "Did you mean 'open'?"),
        ("change", "from_tll = 1", "change[0].from_tll", "Did you mean 'from_ttl'?"),
        ("change_hop", "jiter = '1ms'", "change[0].hop[0].jiter", "Did you mean 'jitter'?"),
    ],
)
def test_an_unknown_key_is_named_with_its_file_and_the_nearest_known_one(
    place: str, line: str, key: str, remedy: str
) -> None:
    with pytest.raises(ScenarioError) as error:
        parse(text(**{place: line}), "mine.toml")
    assert error.value.message == f"mine.toml: unknown key {key!r}."
    assert error.value.remedy.startswith(remedy)


@pytest.mark.parametrize(
    ("place", "line", "part"),
    [
        ("hop", "loss_out = 1.5", "`hop[0].loss_out`"),
        ("hop", "loss_back = -0.1", "`hop[0].loss_back`"),
        ("hop", "mtu = 20", "`hop[0].mtu`"),
        ("hop", "initial_ttl = 100", "`hop[0].initial_ttl`"),
        ("hop", "set_dscp = 64", "`hop[0].set_dscp`"),
        ("hop", "set_ecn = 4", "`hop[0].set_ecn`"),
        ("hop", "ecmp = 'both'", "`hop[0].ecmp`"),
        ("hop", "jitter = 5", '"1.5ms"'),
        ("hop", "jitter = '5 parsecs'", "'5 parsecs'"),
        ("hop", "silent = 'yes'", "`hop[0].silent`"),
        ("hop", "rate_limit = { rate = 0 }", "`hop[0].rate_limit.rate`"),
        ("hop", "addresses6 = ['198.18.1.1']", "is no ipv6 address"),
        ("hop", "addresses6 = ['2001:DB8::5']", "is written '2001:db8::5'"),
        ("hop", "addresses6 = ['2001:db8::5', '2001:db8::6']", "as many addresses"),
        ("hop", "bloat = { amplitude = '1s', period = '0s' }", "period"),
        ("hop", "nat = { address = 'router' }", "'router' is no address"),
        ("hop", "dnat = { address = 'router' }", "'router' is no address"),
        ("hop", "set_flow_label = 1048576", "`hop[0].set_flow_label`"),
        ("hop", "set_identification = 65536", "`hop[0].set_identification`"),
        ("hop", "clear_df = false", "`hop[0].clear_df`"),
        ("hop", "interfaces = [{ role = 'side' }]", "`hop[0].interfaces[0].role`"),
        ("hop", "interfaces = [{ address = '2001:DB8::5' }]", "is written '2001:db8::5'"),
        ("hop", "interfaces = [{ name = '" + 32 * "\u00e9" + "' }]", "at most 63 bytes"),
        ("hop", "interface_ids = [{ name = 'a', index = 1 }]", "one of name, index and address"),
        ("hop", "interface_ids = [{}]", "one of name, index and address"),
        ("hop", "objects = [{ class_num = 256 }]", "`hop[0].objects[0].class_num`"),
        ("hop", "objects = [{ class_num = 1, body = 'xyz' }]", "`hop[0].objects[0].body`"),
        ("target", "tcp = { open = [0] }", "`target.tcp.open[0]`"),
        ("change", "from_ttl = 3\nto_ttl = 2", "to_ttl"),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_place(place: str, line: str, part: str) -> None:
    with pytest.raises(ScenarioError) as error:
        parse(text(**{place: line.replace("\n", "\n    ")}), "mine.toml")
    assert error.value.message.startswith("mine.toml: ")
    assert part in error.value.message


def test_changes_stand_in_the_order_of_their_times() -> None:
    with pytest.raises(ScenarioError, match="order of their times"):
        parse(text() + '[[change]]\nat = "1ms"\n', "mine.toml")


def test_text_that_is_not_toml_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"mine\.toml is not TOML"):
        parse("name = ", "mine.toml")


@pytest.mark.parametrize("without", ["addresses", "rtt"])
def test_a_hop_that_answers_needs_an_address_and_an_rtt(without: str) -> None:
    lines = {"addresses": 'addresses = ["198.18.1.1"]', "rtt": 'rtt = "1ms"'}
    del lines[without]
    rest = "\n".join(lines.values())
    with pytest.raises(ScenarioError, match="that is not silent needs"):
        parse(f'name = "x"\n[[hop]]\n{rest}\n[target]\naddresses = ["203.0.113.9"]\nrtt = "1ms"', "mine.toml")


@pytest.mark.parametrize(
    ("written", "nanoseconds"),
    [
        ("7ns", 7),
        ("1.5us", 1500),
        ("1.5ms", 1_500_000),
        ("0.1 ms", 100_000),
        ("30s", 30 * 10**9),
        ("2min", 120 * 10**9),
    ],
)
def test_durations_are_a_number_and_a_unit(written: str, nanoseconds: int) -> None:
    assert Duration.parse(written) == nanoseconds


def test_ipv6_addresses_are_derived_unless_they_are_given() -> None:
    assert derived(Address("198.18.1.1")) == "2001:db8::c612:101"
    hop = Hop(addresses=(Address("198.18.1.1"),), rtt_ns=Duration(1))
    assert hop.addresses_of(Family.IPV6) == ("2001:db8::c612:101",)
    given = Hop(
        addresses=(Address("198.18.1.1"),), addresses6=(Address("2001:db8:5::1"),), rtt_ns=Duration(1)
    )
    assert given.addresses_of(Family.IPV6) == ("2001:db8:5::1",)


def test_a_name_loads_a_shipped_scenario_and_a_path_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text())
    assert load("wan").name == "wan"
    assert load(file).name == load(str(file)).name == "two"


def test_a_name_that_is_nowhere_is_answered_with_the_names_that_are() -> None:
    with pytest.raises(ScenarioError) as error:
        load("wann")
    assert "'wann'" in error.value.message
    assert all(name in error.value.remedy for name in names())
