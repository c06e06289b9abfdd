"""Puts a program's request into the provider's protocol: as it came for OpenAI-type servers, else translated."""

from typing import Any

from webapp.openai_api.anthropic_request import anthropic_fields
from webapp.openai_api.schema import IMAGE_CODE, ChatQuery, RequestError, is_idle, unsupported
from webapp.upstream.messages import ChatMessage, ChatRequest, Role

ROLES: dict[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
DEMO_FIELDS = frozenset({"max_tokens", "max_completion_tokens", "temperature", "top_p", "stop", "user"})
MESSAGE_FIELDS = frozenset({"role", "content", "reasoning_content"})


def chat_request(query: ChatQuery, model: str, dialect: str) -> ChatRequest:
    """Return the request for one model of a provider that speaks `dialect`. Raises RequestError."""
    if dialect == "openai":
        return _as_it_came(query, model)
    limit = query.fields.get("max_completion_tokens") or query.fields.get("max_tokens")
    if dialect == "anthropic":
        return ChatRequest(model, (), limit, query.fields.get("temperature"), anthropic_fields(query))
    return ChatRequest(model, _texts(query), limit)


def _as_it_came(query: ChatQuery, model: str) -> ChatRequest:
    """Everything goes on; the usage is always asked for."""
    _check_images(query.messages)
    extra = {"messages": query.messages} | query.fields
    if query.is_stream:
        extra["stream_options"] = query.stream_options | {"include_usage": True}
    max_tokens, temperature = extra.pop("max_tokens", None), extra.pop("temperature", None)
    return ChatRequest(model, (), max_tokens, temperature, extra)


def _check_images(messages: list[dict[str, Any]]) -> None:
    """Refuse addresses: a provider in our own network would fetch them from there."""
    for number, message in enumerate(messages):
        content = message.get("content")
        for place, part in enumerate(content if isinstance(content, list) else []):
            image = part.get("image_url", "data:")
            url = image.get("url") if isinstance(image, dict) else image
            if not isinstance(url, str) or url[:5].lower() != "data:":
                where = f"messages[{number}].content[{place}].image_url"
                raise RequestError(
                    f"Invalid '{where}': only data: URLs are accepted; send the image itself.",
                    param=where,
                    code=IMAGE_CODE,
                )


def _texts(query: ChatQuery) -> tuple[ChatMessage, ...]:
    """What the demo understands."""
    for name, value in query.fields.items():
        if name not in DEMO_FIELDS and not is_idle(name, value):
            raise unsupported(name, "is nothing that the demo understands")
    return tuple(_text(message, f"messages[{number}]") for number, message in enumerate(query.messages))


def _text(message: dict[str, Any], where: str) -> ChatMessage:
    role = ROLES.get(message["role"])
    if role is None:
        raise unsupported(f"{where}.role", "is nothing that the demo understands")
    for name, value in message.items():
        if name not in MESSAGE_FIELDS and not is_idle(name, value):
            raise unsupported(f"{where}.{name}", "is nothing that the demo understands")
    content = message.get("content")
    parts = content if isinstance(content, list) else [{"type": "text", "text": content or ""}]
    for place, part in enumerate(parts):
        if part.get("type") != "text" or not isinstance(part.get("text"), str):
            raise unsupported(f"{where}.content[{place}]", "is nothing that the demo understands")
    return ChatMessage(role, "\n".join(part["text"] for part in parts))
