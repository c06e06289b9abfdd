"""Scripts of model lists: every envelope, sizes from none to 10 MB, and pages."""

import json
from collections.abc import Callable
from typing import Any

from tests import far_end_chat

# The first of the list cannot chat: whoever takes it blindly fails.
IDS = ("text-embedding-3-small", "ok", "slow", "stall", "whisper-1")
PAGE = 100


def script(name: str) -> Callable[[Any], None]:
    """The list that this base path serves. `401`, `hold`, `gzip` and the like are those of chat calls."""
    kind, _, number = name.partition(":")
    if kind == "models" and number:
        return lambda play: _send(play, {"object": "list", "data": _many(int(number))})
    if kind == "pages":
        return lambda play: _page(play, int(number))
    if name in SCRIPTS:
        return SCRIPTS[name]
    if name in far_end_chat.ERRORS or name in far_end_chat.SCRIPTS or name.startswith("redirect:"):
        return far_end_chat.script(name)
    return ok


def ok(play: Any) -> None:
    if play.call.is_anthropic:
        data = [{"type": "model", "id": name, "display_name": name.title()} for name in IDS[1:]]
        _send(play, {"data": data, "has_more": False, "first_id": data[0]["id"], "last_id": data[-1]["id"]})
    else:
        _send(play, {"object": "list", "data": [_model(name) for name in IDS]})


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1, "owned_by": "far-end"}


def _mounted(play: Any) -> None:
    """Serve the list below `/v1` only, as a server that is mounted at a path does."""
    if play.call.path.endswith("/v1/models"):
        ok(play)
    else:
        far_end_chat.error(play, "404")


def _many(count: int) -> list[dict[str, Any]]:
    return [_model(f"vendor/model-{number:06d}") for number in range(count)]


def _page(play: Any, count: int) -> None:
    """The Anthropic way: `after_id`, `has_more`, `last_id`."""
    names = [f"model-{number}" for number in range(count)]
    after = play.call.query.get("after_id", [""])[0]
    start = names.index(after) + 1 if after else 0
    shown = names[start : start + PAGE]
    data = [{"type": "model", "id": name, "display_name": name} for name in shown]
    _send(play, {"data": data, "has_more": start + PAGE < count, "last_id": shown[-1] if shown else None})


def _send(play: Any, value: Any) -> None:
    play.send(200, json.dumps(value).encode())


def _ten_megabytes(play: Any) -> None:
    models = [{**_model(f"model-{number}"), "description": "x" * 5000} for number in range(2000)]
    _send(play, {"object": "list", "data": models})


def _endless(play: Any) -> None:
    play.head(200, "application/json")
    play.chunk(b'{"data":[')
    while True:
        play.chunk(b'{"id":"model","object":"model"},' * 2000)


SCRIPTS: dict[str, Callable[[Any], None]] = {
    "empty-list": lambda play: _send(play, {"object": "list", "data": []}),
    "bare": lambda play: _send(play, [_model(name) for name in IDS]),
    "envelope-models": lambda play: _send(play, {"models": [_model(name) for name in IDS]}),
    "10mb": _ten_megabytes,
    "endless": _endless,
    "badjson": lambda play: play.send(200, b'{"data": [{"id": "ok"'),
    "deep": lambda play: play.send(200, b"[" * 100_000),
    "mount": _mounted,
    "lmstudio": lambda play: _send(play, {"error": "Unexpected endpoint or method. (GET /models)"}),
    "no-list": lambda play: far_end_chat.error(play, "404"),
}
