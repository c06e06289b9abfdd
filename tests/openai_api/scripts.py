"""What the far end plays for our API beyond chats: genuine OpenAI shapes, tool calls and embeddings."""

import json
import struct
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from tests import far_end_chat
from tests.far_end_chat import event, named

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


def _tools_held(play: Any) -> None:
    """The call as it arrives before its arguments are whole; the rest when released."""
    head = {"index": 0, "id": "", "type": "function", "function": {"name": "weather", "arguments": '{"city"'}}
    play.head(200)
    play.chunk(event({"choices": [{"delta": {"tool_calls": [head]}}]}))
    play.hold()
    play.chunk(event({"choices": [{"delta": {"tool_calls": [{"function": {"arguments": ': "Huế"}'}}]}}]}))
    play.chunk(event({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}))
    play.end()


TOKEN = {"token": "Yes", "logprob": -0.1, "bytes": [89, 101, 115], "top_logprobs": []}
NOTE = {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 3, "title": "T", "url": "https://a.b"}}
TOLD = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10, "cost": 0.5, "queue_time": 0.25} | {
    "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "accepted_prediction_tokens": 1},
}
HEAD_MORE = HEAD | {"system_fingerprint": "fp_7", "service_tier": "flex", "citations": ["https://a.b"]}


def _beyond(play: Any) -> None:
    """Fields that not every server has, some of them nobody's but this one's."""
    logprobs = {"content": [TOKEN], "refusal": None}
    if not play.call.json.get("stream"):
        message = {"role": "assistant", "content": "Yes", "annotations": [NOTE], "audio": {"id": "a"}, "mood": "good"}
        choice = {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": "stop", "native": "eos"}
        play.send(200, json.dumps(HEAD_MORE | {"choices": [choice], "usage": TOLD}).encode())
        return
    head = HEAD_MORE | {"object": "chat.completion.chunk"}
    deltas: list[dict[str, Any]] = [
        {"delta": {"role": "assistant", "content": ""}},
        {"delta": {"content": "Yes"}, "logprobs": logprobs},
        {"delta": {"reasoning_details": [{"type": "reasoning.text", "text": "Hm"}], "content": ""}},
        {"delta": {"annotations": [NOTE]}},
        {"delta": {}, "finish_reason": "stop", "native": "eos"},
    ]
    chunks = [head | {"choices": [{"index": 0} | delta]} for delta in deltas]
    _frames(play, iter([*chunks, head | {"choices": [], "usage": TOLD}]))


def _echo_beyond(play: Any) -> None:
    """Repeat the key in every place that is passed on."""
    key = play.call.headers["authorization"].removeprefix("Bearer ")
    call = {"function": {"name": "weather", "arguments": {"key": key}}}
    said = {"content": "Yes", "mood": key, "tool_calls": [call]}
    choices = [{"index": number, "finish_reason": "stop", "native": key} for number in (0, 1)]
    body = HEAD | {"provider": {"key": key}, "usage": TOLD | {"key": key}}
    if play.call.json.get("stream"):
        _frames(play, iter([body | {"choices": [choice | {"delta": said}]} for choice in choices]))
    else:
        play.send(200, json.dumps(body | {"choices": [choice | {"message": said} for choice in choices]}).encode())


def _refuses(play: Any) -> None:
    parts = ["I am sorry, ", "no."]
    if not play.call.json.get("stream"):
        message = {"role": "assistant", "content": None, "refusal": "".join(parts)}
        play.send(200, json.dumps(HEAD | {"choices": [{"message": message, "finish_reason": "stop"}]}).encode())
        return
    deltas = [{"delta": {"refusal": part}} for part in parts]
    _frames(play, ({"choices": [delta]} for delta in [*deltas, {"delta": {}, "finish_reason": "stop"}]))


def _several(play: Any) -> None:
    """As many answers as were asked for; the second has a call, in other words than OpenAI's."""
    count = play.call.json["n"]
    call = {"function": {"name": "weather", "arguments": {"city": "Huế"}}}
    if not play.call.json.get("stream"):
        choices = [{"index": number, "message": {"content": f"No. {number}"}} for number in range(count)]
        choices[1]["message"] = {"content": None, "tool_calls": [call]}
        whole = [choice | {"finish_reason": "stop"} for choice in choices]
        play.send(200, json.dumps(HEAD | {"choices": whole}).encode())
        return
    chunks = [{"index": number, "delta": {"content": f"No. {number}"}} for number in range(count)]
    chunks[1]["delta"] = {"tool_calls": [call]}
    chunks += [{"index": number, "delta": {}, "finish_reason": "stop"} for number in reversed(range(count))]
    _frames(play, ({"choices": [chunk]} for chunk in chunks))


def _acts(play: Any) -> None:
    """Anthropic's protocol: call the tool that is to be called or the first; without tools, or told a result, speak."""
    asked = play.call.json
    tools = [tool["name"] for tool in asked.get("tools", [])]
    if not tools or "tool_result" in str(asked["messages"][-1]["content"]):
        return far_end_chat.ok(play)
    name = asked.get("tool_choice", {}).get("name", tools[0])
    usage = {"input_tokens": 9, "output_tokens": 5}
    block = {"type": "tool_use", "id": "toolu_1", "name": name}
    if not asked.get("stream"):
        content = [block | {"input": json.loads(ARGUMENTS)}]
        body = {"type": "message", "role": "assistant", "content": content, "stop_reason": "tool_use", "usage": usage}
        return play.send(200, json.dumps(body).encode())
    play.head(200)
    play.chunk(named("message_start", message={"id": "m", "role": "assistant", "content": [], "usage": usage}))
    play.chunk(named("content_block_start", index=0, content_block=block | {"input": {}}))
    for start in range(0, len(ARGUMENTS), 4):
        delta = {"type": "input_json_delta", "partial_json": ARGUMENTS[start : start + 4]}
        play.chunk(named("content_block_delta", index=0, delta=delta))
    play.chunk(named("content_block_stop", index=0))
    play.chunk(named("message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 5}))
    play.chunk(named("message_stop"))
    return play.end()


def _embeddings(play: Any) -> None:
    """Vectors in the encoding that is asked for."""
    asked = play.call.json
    texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
    vector: Any = [0.25, -0.5, *[0.0] * (asked.get("dimensions", 2) - 2)]
    if asked.get("encoding_format") == "base64":
        vector = b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    vectors = [{"object": "embedding", "index": number, "embedding": vector} for number, _ in enumerate(texts)]
    usage = {"prompt_tokens": 4, "total_tokens": 4}
    play.send(200, json.dumps({"object": "list", "data": vectors, "model": "far", "usage": usage}).encode())


def _plain_embeddings(play: Any) -> None:
    """Only numbers, whatever is asked for, and only what cannot be left out."""
    play.send(200, json.dumps({"data": [{"embedding": [0.25, -0.5]} for _ in play.call.json["input"]]}).encode())


def _deep_embeddings(play: Any) -> None:
    """A field that a reader of JSON takes and a writer refuses."""
    play.send(200, b'{"data": [{"embedding": [0.25]}], "more": ' + b"[" * 600 + b"]" * 600 + b"}")


def _frames(play: Any, chunks: Iterator[dict[str, Any]]) -> None:
    play.head(200)
    for chunk in chunks:
        play.chunk(event(chunk))
    play.chunk(b"data: [DONE]\n\n")
    play.end()


far_end_chat.SCRIPTS.update(
    {
        "exact": _exact,
        "tools": _tools,
        "tools-held": _tools_held,
        "reasons": _reasons,
        "beyond": _beyond,
        "echo-beyond": _echo_beyond,
        "refuses": _refuses,
        "several": _several,
        "anthropic-acts": _acts,
        "embed-small": _embeddings,
        "embed-plain": _plain_embeddings,
        "embed-deep": _deep_embeddings,
    }
)
far_end_chat.ERRORS.update(
    {
        "409": (409, "conflict", "Something else goes on."),
        "422": (422, "unprocessable", "That makes no sense."),
    }
)
