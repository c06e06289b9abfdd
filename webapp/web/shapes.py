"""JSON shapes: a TypedDict becomes the JSON Schema of the API's document, which also checks what programs send."""

import functools
import math
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin, get_type_hints

from flask_babel import gettext, lazy_gettext

Schema = dict[str, Any]
Nested = Callable[[Any], Schema]
WORDS: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", types.NoneType: "null"}
WRONG_TYPE = {
    "string": lazy_gettext("This must be a text."),
    "integer": lazy_gettext("This must be a whole number."),
    "number": lazy_gettext("This must be a number."),
    "boolean": lazy_gettext("This must be true or false."),
    "array": lazy_gettext("This must be a list."),
    "object": lazy_gettext("This must be an object."),
}
SIZES = {"string": ("minLength", "maxLength"), "array": ("minItems", "maxItems")} | {
    "integer": ("minimum", "maximum"),
    "number": ("minimum", "maximum"),
    "object": ("minProperties", "maxProperties"),
}


@dataclass(frozen=True, slots=True)
class About:
    """What a type cannot say of a field: a note for its reader, its size (length, value, entries), its choices."""

    note: str = ""
    least: int | None = None
    most: int | None = None
    choices: tuple[str, ...] = ()


def request_schema(kind: Any, is_open: bool = False) -> Schema:
    """Return the schema of what is asked, in one piece; unknown fields are refused unless it is open."""
    return _request_schema(kind, is_open)


@functools.cache
def _request_schema(kind: Any, is_open: bool) -> Schema:
    more = {} if is_open else {"additionalProperties": False}

    def inline(shape: Any) -> Schema:
        return fields_schema(shape, inline) | more

    return schema_of(kind, inline)


def fields_schema(shape: Any, nested: Nested) -> Schema:
    """Return the schema of a TypedDict, without a word on unknown fields."""
    hints = get_type_hints(shape, include_extras=True)
    schema: Schema = {
        "type": "object",
        "properties": {name: schema_of(kind, nested) for name, kind in hints.items()},
        "required": sorted(shape.__required_keys__),
    }
    return schema | ({"description": shape.__doc__} if shape.__doc__ else {})


def schema_of(kind: Any, nested: Nested) -> Schema:
    """Return the schema of any type; `nested` makes that of a TypedDict."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (NotRequired, Required):
        return schema_of(arguments[0], nested)
    if origin is Annotated:
        return _with(schema_of(arguments[0], nested), arguments[1])
    if origin in (Union, types.UnionType):
        return _either([schema_of(one, nested) for one in arguments])
    if origin is Literal:
        return {"type": WORDS[type(arguments[0])], "enum": list(arguments)}
    if origin is list:
        return {"type": "array", "items": schema_of(arguments[0], nested)}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(arguments[1], nested)}
    if kind is Any:
        return {}
    return {"type": WORDS[kind]} if kind in WORDS else nested(kind)


def violations(value: Any, schema: Schema, field: str = "") -> dict[str, list[str]]:
    """Return what is wrong with a value, by the field it is in (`capabilities.vision`); nothing when all is well."""
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    kind = next((kind for kind in kinds if _is_a(value, kind)), None)
    if kind is None:
        return {field: [str(WRONG_TYPE[kinds[0]])]} if kinds else {}
    if value is None:
        return {}
    if "enum" in schema and value not in schema["enum"]:
        return {field: [gettext("This must be one of: %(choices)s.", choices=", ".join(map(str, schema["enum"])))]}
    if isinstance(value, str) and "\0" in value:
        return {field: [gettext("This holds characters that cannot be stored.")]}
    if message := _wrong_size(value, schema, kind):
        return {field: [message]}
    return _violations_within(value, schema, f"{field}." if field else "")


def _violations_within(value: Any, schema: Schema, prefix: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    if isinstance(value, list):
        for number, item in enumerate(value):
            found |= violations(item, schema.get("items", {}), f"{prefix}{number}")
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties", {})
        for name in set(schema.get("required", [])) - value.keys():
            found[prefix + name] = [gettext("Fill this in.")]
        for name, item in value.items():
            if name in known or others is not False:
                found |= violations(item, known.get(name, others), prefix + name)
            else:
                found[prefix + name] = [gettext("This field is not known here.")]
    return found


def _wrong_size(value: Any, schema: Schema, kind: str) -> str:
    if kind not in SIZES:
        return ""
    least, most = (schema.get(name, limit) for name, limit in zip(SIZES[kind], (-math.inf, math.inf), strict=True))
    if kind in ("integer", "number"):
        if least <= value <= most:
            return ""
        return str(gettext("This must be a number from %(least)s to %(most)s.", least=least, most=most))
    if len(value) < least:
        return str(gettext("Fill this in."))
    if len(value) > most:
        if kind == "string":
            return str(gettext("At most %(most)s characters.", most=most))
        return str(gettext("At most %(most)s entries.", most=most))
    return ""


def _is_a(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer":
        return isinstance(value, int)
    python = {"string": str, "number": int | float, "null": types.NoneType, "array": list, "object": dict}
    return kind in python and isinstance(value, python[kind])


def _with(schema: Schema, about: About) -> Schema:
    """Add what is known about a field to its schema, which may be nullable."""
    kinds = schema.get("type", [])
    kind = kinds if isinstance(kinds, str) else next((kind for kind in kinds if kind != "null"), "")
    more: Schema = {"description": about.note} if about.note else {}
    if kind in SIZES:
        limits = zip(SIZES[kind], (about.least, about.most), strict=True)
        more |= {name: limit for name, limit in limits if limit is not None}
    if about.choices:
        more["enum"] = list(about.choices)
    return schema | more


def _either(schemas: list[Schema]) -> Schema:
    """Join the schemas of a union: plain types share one line."""
    plain = [one for one in schemas if set(one) == {"type"} and isinstance(one["type"], str)]
    if len(plain) == len(schemas):
        return {"type": [one["type"] for one in schemas]}
    nullable = {"type": "null"}
    others = [one for one in schemas if one != nullable]
    if len(others) == 1 and nullable in schemas and isinstance(others[0].get("type"), str) and "enum" not in others[0]:
        return others[0] | {"type": [others[0]["type"], "null"]}
    return {"anyOf": schemas}
