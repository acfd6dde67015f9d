"""Events ⇄ lines of the log (NDJSON, schema ``hopscope.events/1``). Pure: files are the recorder's."""

from __future__ import annotations

import msgspec

from tracer.events import Event

_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encode(event: Event) -> bytes:
    """Return ``event`` as one line of JSON, its newline included."""
    return _ENCODER.encode(event) + b"\n"


def decode(line: bytes) -> Event:
    """Return the event that ``line`` holds.

    Raises msgspec.DecodeError (ValidationError when the JSON is sound but no event).
    """
    return _DECODER.decode(line)
