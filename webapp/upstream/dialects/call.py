"""The call that a dialect hands to the transport."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from webapp.upstream.failures import failure
from webapp.upstream.target import Target


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request, without the key: the transport adds that and the target's own headers.

    `path` is appended to the target's base URL, unless it is a whole URL.
    """

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


def json_call(path: str, body: dict[str, Any], stream: bool, headers: Mapping[str, str] | None = None) -> Call:
    """Build a POST with the fields that are not None. Raises bad_request for text that is not valid Unicode."""
    accept = {"Content-Type": "application/json", "Accept": "text/event-stream" if stream else "application/json"}
    try:
        sent = orjson.dumps({name: value for name, value in body.items() if value is not None})
    except TypeError as error:
        raise failure("bad_request", str(error), action="edit_message") from error
    return Call("POST", path, headers=accept | dict(headers or {}), body=sent)


def list_path(target: Target) -> str:
    """Return where the list is, or raise models_unavailable for a vendor without one."""
    if target.list_path is None:
        raise failure("models_unavailable", "this provider has no model list", action="use_catalogue")
    return target.list_path


def page_query(page: dict[str, Any] | None) -> dict[str, str]:
    """Return `ModelList.next` as query parameters."""
    return {name: str(value) for name, value in (page or {}).items()}
