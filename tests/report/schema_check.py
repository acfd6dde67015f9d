"""As much of JSON Schema as the published schemas use; an unknown keyword is an error, never ignored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

_TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
_ANNOTATIONS = {
    "$schema",
    "$id",
    "$defs",
    "title",
    "description",
    "default",
    "discriminator",
    "contentEncoding",
}


def violations(document: Any, schema: dict[str, Any]) -> list[str]:
    """Return where and how ``document`` breaks ``schema``."""
    return list(_check(document, schema, schema["$defs"], "$"))


def _check(value: Any, schema: dict[str, Any], definitions: dict[str, Any], where: str) -> Iterator[str]:
    for keyword, told in schema.items():
        if keyword not in _ANNOTATIONS:
            yield from _KEYWORDS[keyword](value, told, schema, definitions, where)


def _ref(value: Any, told: str, _schema: Any, definitions: Any, where: str) -> Iterator[str]:
    yield from _check(value, definitions[told.removeprefix("#/$defs/")], definitions, where)


def _any_of(value: Any, told: list[Any], _schema: Any, definitions: Any, where: str) -> Iterator[str]:
    if all(list(_check(value, one, definitions, where)) for one in told):
        yield f"{where}: none of the alternatives"


def _type(value: Any, told: str, _schema: Any, _definitions: Any, where: str) -> Iterator[str]:
    if not _TYPES[told](value):
        yield f"{where}: not of type {told}"


def _enum(value: Any, told: list[Any], _schema: Any, _definitions: Any, where: str) -> Iterator[str]:
    if value not in told:
        yield f"{where}: {value!r} is not one of {told}"


def _minimum(value: Any, told: int, _schema: Any, _definitions: Any, where: str) -> Iterator[str]:
    if _TYPES["number"](value) and value < told:
        yield f"{where}: {value} is less than {told}"


def _maximum(value: Any, told: int, _schema: Any, _definitions: Any, where: str) -> Iterator[str]:
    if _TYPES["number"](value) and value > told:
        yield f"{where}: {value} is more than {told}"


def _properties(value: Any, told: Any, _schema: Any, definitions: Any, where: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{where}.{name}: not described" for name in value.keys() - told.keys())
        for name in value.keys() & told.keys():
            yield from _check(value[name], told[name], definitions, f"{where}.{name}")


def _additional(value: Any, told: Any, schema: Any, definitions: Any, where: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name in value.keys() - schema.get("properties", {}).keys():
            yield from _check(value[name], told, definitions, f"{where}.{name}")


def _required(value: Any, told: list[str], _schema: Any, _definitions: Any, where: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{where}.{name}: missing" for name in told if name not in value)


def _items(value: Any, told: Any, schema: Any, definitions: Any, where: str) -> Iterator[str]:
    if isinstance(value, list) and told is not False:
        for index, item in enumerate(value[len(schema.get("prefixItems", ())) :]):
            yield from _check(item, told, definitions, f"{where}[{index}]")


def _prefix(value: Any, told: list[Any], _schema: Any, definitions: Any, where: str) -> Iterator[str]:
    if isinstance(value, list):
        for index, (item, one) in enumerate(zip(value, told, strict=False)):
            yield from _check(item, one, definitions, f"{where}[{index}]")


def _min_items(value: Any, told: int, _schema: Any, _definitions: Any, where: str) -> Iterator[str]:
    if isinstance(value, list) and len(value) < told:
        yield f"{where}: shorter than {told}"


def _max_items(value: Any, told: int, _schema: Any, _definitions: Any, where: str) -> Iterator[str]:
    if isinstance(value, list) and len(value) > told:
        yield f"{where}: longer than {told}"


_KEYWORDS: dict[str, Callable[..., Iterator[str]]] = {
    "$ref": _ref,
    "anyOf": _any_of,
    "type": _type,
    "enum": _enum,
    "minimum": _minimum,
    "maximum": _maximum,
    "properties": _properties,
    "additionalProperties": _additional,
    "required": _required,
    "items": _items,
    "prefixItems": _prefix,
    "minItems": _min_items,
    "maxItems": _max_items,
}
