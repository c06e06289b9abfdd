"""What the checks of capabilities ask, in the words of each protocol; small, and answered in a few tokens."""

import base64
import secrets
import struct
import zlib
from typing import Any, Final

from webapp.upstream.messages import ChatMessage, ChatRequest

MAX_TOKENS: Final = 1024  # a reasoning model thinks before it says a word
THOUGHT_TOKENS: Final = 1024  # the least that Anthropic allows
DEMO_TOKENS: Final = 20  # the slow demo model takes its time over each
SIDE: Final = 64  # pixels of the picture; smaller ones are refused by some
COLOURS: Final = {
    "red": (220, 20, 20),
    "green": (0, 160, 40),
    "blue": (20, 40, 230),
    "yellow": (250, 230, 0),
    "black": (0, 0, 0),
    "white": (255, 255, 255),
}
TOOL: Final = "report_code"
CODE: Final = "7Q4-KITE"
SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOL_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"code": {"type": "string"}},
    "required": ["code"],
}


def picture_question(dialect: str, model: str) -> tuple[ChatRequest, set[str]]:
    """Return a question about a picture of two colours, and the colours: who guesses is right once in 15 times."""
    left, right = secrets.SystemRandom().sample(sorted(COLOURS), 2)
    data = base64.b64encode(_picture(COLOURS[left], COLOURS[right])).decode()
    text = "This picture has two colours, left and right. Name both, in two words. Without a picture, say: none."
    image: dict[str, Any] = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    if dialect == "anthropic":
        image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    turn = {"role": "user", "content": [image, {"type": "text", "text": text}]}
    return _question(model, text, {"image"}, messages=[turn]), {left, right}


def tool_question(dialect: str, model: str) -> ChatRequest:
    """Return a question with one tool that must be called."""
    text = f"Report the code {CODE} with the tool {TOOL}."
    about = {"name": TOOL, "description": "Reports a code."}
    if dialect == "anthropic":
        tools: list[dict[str, Any]] = [{**about, "input_schema": TOOL_SCHEMA}]
        choice: dict[str, Any] = {"type": "tool", "name": TOOL}
    else:
        tools = [{"type": "function", "function": {**about, "parameters": TOOL_SCHEMA}}]
        choice = {"type": "function", "function": {"name": TOOL}}
    return _question(model, text, {"tools"}, tools=tools, tool_choice=choice)


def json_questions(dialect: str, model: str) -> list[ChatRequest]:
    """Return questions whose answer is JSON only if the model is held to it; the second needs its word "json"."""
    text = "Which city is the capital of France? Answer with one word."
    if dialect == "anthropic":
        form = {"format": {"type": "json_schema", "schema": SCHEMA}}
        return [_question(model, text, {"output_config"}, output_config=form)]
    schema = {"type": "json_schema", "json_schema": {"name": "capital", "strict": True, "schema": SCHEMA}}
    return [
        _question(model, text, {"response_format"}, response_format=schema),
        _question(model, f"{text} (json)", {"response_format"}, response_format={"type": "json_object"}),
    ]


def streaming_question(model: str, is_demo: bool) -> ChatRequest:
    """Return a question whose answer takes a few pieces."""
    request = _question(model, "Count from 1 to 15, in digits.", {"stream"})
    return ChatRequest(model, request.messages, DEMO_TOKENS if is_demo else MAX_TOKENS, needed=request.needed)


def thinking_question(dialect: str, model: str) -> ChatRequest:
    """Return a question to think about. What asks for thoughts is not needed: most of those who think do it unasked."""
    text = "A train leaves at 14:48 and travels 97 minutes. When does it arrive? Answer with the time alone."
    if dialect == "anthropic":
        thinking = {"type": "enabled", "budget_tokens": THOUGHT_TOKENS}
        messages = (ChatMessage("user", text),)
        return ChatRequest(model, messages, THOUGHT_TOKENS + MAX_TOKENS, extra={"thinking": thinking})
    return _question(model, text, set(), reasoning_effort="low")


def _question(model: str, text: str, needed: set[str], **extra: Any) -> ChatRequest:
    return ChatRequest(model, (ChatMessage("user", text),), MAX_TOKENS, extra=extra, needed=frozenset(needed))


def _picture(left: tuple[int, ...], right: tuple[int, ...]) -> bytes:
    """Draw a PNG of two halves."""
    row = b"\0" + bytes(left) * (SIDE // 2) + bytes(right) * (SIDE // 2)
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(row * SIDE)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )
