"""Reads what a program asks. What would change where a call goes, or what we could not answer, is refused by name."""

import re
from dataclasses import dataclass
from typing import Any

import orjson

from webapp.core.errors import JackfieldError
from webapp.models.parameters import MOVING

MOST_MESSAGES = 2048  # OpenAI's own limit
LONGEST_NAME = 2000
NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # the escape, not the text about it
# Whatever else may be asked for is passed on; these, long out of use, would come back in a form that our answers lack.
OUT_OF_USE = {"functions": ([],), "function_call": ("none",)}
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
IMAGE_CODE = "invalid_image_url"
MOST_CHOICES = 128  # OpenAI's own limit
COUNTS = ("max_tokens", "max_completion_tokens", "n")


class RequestError(JackfieldError):
    """A request that cannot be answered, in OpenAI's words: status, code, and the parameter that is meant."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.param, self.code, self.status = param, code, status


@dataclass(frozen=True, slots=True)
class ChatQuery:
    """A valid request for an answer; `fields` is everything but `model`, `messages` and what concerns the stream."""

    model: str
    messages: list[dict[str, Any]]
    is_stream: bool
    stream_options: dict[str, Any]
    fields: dict[str, Any]

    @property
    def wants_usage(self) -> bool:
        """Whether a stream is to end with the usage."""
        return self.stream_options.get("include_usage") is True


def read_object(data: bytes) -> dict[str, Any]:
    """Parse a request body, which names a model. Raises RequestError."""
    try:
        body = orjson.loads(data)  # refuses NaN, lone surrogates and nesting beyond 1,024
    except orjson.JSONDecodeError as error:
        raise RequestError(f"We could not parse the JSON body of your request: {error}") from None
    if not isinstance(body, dict):
        raise RequestError("The body of your request is not a JSON object.")
    if NUL.search(data):
        raise RequestError("The request holds a NUL character.")
    for name in sorted(MOVING & body.keys()):
        raise RequestError(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
    if not isinstance(model := body.get("model"), str) or not 0 < len(model) <= LONGEST_NAME:
        raise RequestError("You must provide a model parameter, a text.", param="model")
    return body


def read_chat(data: bytes) -> ChatQuery:
    """Parse the body of POST /chat/completions. Raises RequestError."""
    fields = read_object(data)
    model, messages, is_stream = fields.pop("model"), fields.pop("messages", None), fields.pop("stream", None)
    options = fields.pop("stream_options", None)
    _check_messages(messages)
    if not isinstance(is_stream, bool | None):
        raise wrong_type("stream", "a boolean")
    if not isinstance(options, dict | None):
        raise wrong_type("stream_options", "an object")
    if options and not is_stream:
        raise RequestError("'stream_options' is only allowed when 'stream' is enabled.", param="stream_options")
    for name in COUNTS:
        check_count(name, fields.get(name))
    if isinstance(fields.get("temperature"), bool) or not isinstance(fields.get("temperature"), int | float | None):
        raise wrong_type("temperature", "a number")
    if (choices := fields.get("n") or 1) > MOST_CHOICES:
        raise RequestError(
            f"Invalid 'n': integer above maximum value. Expected a value <= {MOST_CHOICES}, but got {choices} instead.",
            param="n",
            code="integer_above_max_value",
        )
    for name, accepted in OUT_OF_USE.items():
        if fields.get(name) is not None and fields[name] not in accepted:
            raise unsupported(name, "is not supported here; 'tools' is")
    return ChatQuery(model, messages, bool(is_stream), options or {}, fields)


def needs_of(query: ChatQuery) -> frozenset[str]:
    """Return the capabilities that a model needs for this request."""
    contents = (message.get("content") for message in query.messages)
    parts = (part for content in contents if isinstance(content, list) for part in content)
    wanted = query.fields.get("response_format")
    needs = {
        "tools": bool(query.fields.get("tools")),
        "vision": any(part.get("type") == "image_url" for part in parts),
        "structured_output": isinstance(wanted, dict) and wanted.get("type") != "text",
    }
    return frozenset(name for name, is_needed in needs.items() if is_needed)


def unsupported(param: str, why: str) -> RequestError:
    """Return the refusal of a parameter that OpenAI knows."""
    return RequestError(f"Unsupported parameter: '{param}' {why}.", param=param, code="unsupported_parameter")


def wrong_type(param: str, wanted: str) -> RequestError:
    """Return the refusal of a value."""
    return RequestError(f"Invalid type for '{param}': expected {wanted}.", param=param, code="invalid_type")


def is_idle(name: str, value: object) -> bool:
    """Tell whether a field of a request or a message can be left out where it has no translation."""
    return value is None or value is False or value in IDLE_VALUES or value == IDLE_FIELDS.get(name)


def check_count(name: str, value: object) -> None:
    """Refuse what is not a whole number above 0, if it is given."""
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong_type(name, "an integer")
    if value < 1:
        raise RequestError(
            f"Invalid '{name}': integer below minimum value. Expected a value >= 1, but got {value} instead.",
            param=name,
            code="integer_below_min_value",
        )


def _check_messages(messages: object) -> None:
    if not isinstance(messages, list):
        raise wrong_type("messages", "an array of objects")
    if not messages:
        raise RequestError("Invalid 'messages': empty array.", param="messages", code="empty_array")
    if len(messages) > MOST_MESSAGES:
        raise RequestError(
            f"Invalid 'messages': {len(messages)} items, at most {MOST_MESSAGES}.",
            param="messages",
            code="array_above_max_length",
        )
    for number, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise wrong_type(f"messages[{number}]", "an object with a role")
        content = message.get("content")
        if not isinstance(content, str | list | None):
            raise wrong_type(f"messages[{number}].content", "a text or an array of objects")
        for place, part in enumerate(content if isinstance(content, list) else []):
            if not isinstance(part, dict):
                raise wrong_type(f"messages[{number}].content[{place}]", "an object")
