"""Everything that can be raised, organised by who can fix it.

    HopscopeError
    ├── ConfigError       the user: an option, or two that do not go together      exit 2
    ├── NotPermittedError the administrator: a right or a sysctl                    exit 3
    ├── TargetError       the user or the resolver: a name without an address       exit 4
    ├── LocalError        the host: ports, descriptors, source address, routes      exit 5
    ├── RecordingError    the user: a file that is not a recording                  exit 2
    ├── ScenarioError     the user: a scenario file                                 exit 2
    └── DecodeError       nobody: bytes from the network that are not what they say

Silence, unreachability and loss are events, never exceptions. DecodeError never leaves a channel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer.text import named

if TYPE_CHECKING:
    from tracer.model import Failure


class HopscopeError(Exception):
    """Base of all errors raised on purpose.

    ``message`` is one sentence saying what is wrong, ``remedy`` one saying what to do.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class ConfigError(HopscopeError):
    """An option has a value it cannot have, or does not go with another one."""

    def __init__(self, option: str, value: object, reason: str, remedy: str = "") -> None:
        super().__init__(f"{option} cannot be {_shown(value)}: {reason}.", remedy)
        self.option = option
        self.value = value
        self.reason = reason


_LONGEST_SHOWN = 200


def _shown(value: object) -> str:
    """A value as a sentence can hold it: a file may give one of any length or depth."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # ValueError: a number of more digits than Python writes
        return "what it says"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."


class NotPermittedError(HopscopeError):
    """The system does not let this user do it; the remedy names the setting."""


class TargetError(HopscopeError):
    """A target has no usable address."""

    @classmethod
    def of(cls, name: str) -> TargetError:
        """What to say of a name that nobody knows an address of."""
        remedy = "Check the spelling and the resolver, or give an address."
        return cls(f"{named(name)} has no address.", remedy)

    @classmethod
    def unanswered(cls, name: str) -> TargetError:
        """What to say of a name that may have an address: nobody answered the question."""
        remedy = "Check the network and the name servers, or give an address."
        return cls(f"The name servers give no answer about {named(name)}.", remedy)


class LocalError(HopscopeError):
    """The host cannot send; carries the classified failure."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message, failure.remedy)
        self.failure = failure


class RecordingError(HopscopeError):
    """A file is not a recording that this version can read."""


class ScenarioError(HopscopeError):
    """A scenario file has a key or a value the simulated internet does not know."""


class DecodeError(HopscopeError):
    """Bytes do not hold what their header promises."""

    def __init__(self, layer: str, offset: int, reason: str) -> None:
        super().__init__(f"{layer} at byte {offset}: {reason}")
        self.layer = layer
        self.offset = offset
        self.reason = reason
