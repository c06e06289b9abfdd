"""Writes one answer in OpenAI's exact shapes, whatever protocol it came in: a whole completion, or chunks."""

from typing import Any

import orjson

from webapp.core import clock
from webapp.core.ids import random_text
from webapp.upstream.messages import Piece, Reply, Usage
from webapp.upstream.shapes import as_dict

DONE = b"data: [DONE]\n\n"
DELTA_FIELDS = {"text": "content", "reasoning": "reasoning_content", "refusal": "refusal"}
STEADY_FIELDS = ("system_fingerprint", "service_tier")  # of every chunk, once they are told
STEADY_CHARACTERS = 200
TEXT_END = b'},"logprobs":null,"finish_reason":null}]}\n\n'


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
        self._text_begin = self._before_text()
        self._more: dict[str, Any] = {}  # goes into the next chunk of the choice `_more_of`
        self._more_of = 0
        self._speakers = {0}

    def whole(self, reply: Reply) -> dict[str, Any]:
        """Return a chat.completion."""
        more = _read(reply.more)
        choices = [_choice(0, reply), *(_choice(index, other) for index, other in reply.others.items())]
        usage = _usage(reply.usage, as_dict(more.get("usage")))
        return self._head | as_dict(more.get("chunk")) | {"choices": choices, "usage": usage}

    def opening(self, choice: int = 0) -> bytes:
        """Encode the first chunk: who speaks."""
        return self._chunk({"role": "assistant", "content": "", "refusal": None}, choice=choice)

    def piece(self, piece: Piece) -> bytes:
        """Encode an increment; of one that belongs to the next, nothing."""
        if piece.kind == "text" and not piece.choice and not self._more:
            return self._text_begin + orjson.dumps(piece.text) + TEXT_END
        begin = self._left_over() if piece.kind == "more" or piece.choice != self._more_of else b""
        if piece.kind == "more":
            self._note(piece)
            return begin
        if piece.choice not in self._speakers:
            self._speakers.add(piece.choice)
            more, self._more = self._more, {}
            begin += self.opening(piece.choice)
            self._more = more
        return begin + self._chunk(_delta(piece), choice=piece.choice)

    def closing(self, reply: Reply) -> bytes:
        """Encode the end: why it ended, and the usage if it is wanted and was told."""
        chunks = [self._left_over()] if self._more_of else []
        for index, ended in {0: reply, **reply.others}.items():
            chunks.append(self._chunk({}, ended.finish_reason, index))
        if self._wants_usage and reply.usage:
            usage = _usage(reply.usage, as_dict(_read(reply.more).get("usage")))
            chunks.append(event(self._chunk_head | {"choices": [], "usage": usage}))
        return b"".join((*chunks, DONE))

    def _note(self, piece: Piece) -> None:
        self._more, self._more_of = _read(piece.text), piece.choice
        chunk = as_dict(self._more.get("chunk"))
        steady = {name: chunk[name] for name in STEADY_FIELDS if isinstance(chunk.get(name), str)}
        if steady and len(str(steady)) <= STEADY_CHARACTERS:
            self._chunk_head |= steady
            self._text_begin = self._before_text()

    def _left_over(self) -> bytes:
        """Encode fields for which no increment came."""
        return self._chunk({}, choice=self._more_of) if self._more else b""

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None, choice: int = 0) -> bytes:
        data = {"index": choice, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        more, self._more = self._more, {}
        if more:
            data |= as_dict(more.get("choice")) | {"delta": delta | as_dict(more.get("delta"))}
        return event(self._chunk_head | as_dict(more.get("chunk")) | {"choices": [data]})

    def _before_text(self) -> bytes:
        """What every chunk of text begins with: most chunks are one."""
        return b"data: " + orjson.dumps(self._chunk_head)[:-1] + b',"choices":[{"index":0,"delta":{"content":'


def event(data: dict[str, Any], name: str = "") -> bytes:
    """Encode one event; JSON has no line breaks, so the content cannot make fields."""
    return (f"event: {name}\n".encode() if name else b"") + b"data: " + orjson.dumps(data) + b"\n\n"


def _read(more: str) -> dict[str, Any]:
    """Parse what the decoder wrote. A key that was taken out of it may have been a number, and it is JSON no more."""
    try:
        found: dict[str, Any] = orjson.loads(more or "{}")
    except orjson.JSONDecodeError:
        return {}
    return found


def _choice(index: int, reply: Reply) -> dict[str, Any]:
    more = _read(reply.more)
    refusal = more.get("refusal")
    text = reply.text.removesuffix(refusal or "")
    calls = [_called(call.id, call.name, call.arguments) for call in reply.tool_calls]
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": refusal}
    if not text and (calls or refusal):
        message["content"] = None
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    if calls:
        message["tool_calls"] = calls
    choice = {"index": index, "message": message | as_dict(more.get("delta")), "logprobs": None}
    return choice | {"finish_reason": reply.finish_reason} | as_dict(more.get("choice"))


def _called(id_: str, name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": id_ or f"call_{random_text(24)}", "type": "function", "function": function}


def _delta(piece: Piece) -> dict[str, Any]:
    if piece.kind == "call":
        return {"tool_calls": [{"index": piece.index} | _called(piece.id, piece.text, "")]}
    if piece.kind == "arguments":
        return {"tool_calls": [{"index": piece.index, "function": {"arguments": piece.text}}]}
    return {DELTA_FIELDS[piece.kind]: piece.text}


def _usage(usage: Usage | None, more: dict[str, Any]) -> dict[str, Any] | None:
    """Return the usage in OpenAI's words; `more` holds what else was told, or what is counted differently there."""
    if usage is None:
        return None
    told: dict[str, Any] = {"prompt_tokens": usage.input_tokens, "completion_tokens": usage.output_tokens} | more
    told["total_tokens"] = told["prompt_tokens"] + told["completion_tokens"]
    if usage.cached_tokens is not None:
        details = as_dict(told.get("prompt_tokens_details"))
        told["prompt_tokens_details"] = details | {"cached_tokens": usage.cached_tokens}
    if usage.reasoning_tokens is not None:
        details = as_dict(told.get("completion_tokens_details"))
        told["completion_tokens_details"] = details | {"reasoning_tokens": usage.reasoning_tokens}
    return told
