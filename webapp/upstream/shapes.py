"""Reading untrusted JSON: a lenient parser and getters that never raise on a wrong type."""

import re
from typing import Any

import orjson

BOM = b"\xef\xbb\xbf"
# An escaped backslash and a whole pair are consumed so that only a surrogate standing alone reaches the group.
SURROGATE = re.compile(r"\\\\|\\u[dD][89abAB]\w{2}\\u[dD][c-fC-F]\w{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})")
# Python servers write these words for numbers; whole strings are consumed so that only those outside reach the group.
NOT_A_NUMBER = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\Z)|(-?\b(?:NaN|Infinity)\b)', re.S)
NUL = re.compile(rb"\\\\|(\\u0000)")
MOST = 2**31  # what an integer column does not hold


def loads(text: bytes) -> Any:
    """Parse JSON; bad UTF-8, lone surrogates and NUL, which PostgreSQL cannot store, become U+FFFD.

    Raises ValueError, also for nesting beyond 1,024.
    """
    if b"\\u0000" in text:
        text = NUL.sub(lambda found: b"\\ufffd" if found[1] else found[0], text)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        if not text.rstrip().endswith((b"}", b"]")):
            raise
        decoded = text.removeprefix(BOM).decode("utf-8", "replace")
        repaired = SURROGATE.sub(lambda found: "\\ufffd" if found[1] else found[0], decoded)
        if "NaN" in repaired or "Infinity" in repaired:
            repaired = NOT_A_NUMBER.sub(lambda found: "null" if found[1] else found[0], repaired)
        return orjson.loads(repaired)


def as_json(value: object) -> str:
    """Return parsed JSON as text again; empty when it is too deep: orjson reads 1,024 levels, but writes 254."""
    try:
        return orjson.dumps([[[[value]]]])[4:-4].decode()  # with room for what it will be put into
    except orjson.JSONEncodeError:
        return ""


def as_dict(value: object) -> dict[str, Any]:
    """Return the value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """Return the value if it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: object) -> str:
    """Return the value if it is text, else an empty one."""
    return value if isinstance(value, str) else ""


def as_count(value: object) -> int | None:
    """Return a whole number (also as text) from zero to what a database column holds, else None."""
    if isinstance(value, str) and len(value) < 16 and value.isdecimal():
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST else None


def first_dict(value: object) -> dict[str, Any]:
    """Return the first item of an array if it is an object, else an empty one."""
    return as_dict(value[0]) if isinstance(value, list) and value else {}
