"""Changes a request in the way that a refusal asked for, and sends it once more."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeVar

from webapp.upstream.failures import UpstreamError
from webapp.upstream.messages import ChatRequest
from webapp.upstream.shapes import as_dict, as_list

Sent = TypeVar("Sent")

FIELDS: Final = ("max_tokens", "temperature")
ADDED: Final = frozenset({"stream", "stream_options"})  # what a dialect sends of its own accord


def mended(request: ChatRequest, send: Callable[[ChatRequest], Sent]) -> tuple[Sent, dict[str, Any] | None]:
    """Send a request; when a parameter is refused by name, send it once more without or with another one.

    Return what `send` returned, and the repair that was needed (the words of `UpstreamError.details["repair"]`).
    A refused request was not answered, so nothing is paid twice.
    """
    try:
        return send(request), None
    except UpstreamError as error:
        again = repaired(request, error)
        if again is None:
            raise
        return send(again), as_dict(error.details["repair"])


def repaired(request: ChatRequest, error: UpstreamError) -> ChatRequest | None:
    """Return the request with `error.details["repair"]` applied, or None if that changes nothing that was sent."""
    repair = as_dict(error.details.get("repair"))
    sent = {name: getattr(request, name) for name in FIELDS} | request.extra
    changes: dict[str, Any] = {name: None for name in as_list(repair.get("drop")) if _is_sent(name, sent)}
    for old, new in as_dict(repair.get("rename")).items():
        if _is_sent(old, sent):
            changes |= {old: None, new: sent.get(old)}
    for name, value in as_dict(repair.get("set")).items():
        if sent.get(name) != value:
            changes[name] = value
    for name, values in as_dict(repair.get("map")).items():
        if isinstance(value := sent.get(name), str) and value in as_dict(values):
            changes[name] = values[value]
    roles = as_dict(repair.get("roles"))
    messages = tuple(replace(turn, role=roles.get(turn.role, turn.role)) for turn in request.messages)
    if not changes and messages == request.messages:
        return None
    fields = {name: changes.pop(name) for name in FIELDS if name in changes}
    return replace(request, messages=messages, extra=request.extra | changes, **fields)


def _is_sent(name: str, sent: dict[str, Any]) -> bool:
    return sent.get(name, name if name in ADDED else None) is not None
