"""Puts a program's request into our own words: whole for OpenAI-type servers, else only what all models understand."""

from typing import Any

from webapp.openai_api.schema import ChatQuery, RequestError, unsupported
from webapp.upstream.messages import ChatMessage, ChatRequest, Role

ROLES: dict[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
TEXT_FIELDS = frozenset({"max_tokens", "max_completion_tokens", "temperature", "top_p", "stop", "user"})
# What clients send although it asks for nothing: leaving it out changes nothing.
IDLE_VALUES: tuple[Any, ...] = ([], {}, "", "auto", "none", {"type": "text"})
IDLE_FIELDS: dict[str, Any] = {
    "n": 1,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "top_logprobs": 0,
    "modalities": ["text"],
    "parallel_tool_calls": True,
    "service_tier": "default",
}
MESSAGE_FIELDS = frozenset({"role", "content", "reasoning_content"})  # reasoning is never sent back


def chat_request(query: ChatQuery, model: str, dialect: str) -> ChatRequest:
    """Return the request for one model of a provider that speaks `dialect`. Raises RequestError."""
    return _whole(query, model) if dialect == "openai" else _texts(query, model)


def _whole(query: ChatQuery, model: str) -> ChatRequest:
    """Everything goes on as it came; the usage is always asked for."""
    extra = {"messages": query.messages} | query.fields
    if query.is_stream:
        extra["stream_options"] = query.stream_options | {"include_usage": True}
    max_tokens, temperature = extra.pop("max_tokens", None), extra.pop("temperature", None)
    return ChatRequest(model, (), max_tokens, temperature, extra)


def _texts(query: ChatQuery, model: str) -> ChatRequest:
    fields = query.fields
    for name, value in fields.items():
        if name not in TEXT_FIELDS and not _is_idle(name, value):
            raise unsupported(name, "is not translated for this provider")
    stop = fields.get("stop")
    extra = {
        "top_p": fields.get("top_p"),
        "stop_sequences": [stop] if isinstance(stop, str) else stop,
        "metadata": {"user_id": fields["user"]} if fields.get("user") else None,
    }
    messages = tuple(_message(message, f"messages[{number}]") for number, message in enumerate(query.messages))
    max_tokens = fields.get("max_completion_tokens") or fields.get("max_tokens")
    return ChatRequest(model, messages, max_tokens, fields.get("temperature"), extra)


def _message(message: dict[str, Any], where: str) -> ChatMessage:
    role = ROLES.get(message["role"])
    if role is None:
        raise RequestError(
            f"Invalid '{where}.role': '{message['role']}' is not translated for this provider.", param=f"{where}.role"
        )
    for name, value in message.items():
        if name not in MESSAGE_FIELDS and not _is_idle(name, value):
            raise unsupported(f"{where}.{name}", "is not translated for this provider")
    content = message.get("content")
    parts = content if isinstance(content, list) else [{"type": "text", "text": content or ""}]
    for place, part in enumerate(parts):
        if part.get("type") != "text" or not isinstance(part.get("text"), str):
            raise unsupported(f"{where}.content[{place}]", "is not translated for this provider; only text is")
    return ChatMessage(role, "\n".join(part["text"] for part in parts))


def _is_idle(name: str, value: object) -> bool:
    return value is None or value is False or value in IDLE_VALUES or value == IDLE_FIELDS.get(name)
