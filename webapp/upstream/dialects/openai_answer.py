"""Decodes answers of OpenAI-type servers: chunks, JSON lines or a whole completion."""

from typing import Any

from webapp.upstream.dialects.answer import AnswerDecoder
from webapp.upstream.dialects.think_tags import ThinkTags
from webapp.upstream.messages import Piece, Usage
from webapp.upstream.shapes import as_count, as_dict, as_list, as_text, first_dict
from webapp.upstream.target import Target


class OpenAIAnswer(AnswerDecoder):
    """The first choice of a chat completion."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._tags = ThinkTags()

    def _frame(self, data: dict[str, Any], pieces: list[Piece]) -> None:
        choice = first_dict(data.get("choices"))
        if choice and not choice.get("index"):
            self._choice(choice, pieces)
        usage = data.get("usage") or choice.get("usage") or as_dict(data.get("x_groq")).get("usage")
        if usage:
            self._usage(as_dict(usage))
        if citations := as_list(data.get("citations")):
            self._reply.details["citations"] = [link for link in citations if isinstance(link, str)]

    def _choice(self, choice: dict[str, Any], pieces: list[Piece]) -> None:
        delta = choice.get("delta")
        if not delta:
            if "text" in choice:  # the older completions protocol
                delta = {"content": choice["text"]}
            elif not self.progress:  # a whole answer; after a stream it only repeats
                delta = choice.get("message")
        if isinstance(delta, dict):
            self._delta(delta, pieces)
        if choice.get("error") and self._reply.error is None:
            self._set_error(choice)
        self._finish(choice.get("finish_reason"))

    def _delta(self, delta: dict[str, Any], pieces: list[Piece]) -> None:
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(reasoning, str):
            self._think(reasoning, pieces)
        elif "reasoning_details" in delta:
            self._think(_details_text(delta["reasoning_details"]), pieces)
        content = delta.get("content") or delta.get("refusal")
        if isinstance(content, str):
            self._content(content, pieces)
        elif isinstance(content, list):
            self._parts(content, pieces)
        if calls := delta.get("tool_calls"):
            self.progress += 1
            for call in as_list(calls):
                self._tools.add(as_dict(call))
        if call := as_dict(delta.get("function_call")):
            self.progress += 1
            self._tools.add_parts(0, "", as_text(call.get("name")), call.get("arguments"))

    def _content(self, text: str, pieces: list[Piece]) -> None:
        if self._tags.is_open_text:
            self._say(text, pieces)
            return
        self.progress += 1
        self._tell(self._tags.split(text), pieces)

    def _parts(self, parts: list[Any], pieces: list[Piece]) -> None:
        """Read typed content parts (Mistral)."""
        for part in parts:
            if isinstance(part, str):
                self._content(part, pieces)
                continue
            part = as_dict(part)
            thinking = part.get("thinking") or part.get("reasoning")
            if thinking:
                self._think(thinking if isinstance(thinking, str) else _details_text(thinking), pieces)
            else:
                self._content(as_text(part.get("text")), pieces)

    def _usage(self, usage: dict[str, Any]) -> None:
        self._reply.usage = read_usage(usage)
        if isinstance(cost := usage.get("cost"), int | float):
            self._reply.details["cost_usd"] = cost

    def _flush(self, pieces: list[Piece]) -> None:
        self._tell(self._tags.flush(), pieces)

    def _tell(self, parts: list[tuple[Any, str]], pieces: list[Piece]) -> None:
        for kind, text in parts:
            (self._say if kind == "text" else self._think)(text, pieces)


def read_usage(usage: dict[str, Any]) -> Usage:
    """Read a usage object. xAI leaves reasoning out of the completion tokens; the total tells."""
    output_details = as_dict(usage.get("completion_tokens_details") or usage.get("output_tokens_details"))
    input_details = as_dict(usage.get("prompt_tokens_details") or usage.get("input_tokens_details"))
    given = _count(usage, "prompt_tokens", "input_tokens") or 0
    output = _count(usage, "completion_tokens", "output_tokens") or 0
    reasoning = _count(output_details, "reasoning_tokens")
    if reasoning is None:
        reasoning = _count(usage, "reasoning_tokens")
    cached = _count(input_details, "cached_tokens")
    if cached is None:
        cached = _count(usage, "cached_tokens", "prompt_cache_hit_tokens")
    total = _count(usage, "total_tokens") or 0
    if reasoning and total > given + output:
        output = total - given
    return Usage(given, output, reasoning, cached)


def _count(fields: dict[str, Any], *names: str) -> int | None:
    return next((count for name in names if (count := as_count(fields.get(name))) is not None), None)


def _details_text(details: object) -> str:
    """Join the texts of reasoning_details (OpenRouter) or of a thinking part (Mistral)."""
    items = [as_dict(item) for item in as_list(details)]
    return "".join(as_text(item.get("text")) or as_text(item.get("summary")) for item in items)
