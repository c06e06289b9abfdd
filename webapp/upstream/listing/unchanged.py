"""Asks for a list only if it changed (RFC 9110, 13.1): by its entity tag, else by the date of its last change."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from webapp.upstream.dialects.call import Call

NOT_MODIFIED: Final = 304
LONGEST: Final = 200
TAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"')
DATE: Final = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")


def validator_in(headers: Mapping[str, str]) -> str | None:
    """Return what a later call may ask with; None when nothing usable is offered. Header names are lower case."""
    for name, shape in (("etag", TAG), ("last-modified", DATE)):
        value = headers.get(name, "")
        if len(value) <= LONGEST and shape.fullmatch(value):
            return value
    return None


def unless_unchanged(call: Call, validator: str) -> Call:
    """Return the call with the condition; its answer may be 304."""
    name = "If-None-Match" if TAG.fullmatch(validator) else "If-Modified-Since"
    return replace(call, headers=call.headers | {name: validator})


def is_conditional(call: Call) -> bool:
    """Tell whether 304 answers this call."""
    return not call.headers.keys().isdisjoint(("If-None-Match", "If-Modified-Since"))
