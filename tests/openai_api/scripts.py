"""What the far end plays for our API beyond chats: genuine OpenAI shapes, tool calls and embeddings."""

import json
from collections.abc import Iterator
from typing import Any

from tests import far_end_chat
from tests.far_end_chat import event

ARGUMENTS = '{"city": "Đà Nẵng", "days": 3}'
HEAD = {"id": "chatcmpl-far", "created": 1_790_000_000, "model": "exact-2026", "system_fingerprint": None}
USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 5,
    "total_tokens": 14,
    "prompt_tokens_details": {"cached_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


def _exact(play: Any) -> None:
    """As api.openai.com answers, field by field."""
    asked = play.call.json
    if asked.get("stream"):
        _frames(play, _exact_chunks(play.far_end.text, asked.get("stream_options", {}).get("include_usage")))
        return
    message = {"role": "assistant", "content": play.far_end.text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    play.send(200, json.dumps(HEAD | {"object": "chat.completion", "choices": [choice], "usage": USAGE}).encode())


def _exact_chunks(text: str, with_usage: bool) -> Iterator[dict[str, Any]]:
    head = HEAD | {"object": "chat.completion.chunk"} | ({"usage": None} if with_usage else {})
    deltas = [{"role": "assistant", "content": "", "refusal": None}, {"content": text[:9]}, {"content": text[9:]}, {}]
    for delta in deltas:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None if delta else "stop"}
        yield head | {"choices": [choice]}
    if with_usage:
        yield head | {"choices": [], "usage": USAGE}


def _tools(play: Any) -> None:
    """Call the first tool that was sent; streamed, the arguments come in pieces."""
    name = play.call.json["tools"][0]["function"]["name"]
    call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": ARGUMENTS}}
    if not play.call.json.get("stream"):
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        play.send(200, json.dumps(HEAD | {"choices": [choice]}).encode())
        return
    parts = [call | {"function": {"name": name, "arguments": ""}}]
    parts += [{"function": {"arguments": ARGUMENTS[start : start + 4]}} for start in range(0, len(ARGUMENTS), 4)]
    deltas = [{"tool_calls": [{"index": 0} | part]} for part in parts]
    chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    _frames(play, iter([*chunks, {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}]))


def _reasons(play: Any) -> None:
    deltas = [{"reasoning_content": "Hm, "}, {"reasoning_content": "yes."}, {"content": "Yes."}]
    chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    _frames(play, iter([*chunks, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]))


def _embeddings(play: Any) -> None:
    texts = play.call.json["input"]
    vectors = [{"object": "embedding", "index": number, "embedding": [0.25, -0.5]} for number, _ in enumerate(texts)]
    usage = {"prompt_tokens": 4, "total_tokens": 4}
    play.send(200, json.dumps({"object": "list", "data": vectors, "model": "far", "usage": usage}).encode())


def _frames(play: Any, chunks: Iterator[dict[str, Any]]) -> None:
    play.head(200)
    for chunk in chunks:
        play.chunk(event(chunk))
    play.chunk(b"data: [DONE]\n\n")
    play.end()


far_end_chat.SCRIPTS.update({"exact": _exact, "tools": _tools, "reasons": _reasons, "embed-small": _embeddings})
