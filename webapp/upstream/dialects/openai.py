"""The chat-completions protocol of OpenAI and everything compatible."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from webapp.upstream.classify.vendors import STREAMS_TOOLS_WHEN_ASKED, vendor_of
from webapp.upstream.dialects.call import Call, json_call, list_path, page_query
from webapp.upstream.dialects.openai_answer import OpenAIAnswer
from webapp.upstream.listing import read_list
from webapp.upstream.messages import ChatRequest
from webapp.upstream.target import Target

__all__ = ["ADDED", "LACKS", "chat_call", "decoder", "list_call", "read_list", "worded"]

ADDED: Mapping[str, Any] = MappingProxyType({"stream_options": {"include_usage": True}})
LACKS: frozenset[str] = frozenset()


def worded(request: ChatRequest) -> ChatRequest:
    """Return the request as it is: our words for parameters are this protocol's."""
    return request


def chat_call(target: Target, request: ChatRequest, stream: bool) -> Call:
    """Build POST /chat/completions. Only what the user set is sent; `None` in `extra` takes a field out."""
    body: dict[str, Any] = {
        "model": request.model,
        # Z.ai refuses empty texts
        "messages": [{"role": turn.role, "content": turn.text} for turn in request.messages if turn.text],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "stream": stream or None,
        **(ADDED if stream else {}),
    }
    body |= request.extra
    if stream and body.get("tools") and vendor_of(target) in STREAMS_TOOLS_WHEN_ASKED:
        body.setdefault("tool_stream", True)
    return json_call("/chat/completions", body, stream)


def list_call(target: Target, page: dict[str, Any] | None = None) -> Call:
    """Build the GET for the model list."""
    return Call("GET", list_path(target), query=page_query(page), headers={"Accept": "application/json"})


def decoder(target: Target) -> OpenAIAnswer:
    """Return a decoder for one answer."""
    return OpenAIAnswer(target)
