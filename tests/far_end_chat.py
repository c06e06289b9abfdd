"""Scripts of chat calls: an answer when all is well, and the ways in which one goes wrong. `play` is the handler."""

import gzip
import itertools
import json
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any

Script = Callable[[Any], None]

ERRORS: dict[str, tuple[int, str, str]] = {
    "400": (400, "invalid_request_error", "Unsupported value."),
    "401": (401, "invalid_api_key", "Incorrect API key provided."),
    "402": (402, "insufficient_credits", "Insufficient credits. Please add more."),
    "403": (403, "permission_denied", "You do not have access to this."),
    "404": (404, "not_found", "Not Found"),
    "429": (429, "rate_limit_exceeded", "Rate limit reached for requests. Please slow down."),
    "500": (500, "internal_error", "Something broke."),
    **dict.fromkeys(("503", "soon"), (503, "overloaded", "The server is overloaded.")),
}
ERRORS |= {code: (429, code, "No plan.") for code in ("1113", "1308", "1309", "1310", "1311", "insufficient_quota")}
WAITS = {"429": {"Retry_After": "7"}, "503": {"Retry_After": "7"}, "soon": {"Retry_After_Ms": "30"}}


def script(name: str) -> Script:
    """The script of that name; a name that nobody knows is a healthy model."""
    if name in ERRORS:
        return lambda play: error(play, name)
    if name.startswith("redirect:"):
        _, status, url = name.split(":", 2)
        return lambda play: play.send(int(status), b"", Location=url)
    if name.startswith("refuse:"):
        return lambda play: _refuse(play, name.removeprefix("refuse:"))
    return SCRIPTS.get(name, ok)


def error(play: Any, name: str, message: str = "") -> None:
    status, code, text = ERRORS[name]
    body = {"error": {"message": message or text, "type": code, "code": code}}
    play.send(status, json.dumps(body).encode(), **WAITS.get(name, {}))


def _refuse(play: Any, parameter: str) -> None:
    """Answer only a call without that parameter, as OpenAI's reasoning models refuse `max_tokens`."""
    if parameter not in play.call.json:
        return ok(play)
    text = f"Unsupported parameter: '{parameter}' is not supported with this model."
    if parameter == "max_tokens":
        text += " Use 'max_completion_tokens' instead."
    body = {
        "error": {"message": text, "type": "invalid_request_error", "param": parameter, "code": "unsupported_parameter"}
    }
    return play.send(400, json.dumps(body).encode())


def ok(play: Any) -> None:
    """The whole text: streamed in small chunks when asked, else as JSON."""
    if not play.call.json.get("stream"):
        play.send(200, json.dumps(_whole(play)).encode())
        return
    play.head(200)
    for data in events(play):
        play.chunk(data)
    play.end()


def events(play: Any) -> Iterator[bytes]:
    """The frames of a healthy stream."""
    text = play.far_end.text
    pieces = [text[start : start + 5] for start in range(0, len(text), 5)]
    if play.call.is_anthropic:
        usage = {"input_tokens": 9, "output_tokens": 1}
        yield named("message_start", message={"id": "m", "role": "assistant", "content": [], "usage": usage})
        yield named("content_block_start", index=0, content_block={"type": "text", "text": ""})
        for piece in pieces:
            yield named("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
        yield named("content_block_stop", index=0)
        yield named("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": len(pieces)})
        yield named("message_stop")
        return
    for piece in pieces:
        yield delta(piece)
    yield finish()
    yield event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": len(pieces), "total_tokens": 9}})
    yield b"data: [DONE]\n\n"


def event(data: Any) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def named(name: str, **data: Any) -> bytes:
    return f"event: {name}\n".encode() + event({"type": name, **data})


def delta(text: str, key: str = "content") -> bytes:
    return event({"id": "c", "choices": [{"index": 0, "delta": {key: text}, "finish_reason": None}]})


def finish(reason: str = "stop") -> bytes:
    return event({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})


def _whole(play: Any) -> dict[str, Any]:
    text = play.far_end.text
    if play.call.is_anthropic:
        content = [{"type": "text", "text": text}]
        usage = {"input_tokens": 9, "output_tokens": 14}
        return {"type": "message", "role": "assistant", "content": content, "stop_reason": "end_turn", "usage": usage}
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 14}}


