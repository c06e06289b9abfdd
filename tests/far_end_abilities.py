"""Scripts of models that can do everything or nothing, in both protocols: they read the question as a model would."""

import base64
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

COLOURS = {
    (220, 20, 20): "Red",
    (0, 160, 40): "Green",
    (20, 40, 230): "Blue",
    (250, 230, 0): "Yellow",
    (0, 0, 0): "Black",
    (255, 255, 255): "White",
}
# What a refusal of each field says, as OpenAI, DeepSeek, Ollama and Anthropic put it.
REFUSALS = {
    "image_url": "unknown variant `image_url`, expected `text`",
    "image": "This model does not support image input.",
    "tools": "registry.ollama.ai/library/tiny does not support tools",
    "response_format": "Unsupported parameter: 'response_format' is not supported with this model.",
    "output_config": "output_config: Extra inputs are not permitted",
    "stream": "Streaming is not supported for this model.",
}


def able(play: Any) -> None:
    """See, call, obey a form, think aloud and stream."""
    asked = play.call.json
    if picture := _picture(asked):
        answer(play, " and ".join(_colours(picture)))
    elif asked.get("tools"):
        tool = asked["tools"][0].get("function", asked["tools"][0])["name"]
        answer(play, "", call=(tool, json.dumps({"code": _question(asked).split("code ")[1].split(" ")[0]})))
    elif asked.get("response_format") or asked.get("output_config"):
        answer(play, '{"city": "Paris"}')
    else:
        answer(play, "1 2 3 4 5", reasoning="97 minutes are 1:37.")


def unable(play: Any) -> None:
    """Take every field and heed none of them."""
    answer(play, "Paris, I answered.", is_whole=True)


def refusing(play: Any) -> None:
    """Refuse the first field that it cannot do, by its name."""
    asked = json.dumps(play.call.json)
    refused = next((text for name, text in REFUSALS.items() if f'"{name}"' in asked), None)
    if refused is None:
        answer(play, "ready")
    elif play.call.is_anthropic:
        error = {"type": "invalid_request_error", "message": refused}
        play.send(400, json.dumps({"type": "error", "error": error}).encode())
    else:
        play.send(400, json.dumps({"error": {"message": refused, "type": "invalid_request_error"}}).encode())


def only_any_json(play: Any) -> None:
    """Know JSON without a schema only, as DeepSeek does."""
    form = play.call.json.get("response_format", {}).get("type")
    if form == "json_schema":
        text = "This response_format type is unavailable now"
        play.send(400, json.dumps({"error": {"message": text, "type": "invalid_request_error"}}).encode())
    else:
        answer(play, '{"answer": "Paris"}' if form else "Paris")


def no_forced_tools(play: Any) -> None:
    """Call a tool, but not when it must: DeepSeek while it thinks."""
    if "tool_choice" in play.call.json:
        text = "deepseek-reasoner does not support this tool_choice"
        play.send(400, json.dumps({"error": {"message": text, "type": "invalid_request_error"}}).encode())
    else:
        able(play)


def answer(
    play: Any, text: str, *, reasoning: str = "", call: tuple[str, str] | None = None, is_whole: bool = False
) -> None:
    """The answer in the protocol and form that was asked for."""
    frames = _anthropic(text, reasoning, call) if play.call.is_anthropic else _openai(text, reasoning, call)
    if is_whole or not play.call.json.get("stream"):
        play.send(200, json.dumps(next(frames)).encode())
        return
    next(frames)
    play.head(200)
    for frame in frames:
        play.chunk(b"event: x\ndata: " + json.dumps(frame).encode() + b"\n\n")
    play.end()


def _openai(text: str, reasoning: str, call: tuple[str, str] | None) -> Iterator[dict[str, Any]]:
    usage = {"prompt_tokens": 9, "completion_tokens": 5}
    message: dict[str, Any] = {"role": "assistant", "content": text, "reasoning_content": reasoning}
    if call:
        function = {"name": call[0], "arguments": call[1]}
        message["tool_calls"] = [{"id": "t1", "type": "function", "function": function}]
    yield {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
    for word in text.split():
        yield {"choices": [{"index": 0, "delta": {"content": word}}]}
    yield {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage}


def _anthropic(text: str, reasoning: str, call: tuple[str, str] | None) -> Iterator[dict[str, Any]]:
    usage = {"input_tokens": 9, "output_tokens": 5}
    content: list[dict[str, Any]] = [{"type": "thinking", "thinking": reasoning, "signature": "s"}] if reasoning else []
    content += [{"type": "text", "text": text}] if text else []
    content += [{"type": "tool_use", "id": "t1", "name": call[0], "input": json.loads(call[1])}] if call else []
    yield {"type": "message", "role": "assistant", "content": content, "stop_reason": "end_turn", "usage": usage}
    yield {"type": "message_start", "message": {"id": "m", "role": "assistant", "content": [], "usage": usage}}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for word in text.split():
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
    yield {"type": "content_block_stop", "index": 0}
    yield {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}
    yield {"type": "message_stop"}


def _question(asked: dict[str, Any]) -> str:
    return json.dumps(asked["messages"])


def _picture(asked: dict[str, Any]) -> bytes:
    for part in asked["messages"][-1]["content"]:
        if isinstance(part, dict) and part["type"] == "image_url":
            return base64.b64decode(part["image_url"]["url"].partition("base64,")[2])
        if isinstance(part, dict) and part["type"] == "image":
            return base64.b64decode(part["source"]["data"])
    return b""


def _colours(png: bytes) -> list[str]:
    """Read the first row of a picture: its colours from left to right."""
    start = png.index(b"IDAT") + 4
    row = zlib.decompress(png[start:])[1 : 1 + 64 * 3]
    pixels = [tuple(row[place : place + 3]) for place in range(0, len(row), 3)]
    return [COLOURS[pixel] for pixel in dict.fromkeys(pixels)]


def called_then_cut(play: Any) -> None:
    """Say something, call a tool, break off."""
    call = {"index": 0, "id": "t1", "type": "function", "function": {"name": "pay", "arguments": "{}"}}
    play.head(200)
    for delta in ({"content": "I pay now. "}, {"tool_calls": [call]}):
        frame = {"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        play.chunk(b"data: " + json.dumps(frame).encode() + b"\n\n")
    play.close_connection = True


SCRIPTS: dict[str, Callable[[Any], None]] = {
    "able": able,
    "unable": unable,
    "refusing": refusing,
    "only-any-json": only_any_json,
    "no-forced-tools": no_forced_tools,
    "says-red": lambda play: answer(play, "Red"),
    "says-all": lambda play: answer(play, "red green blue yellow black white"),
    "called-then-cut": called_then_cut,
    "calls-badly": lambda play: answer(play, "", call=("report_code", '{"code": "other"}')),
}
