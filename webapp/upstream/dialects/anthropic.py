"""The Messages protocol of Anthropic and its clones."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from webapp.upstream.dialects.anthropic_answer import AnthropicAnswer
from webapp.upstream.dialects.call import Call, json_call, list_path, page_query
from webapp.upstream.listing import read_list
from webapp.upstream.messages import ChatMessage, ChatRequest
from webapp.upstream.target import Target

__all__ = ["ADDED", "LACKS", "chat_call", "decoder", "list_call", "read_list", "worded"]

VERSION: Final = "2023-06-01"
VERSION_HEADER: Final = {"anthropic-version": VERSION}
MAX_TOKENS: Final = 8192  # the API demands a number; every model since Claude 3.5 allows this one
ADDED: Mapping[str, Any] = MappingProxyType({"max_tokens": MAX_TOKENS})
PAGE_SIZE: Final = "1000"
LACKS: Final = frozenset({"presence_penalty", "frequency_penalty", "seed"})


def worded(request: ChatRequest) -> ChatRequest:
    """Say a request's parameters in the words of this protocol; what it has no word for is left out.

    Source: platform.claude.com/docs/en/api/messages and .../build-with-claude/effort.
    """
    extra = {name: value for name, value in request.extra.items() if name not in LACKS}
    if stop := extra.pop("stop", None):
        texts = [stop] if isinstance(stop, str) else stop
        extra["stop_sequences"] = [text for text in texts if text.strip()] or None  # others are refused
    if effort := extra.pop("reasoning_effort", None):
        if effort == "none":
            extra["thinking"] = {"type": "disabled"}
        else:
            extra["output_config"] = {"effort": "low" if effort == "minimal" else effort}
    return replace(request, extra=extra)


def chat_call(target: Target, request: ChatRequest, stream: bool) -> Call:
    """Build POST /messages. System texts go to the top, neighbours of one role become one turn."""
    system = [turn.text for turn in request.messages if turn.role == "system" and turn.text]
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.max_tokens or MAX_TOKENS,
        "system": "\n\n".join(system) or None,
        "messages": _turns(request.messages),
        "temperature": None if request.temperature is None else min(request.temperature, 1.0),
        "stream": stream or None,
    }
    return json_call("/messages", body | request.extra, stream, VERSION_HEADER)


def list_call(target: Target, page: dict[str, Any] | None = None) -> Call:
    """Build the GET for one page of the model list."""
    query = {"limit": PAGE_SIZE} | page_query(page)
    return Call("GET", list_path(target), query=query, headers={"Accept": "application/json"} | VERSION_HEADER)


def decoder(target: Target) -> AnthropicAnswer:
    """Return a decoder for one answer."""
    return AnthropicAnswer(target)


def _turns(messages: tuple[ChatMessage, ...]) -> list[dict[str, str]]:
    turns: list[dict[str, str]] = []
    for message in messages:
        if message.role == "system" or not message.text.strip():
            continue
        if turns and turns[-1]["role"] == message.role:
            turns[-1]["content"] += f"\n\n{message.text}"
        else:
            turns.append({"role": message.role, "content": message.text})
    if turns and turns[-1]["role"] == "assistant":
        turns[-1]["content"] = turns[-1]["content"].rstrip()  # a beginning to go on from must not end in white space
    return turns