def _slow(play: Any) -> None:
    play.far_end.pace = play.far_end.pace or 0.03
    ok(play)


def _hold(play: Any) -> None:
    """Not even headers until released; then all is well."""
    play.hold()
    ok(play)


def _stall(play: Any) -> None:
    play.head(200)
    play.hold()


def _stall_mid(play: Any) -> None:
    play.head(200)
    play.chunk(delta("Half "))
    play.hold()


def _drip(play: Any) -> None:
    """A byte at a time, also inside characters and frames."""
    play.head(200)
    for byte in b"".join(events(play)):
        play.chunk(bytes([byte]))
    play.end()


def _comments(*frames: bytes) -> Script:
    """These frames, then signs of life for ever."""

    def play_comments(play: Any) -> None:
        play.head(200)
        for frame in itertools.chain(frames, itertools.repeat(b": keep-alive\n\n")):
            if play.gone_within(0.02):
                raise ConnectionAbortedError
            play.chunk(frame)

    return play_comments


def _endless(play: Any) -> None:
    play.head(200)
    for number in itertools.count():
        play.chunk(delta(f"word{number} " * 50))


def _bigline(play: Any) -> None:
    play.head(200)
    play.chunk(b'data: {"choices":[{"index":0,"delta":{"content":"')
    while True:
        play.chunk(b"a" * 65_536)


def _gzip(play: Any) -> None:
    play.send(200, gzip.compress(json.dumps(_whole(play)).encode()), Content_Encoding="gzip")


def _cut(play: Any) -> None:
    play.head(200)
    play.chunk(delta("Half of "))
    play.chunk(delta("it"))
    play.close_connection = True


def _reset(play: Any) -> None:
    _cut(play)
    play.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    play.request.close()


def _frames(*frames: bytes) -> Script:
    def play_frames(play: Any) -> None:
        play.head(200)
        for frame in frames:
            play.chunk(frame)
        play.end()

    return play_frames


def _echo_key(play: Any) -> None:
    """The error repeats the key, as some providers do; streams have it split over two chunks."""
    key = play.call.headers.get("authorization", "").removeprefix("Bearer ")
    if play.call.json.get("stream") and play.call.script == "":
        middle = len(key) // 2
        _frames(delta(f"Your key {key[:middle]}"), delta(f"{key[middle:]} is fine"), finish())(play)
    else:
        error(play, "401", f"Incorrect API key provided: {key}.")


def _hang_after_finish(play: Any) -> None:
    play.head(200)
    play.chunk(delta("All of it"))
    play.chunk(finish())
    play.hold()


def _length(play: Any) -> None:
    """A reasoning model that spent the whole budget on thinking."""
    if play.call.json.get("stream"):
        _frames(delta("Hm", "reasoning_content"), finish("length"), b"data: [DONE]\n\n")(play)
        return
    choice = {"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "length"}
    play.send(200, json.dumps({"choices": [choice]}).encode())


SCRIPTS: dict[str, Script] = {
    "slow": _slow,
    "hold": _hold,
    "stall": _stall,
    "stall-mid": _stall_mid,
    "drip": _drip,
    "comments": _comments(),
    "comments-mid": _comments(delta("Half ")),
    "endless": _endless,
    "bigline": _bigline,
    "gzip": _gzip,
    "cut": _cut,
    "reset": _reset,
    "badjson": _frames(delta("Half "), b"data: {not json}\n\n"),
    "deep": _frames(delta("Half "), b"data: " + b"[" * 100_000 + b"\n\n"),
    "nullchoices": _frames(
        delta("Half "), event({"choices": None}), event({"choices": [{"delta": None}]}), event({"choices": [7]})
    ),
    "error-mid": _frames(delta("Half "), event({"error": {"message": "The GPU caught fire.", "code": 500}})),
    "echo-key": _echo_key,
    "html": lambda play: play.send(200, b"<!doctype html><html><title>Welcome</title></html>", "text/html"),
    "hang-after-finish": _hang_after_finish,
    "length": _length,
    "mount": lambda play: ok(play) if "/v1/" in play.call.path else error(play, "404"),
    "silent": lambda play: setattr(play, "close_connection", True),
}
