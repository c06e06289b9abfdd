"""Writes one answer in OpenAI's exact shapes, whatever protocol it came in: a whole completion, or chunks."""

from typing import Any

import orjson

from webapp.core import clock
from webapp.core.ids import random_text
from webapp.upstream.messages import Piece, Reply, ToolCall, Usage

DONE = b"data: [DONE]\n\n"
DELTA_FIELDS = {"text": "content", "reasoning": "reasoning_content"}


class Answer:
    """The answer of one model. `wants_usage` is about streams only."""

    def __init__(self, model: str, wants_usage: bool = False) -> None:
        self._wants_usage = wants_usage
        self._head = {
            "id": f"chatcmpl-{random_text(29)}",
            "object": "chat.completion",
            "created": int(clock.now().timestamp()),
            "model": model,
            "system_fingerprint": None,
        }
        self._chunk_head = self._head | {"object": "chat.completion.chunk"} | ({"usage": None} if wants_usage else {})

    def whole(self, reply: Reply) -> dict[str, Any]:
        """Return a chat.completion."""
        message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": None}
        if reply.reasoning:
            message["reasoning_content"] = reply.reasoning
        if reply.tool_calls:
            message |= {"content": reply.text or None, "tool_calls": [_tool_call(call) for call in reply.tool_calls]}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reply.finish_reason}
        return self._head | {"choices": [choice], "usage": _usage(reply.usage)}

    def opening(self) -> bytes:
        """Encode the first chunk: who speaks."""
        return self._chunk({"role": "assistant", "content": "", "refusal": None})

    def piece(self, piece: Piece) -> bytes:
        """Encode an increment."""
        return self._chunk({DELTA_FIELDS[piece.kind]: piece.text})

    def closing(self, reply: Reply) -> bytes:
        """Encode the end: tool calls, why it ended, and the usage if it is wanted and was told."""
        chunks = [
            self._chunk({"tool_calls": [{"index": index} | _tool_call(call)]})
            for index, call in enumerate(reply.tool_calls)
        ]
        chunks.append(self._chunk({}, reply.finish_reason))
        if self._wants_usage and reply.usage:
            chunks.append(event(self._chunk_head | {"choices": [], "usage": _usage(reply.usage)}))
        return b"".join((*chunks, DONE))

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return event(self._chunk_head | {"choices": [choice]})


def event(data: dict[str, Any], name: str = "") -> bytes:
    """Encode one event; JSON has no line breaks, so the content cannot make fields."""
    return (f"event: {name}\n".encode() if name else b"") + b"data: " + orjson.dumps(data) + b"\n\n"


def _tool_call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id or f"call_{random_text(24)}", "type": "function", "function": function}


def _usage(usage: Usage | None) -> dict[str, Any] | None:
    if usage is None:
        return None
    told: dict[str, Any] = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
    if usage.cached_tokens is not None:
        told["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
    if usage.reasoning_tokens is not None:
        told["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return told
