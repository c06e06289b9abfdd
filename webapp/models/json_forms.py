"""Reads a JSON object that somebody typed, and says what is wrong with it in words that help to mend it."""

import json
import re
from typing import Any, Final, NoReturn

import orjson
from flask_babel import gettext
from wtforms import ValidationError

COMMA: Final = re.compile(r",\s*$")


def read_typed_object(text: str) -> dict[str, Any]:
    """Return the object; raise ValidationError with the reason."""
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse_constant)
        orjson.dumps(value)  # what is sent is written by it: no lone surrogates, no numbers beyond 64 bits
    except json.JSONDecodeError as error:
        raise ValidationError(_reason(text, error)) from None
    except ValidationError:  # is a ValueError, too
        raise
    except (TypeError, ValueError, RecursionError):  # numbers of thousands of digits, nesting without an end
        raise ValidationError(gettext("This JSON holds something that cannot be sent.")) from None
    if not isinstance(value, dict):
        raise ValidationError(gettext('Write a JSON object, for example {"verbosity": "low"}.'))
    if "\\u0000" in json.dumps(value):
        raise ValidationError(gettext("This holds characters that cannot be stored."))
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValidationError(gettext("“%(name)s” is there twice. Remove one of them.", name=twice))
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValidationError(gettext("%(name)s is no number in JSON.", name=name))


def _reason(text: str, error: json.JSONDecodeError) -> str:
    """Say what is wrong; Python names a place, which is often just behind it."""
    before, rest = text[: error.pos].rstrip(), text[error.pos :].lstrip()
    if rest[:1] in ("}", "]") and COMMA.search(before):
        return _comma(rest[0])
    if rest[:1] == "," and rest[1:].lstrip()[:1] in ("}", "]"):  # newer Pythons point at the comma
        return _comma(rest[1:].lstrip()[0])
    if not rest or error.msg.startswith("Unterminated string"):
        return str(gettext("It ends too early: a closing brace, bracket or quote is missing."))
    if error.msg == "Extra data":
        return str(gettext("Something follows after the closing brace. Remove it to save."))
    if rest[0] in "'‘’“”":
        return str(gettext('Use straight double quotes: "name".'))
    if error.msg.startswith("Expecting property name"):
        return str(gettext('Put every name in double quotes: {"name": 1}.'))
    if "',' delimiter" in error.msg:
        return str(gettext("A comma is missing on line %(line)s, before %(what)s.", line=error.lineno, what=rest[:12]))
    if "':' delimiter" in error.msg:
        return str(gettext("A colon is missing on line %(line)s, after a name.", line=error.lineno))
    return str(gettext("This is no JSON on line %(line)s: %(what)s", line=error.lineno, what=rest[:12]))


def _comma(closing: str) -> str:
    if closing == "}":
        return str(gettext("A comma before the closing brace. Remove it to save."))
    return str(gettext("A comma before the closing bracket. Remove it to save."))
