"""Our own, provider-neutral words for what goes to a model and what comes back. Dialects translate."""

from dataclasses import dataclass, field
from typing import Any, Literal

from webapp.upstream.failures import UpstreamError

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "error"]
End = Literal["done", "message_stop", "eof", "idle_after_finish", "error", "json", "stopped"]


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn of the conversation as it is sent."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One question to one model. `None` means: do not send the parameter.

    `needed` names fields without which the question makes no sense: no repair takes them away.
    """

    model: str
    messages: tuple[ChatMessage, ...]
    max_tokens: int | None = None
    temperature: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    needed: frozenset[str] = frozenset()


@dataclass(slots=True)  # not frozen: that would cost a third of a microsecond for every token
class Piece:
    """An increment of a streamed answer; `text` is never empty.

    A tool call begins with `call` (text: the tool's name; `id` is "" if the provider gave none), and its `arguments`
    follow as fragments of JSON text; `index` numbers the calls from 0. `more` is JSON text of what an OpenAI-type
    server said beyond our words, at any of three levels: {"chunk", "choice", "delta"}; it belongs to the piece after
    it. `choice` is above 0 only where several answers were asked for.
    """

    kind: Literal["text", "reasoning", "refusal", "call", "arguments", "more"]
    text: str
    index: int = 0
    id: str = ""
    choice: int = 0


@dataclass(slots=True)
class Usage:
    """Tokens as the provider counted them; output includes reasoning. `None` means: not told."""

    input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None


@dataclass(slots=True)
class ToolCall:
    """A call that the model asks for; `arguments` is JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(slots=True)
class Reply:
    """A whole answer, or what came of it. `complete` is false when it was cut, failed or stopped.

    `details` may hold: hint (a word for a note under an empty answer), keep (opaque values to send back), cost_usd,
    citations, repair (words of upstream/repair.py) and refusals (how often the request was refused before).
    `more` is JSON text of what was said beyond our words, in OpenAI's places: {"chunk", "choice", "delta", "usage",
    "refusal"}; `text` includes a refusal. `others` are further answers to the same question, by their number.
    """

    text: str = ""
    reasoning: str = ""
    tool_calls: list[ToolCall] = field(default_factory=list)
    finish_reason: FinishReason | None = None
    finish_reason_raw: str | None = None
    usage: Usage | None = None
    error: UpstreamError | None = None
    complete: bool = False
    end: End = "eof"
    warnings: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    more: str = ""
    others: "dict[int, Reply]" = field(default_factory=dict)


CAPABILITIES = ("vision", "tools", "reasoning", "structured_output", "audio_input")


@dataclass(slots=True)
class ModelInfo:
    """One entry of a model list. Ids are opaque: never trimmed, never normalised. `None` means unknown."""

    id: str
    kind: str = "chat"
    context_length: int | None = None
    max_output_tokens: int | None = None
    capabilities: dict[str, bool | None] = field(default_factory=lambda: dict.fromkeys(CAPABILITIES))
    display_name: str | None = None
    details: dict[str, Any] = field(default_factory=dict)  # the optional fields of the wire corpus, by their names


@dataclass(slots=True)
class ModelList:
    """A normalised model list, over all pages that were read.

    `validator` is what the provider offers to ask with whether the list changed; `is_unchanged`: it did not, and
    nothing of it came.
    """

    models: list[ModelInfo] = field(default_factory=list)
    complete: bool = True
    next: dict[str, Any] | None = None
    skipped: int = 0
    duplicates_dropped: int = 0
    validator: str | None = None
    is_unchanged: bool = False
    error: UpstreamError | None = None
    details: dict[str, Any] = field(default_factory=dict)
