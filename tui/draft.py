"""What stands in the settings dialog: every option as an item, and what becomes of a text typed into it.

Options of the screen are taken over at once; those of the trace wait until the user starts over with them. A
text that is refused stays where it was typed, with the reason beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum

import msgspec

from tracer.config import TraceConfig
from tracer.errors import ConfigError
from tui.scene import Look
from tui.settable import (
    BY_KEY,
    SETTINGS,
    TRACE_OPTIONS,
    option_choices,
    option_text,
    trace_config,
)
from tui.view.commands import BY_ID, COMMANDS, bindings, canonical
from tui.view.strings import say
from tui.view.theme import PALETTES


class Tab(StrEnum):
    """A page of the dialog."""

    TUI = "tui"
    TRACE = "trace"
    BINDINGS = "bindings"
    THEME = "theme"

    @property
    def heading(self) -> str:
        """What it is called."""
        return say(f"settings.tab.{self.value}")


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One option as a line of the dialog."""

    key: str
    title: str
    value: str
    help: str
    choices: tuple[str, ...] = ()
    """All its values, where it is chosen and not typed."""
    error: str = ""
    """Why the value is refused."""
    waiting: bool = False
    """It is not what the trace runs with yet."""


ItemKey = tuple[Tab, str]


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """The dialog's contents."""

    look: Look
    running: TraceConfig
    """What the trace runs with, or was recorded with."""
    texts: dict[ItemKey, str] = {}
    """Texts that are not taken over: refused, or waiting for the trace to start over."""
    errors: dict[ItemKey, str] = {}

    @property
    def config(self) -> TraceConfig:
        """The options of a trace as typed; those that run where anything is wrong with them."""
        return trace_config(self.running, self._trace_texts())[0]

    @property
    def is_wrong(self) -> bool:
        """Some option of the trace is refused."""
        return any(tab is Tab.TRACE for tab, _ in self.errors)

    def _trace_texts(self) -> dict[str, str]:
        return {key: text for (tab, key), text in self.texts.items() if tab is Tab.TRACE}

    def items(self, tab: Tab) -> tuple[Item, ...]:
        """The lines of a page."""
        return tuple(_ITEMS[tab](self))

    def put(self, tab: Tab, key: str, text: str) -> Draft:
        """The draft after ``text`` was typed or chosen for an item."""
        where = (tab, key)
        bare = msgspec.structs.replace(
            self,
            texts={other: kept for other, kept in self.texts.items() if other != where},
            errors={other: kept for other, kept in self.errors.items() if other != where},
        )
        try:
            return _PUT[tab](bare, key, text)
        except ConfigError as error:
            return msgspec.structs.replace(
                bare, texts={**bare.texts, where: text}, errors={**bare.errors, where: str(error)}
            )

    def turned(self, tab: Tab, item: Item, by: int) -> Draft:
        """The draft with the choice ``by`` further on for an item."""
        at = item.choices.index(item.value) if item.value in item.choices else -by
        return self.put(tab, item.key, item.choices[(at + by) % len(item.choices)])


def _tui_items(draft: Draft) -> Iterator[Item]:
    for setting in SETTINGS:
        where = (Tab.TUI, setting.key)
        yield Item(
            key=setting.key,
            title=setting.title,
            value=draft.texts.get(where, setting.read(draft.look)),
            help=setting.help,
            choices=setting.choices,
            error=draft.errors.get(where, ""),
        )


def _trace_items(draft: Draft) -> Iterator[Item]:
    for key, declared in TRACE_OPTIONS.items():
        where = (Tab.TRACE, key)
        yield Item(
            key=key,
            title=key,
            value=draft.texts.get(where, option_text(declared, getattr(draft.running, declared.name))),
            help=declared.option.help,
            choices=option_choices(declared),
            error=draft.errors.get(where, ""),
            waiting=where in draft.texts,
        )


def _binding_items(draft: Draft) -> Iterator[Item]:
    for command in COMMANDS:
        where = (Tab.BINDINGS, command.id)
        keys = draft.look.keys.get(command.id, command.keys)
        yield Item(
            key=command.id,
            title=command.title,
            value=draft.texts.get(where, " ".join(keys)),
            help=command.help,
            error=draft.errors.get(where, ""),
        )


def _theme_items(draft: Draft) -> Iterator[Item]:
    for name in PALETTES:
        shown = name == draft.look.palette
        yield Item(
            key=name,
            title=name,
            value=say("settings.shown" if shown else "settings.hidden"),
            help="",
            choices=(say("settings.hidden"), say("settings.shown")),
        )


def _put_tui(draft: Draft, key: str, text: str) -> Draft:
    return msgspec.structs.replace(draft, look=BY_KEY[key].put(draft.look, text.strip()))


def _put_theme(draft: Draft, key: str, _text: str) -> Draft:
    return msgspec.structs.replace(draft, look=BY_KEY["theme"].put(draft.look, key))


def _put_binding(draft: Draft, key: str, text: str) -> Draft:
    others = {command_id: keys for command_id, keys in draft.look.keys.items() if command_id != key}
    bindings({**others, key: text.split()})
    keys = tuple(map(canonical, text.split()))
    chosen = others if keys == BY_ID[key].keys else {**others, key: keys}
    return msgspec.structs.replace(draft, look=msgspec.structs.replace(draft.look, keys=chosen))


def _put_trace(draft: Draft, key: str, text: str) -> Draft:
    declared = TRACE_OPTIONS[key]
    texts = draft.texts
    if text.strip() != option_text(declared, getattr(draft.running, declared.name)):
        texts = {**texts, (Tab.TRACE, key): text.strip()}
    others = {where: error for where, error in draft.errors.items() if where[0] is not Tab.TRACE}
    changed = msgspec.structs.replace(draft, texts=texts, errors=others)
    _, wrong = trace_config(draft.running, changed._trace_texts())  # noqa: SLF001 - its own module
    # An error of two options that do not go together stands beside the one the configuration names.
    errors = others | {(Tab.TRACE, other): reason for other, reason in wrong.items()}
    return msgspec.structs.replace(changed, errors=errors)


_ITEMS: dict[Tab, Callable[[Draft], Iterator[Item]]] = {
    Tab.TUI: _tui_items,
    Tab.TRACE: _trace_items,
    Tab.BINDINGS: _binding_items,
    Tab.THEME: _theme_items,
}

_PUT: dict[Tab, Callable[[Draft, str, str], Draft]] = {
    Tab.TUI: _put_tui,
    Tab.TRACE: _put_trace,
    Tab.BINDINGS: _put_binding,
    Tab.THEME: _put_theme,
}
