"""Trippy's options beside ours; what means nothing here is refused with its reason.

The reasons stand in docs/options.md too. Whether hopscope has an option is looked up in its command; nothing
here has to change when it gets one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
import msgspec


class TrippyOption(msgspec.Struct, frozen=True, kw_only=True):
    """One option of Trippy 0.13."""

    flags: tuple[str, ...]
    """Its short and its long form, the long one last."""
    note: str = ""
    """What differs here."""
    absent: str = ""
    """Why there is none here; not told where there is one."""
    is_switch: bool = False
    """It takes no value."""

    @property
    def long(self) -> str:
        """Its long form."""
        return self.flags[-1]


ACCEPTED = {"--icmp-extensions": "extensions are always read"}
"""Switches that ask for what hopscope does in any case."""


def _option(*flags: str, note: str = "", absent: str = "") -> TrippyOption:
    return TrippyOption(flags=flags, note=note, absent=absent)


def _switch(*flags: str, note: str = "", absent: str = "") -> TrippyOption:
    return TrippyOption(flags=flags, note=note, absent=absent, is_switch=True)


_NO_LOG = "there is no log; `--record` and `-m stream` tell every event"

TRIPPY: tuple[TrippyOption, ...] = (
    _option("-c", "--config-file", note="other tables and keys: `--print-config-template`"),
    _option("-m", "--mode", note="Trippy's `json` is `trippy-json`; report modes take many targets"),
    _switch("-u", "--unprivileged", note="`--channel errqueue`; on Linux, where Trippy has no such thing"),
    _option("-p", "--protocol", note="default `auto`: ICMP where it is permitted, else UDP"),
    _switch("--udp"),
    _switch("--tcp"),
    _switch("--icmp"),
    _option("-F", "--addr-family"),
    _switch("-4", "--ipv4"),
    _switch("-6", "--ipv6"),
    _option("-P", "--target-port"),
    _option("-S", "--source-port", note="with `-P` for every protocol that has ports"),
    _option("-A", "--source-address"),
    _option("-I", "--interface", note="binds the device too, where that is allowed"),
    _option("-i", "--min-round-duration", note="at least 10 ms"),
    _option("-T", "--max-round-duration"),
    _option("-g", "--grace-duration", note="default a quarter of the target's round-trip time, 20 to 100 ms"),
    _option("--initial-sequence"),
    _option("-R", "--multipath-strategy", note="paris and dublin; paris for every protocol"),
    _option("-U", "--max-inflight", note="counted from first-ttl"),
    _option("-f", "--first-ttl"),
    _option("-t", "--max-ttl"),
    _option("--packet-size"),
    _option("--payload-pattern"),
    _option("-Q", "--tos"),
    _switch("-e", "--icmp-extensions", note="always on"),
    _option("--read-timeout", absent="nothing is polled: the kernel says when a packet is there"),
    _option("-r", "--dns-resolve-method", note="`off` too; a server of your choice: `--dns-server`"),
    _switch("-y", "--dns-resolve-all", note="every protocol and mode"),
    _option("--dns-timeout"),
    _option("--dns-ttl"),
    _switch("-z", "--dns-lookup-as-info", note="with the system's resolver too"),
    _option("-s", "--max-samples"),
    _option("--max-flows"),
    _option("-a", "--tui-address-mode"),
    _option("--tui-as-mode", absent="the column `A` shows what is known of the AS"),
    _option("--tui-custom-columns", note="Trippy's letters where it has the column"),
    _option(
        "--tui-icmp-extension-mode",
        absent="the column `m` shows MPLS labels, the detail of a hop all extensions",
    ),
    _option("--tui-geoip-mode", absent="the detail of a hop shows its place"),
    _option("-M", "--tui-max-addrs"),
    _switch("--tui-preserve-screen", absent="the command `quit-preserve-screen` leaves with the report"),
    _option("--tui-refresh-rate", note="up to 10 s"),
    _option("--tui-privacy-max-ttl", note="masks reports and the stream too; 0 masks nothing"),
    _option("--tui-locale", absent="the screen speaks English"),
    _option("--tui-timezone", absent="times are UTC"),
    _option("--tui-theme-colors", absent="`--tui-theme` takes a whole theme"),
    _option("--tui-key-bindings", note="Trippy's names of commands are understood"),
    _option("-C", "--report-cycles"),
    _option("-G", "--geoip-mmdb-file", note="AS numbers: `--asn-mmdb-file`"),
    _option("--generate", note="bash, zsh and fish"),
    _switch("--generate-man"),
    _switch("--print-config-template"),
    _switch("--print-tui-theme-items", absent="`--tui-theme` takes a whole theme"),
    _switch("--print-tui-binding-commands"),
    _switch("--print-locales", absent="the screen speaks English"),
    _option("--log-format", absent=_NO_LOG),
    _option("--log-filter", absent=_NO_LOG),
    _option("--log-span-events", absent=_NO_LOG),
    _switch("-v", "--verbose", absent=_NO_LOG),
    _switch("-h", "--help"),
    _switch("-V", "--version"),
)
"""All of them, in the order of its help."""


class ForeignOption(click.Option):
    """An option of Trippy's that hopscope does not have; not in the help."""


def missing(command: click.Command) -> Iterator[TrippyOption]:
    """Trippy's options that a command does not have itself."""
    have = own_flags(command)
    return (option for option in TRIPPY if option.long not in have)


def own_flags(command: click.Command) -> frozenset[str]:
    """All flags of a command, but for those only there to be refused or passed over."""
    own = (param for param in command.params if not isinstance(param, ForeignOption))
    helps = command.context_settings["help_option_names"]
    return frozenset((*helps, *(flag for param in own for flag in param.opts)))


def understand(command: click.Command) -> None:
    """Let a command know Trippy's options: those without a meaning are refused with their reason."""
    have = own_flags(command)
    for option in [*missing(command)]:
        free = [flag for flag in option.flags if flag not in have]
        command.params.append(
            ForeignOption(
                [*free, f"trippy_{option.long.removeprefix('--').replace('-', '_')}"],
                is_flag=option.is_switch,
                default=None,
                hidden=True,
                expose_value=False,
                callback=_pass if option.long in ACCEPTED else _refuse(option),
            )
        )


def _pass(_context: click.Context, _option: click.Parameter, _value: Any) -> None:
    """It is as the user wants it already."""


def _refuse(option: TrippyOption) -> Any:
    def refused(context: click.Context, _: click.Parameter, value: Any) -> None:
        if value is not None:
            reason = option.absent.replace("`", "")
            raise click.UsageError(f"There is no {option.long} here: {reason}. Leave it out.", context)

    return refused
