"""Decodes answers of OpenAI-type servers: chunks, JSON lines or a whole completion."""

from dataclasses import replace
from typing import Any

from webapp.upstream.dialects.answer import AnswerDecoder
from webapp.upstream.dialects.think_tags import ThinkTags
from webapp.upstream.messages import Piece, Usage
from webapp.upstream.shapes import as_count, as_dict, as_json, as_list, as_text, first_dict
from webapp.upstream.target import Target

# What is read here or is our own to say; `obfuscation` is padding of the line between the server and us.
CHUNK_FIELDS = frozenset("id object created model choices usage error obfuscation".split())
CHOICE_FIELDS = frozenset("index delta message text finish_reason usage error".split())
DELTA_FIELDS = frozenset("role content refusal reasoning reasoning_content tool_calls function_call".split())
COUNTS = frozenset({"prompt_tokens", "completion_tokens", "total_tokens"})
# What most chunks hold, saying nothing or nothing new.
USUAL_CHUNK_FIELDS = CHUNK_FIELDS | {"system_fingerprint", "service_tier"}
USUAL_CHOICE_FIELDS = CHOICE_FIELDS | {"logprobs"}
USD_TICKS = 10**10  # source: docs.x.ai, cost tracking
MAX_CHOICES = 128  # OpenAI's own limit


class OpenAIAnswer(AnswerDecoder):
    """A chat completion: its first choice, and further ones as answers of their own."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._tags = ThinkTags()
        self._others: dict[int, OpenAIAnswer] = {}
        self._more: dict[str, Any] = {"chunk": {}}  # as in Reply.more
        self._told = ""  # the chunk's own fields, the last time that they were others
        self._untold: dict[str, Any] = {}
        self._refusal: list[str] = []

    def _frame(self, data: dict[str, Any], pieces: list[Piece]) -> None:
        choices = as_list(data.get("choices"))
        choice = first_dict(choices)
        place = len(pieces)
        if choice and not choice.get("index"):
            self._choice(choice, pieces)
            self._find_more(data, choice, place, pieces)
        elif not CHUNK_FIELDS.issuperset(data):
            self._find_more(data, {}, place, pieces)
        if choice and (len(choices) > 1 or choice.get("index")):
            self._read_others(choices, pieces)
        usage = data.get("usage") or choice.get("usage") or as_dict(data.get("x_groq")).get("usage")
        if usage and (usage := as_dict(usage)):
            self._usage(usage)
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
        content = delta.get("content")
        if not content and (refusal := delta.get("refusal")):
            self._refuse(as_text(refusal), pieces)
        elif isinstance(content, str):
            self._content(content, pieces)
        elif isinstance(content, list):
            self._parts(content, pieces)
        if calls := delta.get("tool_calls"):
            self.progress += 1
            for call in as_list(calls):
                self._tools.add(as_dict(call), pieces)
        if call := as_dict(delta.get("function_call")):
            self.progress += 1
            self._tools.add_parts(0, "", as_text(call.get("name")), call.get("arguments"), pieces)

    def _find_more(self, data: dict[str, Any], choice: dict[str, Any], place: int, pieces: list[Piece]) -> None:
        """Give out what goes beyond our words, before the pieces of its frame; the chunk's own if they changed."""
        known: dict[str, Any] = self._more["chunk"]
        message = as_dict(choice.get("delta") or choice.get("message"))
        if (
            USUAL_CHUNK_FIELDS.issuperset(data)
            and USUAL_CHOICE_FIELDS.issuperset(choice)
            and DELTA_FIELDS.issuperset(message)
            and choice.get("logprobs") is None
            and data.get("system_fingerprint") == known.get("system_fingerprint")
            and data.get("service_tier") == known.get("service_tier")
            and not self._untold
        ):
            return
        chunk = _beyond(data, CHUNK_FIELDS)
        if chunk and (text := as_json(chunk)) != self._told:
            self._told = text
            self._untold |= chunk
            known |= chunk
        found = _beyond({"choice": _beyond(choice, CHOICE_FIELDS), "delta": _beyond(message, DELTA_FIELDS)})
        if "message" in choice:
            self._more |= found
        if found or len(pieces) > place:
            self._tell_more(found, place, pieces)

    def _tell_more(self, found: dict[str, Any], place: int, pieces: list[Piece]) -> None:
        found = found | _beyond({"chunk": self._untold})
        self._untold = {}
        if text := as_json(found) if found else "":
            pieces.insert(place, Piece("more", text))

    def _read_others(self, choices: list[Any], pieces: list[Piece]) -> None:
        """Read the choices after the first; a whole answer may leave their numbers to their places."""
        for place, choice in enumerate(map(as_dict, choices)):
            index = choice.get("index", place)
            if isinstance(index, int) and 0 < index < MAX_CHOICES:
                other = self._others.setdefault(index, OpenAIAnswer(self._target))
                said: list[Piece] = []
                other._frame({"choices": [choice | {"index": 0}]}, said)
                self.progress += 1
                pieces += [replace(piece, choice=index) for piece in said]
        is_first_over = self._reply.finish_reason_raw is not None or self._reply.error is not None
        self.finished = is_first_over and all(other.finished for other in self._others.values())

    def _refuse(self, text: str, pieces: list[Piece]) -> None:
        if text:
            self.progress += 1
            self._text.append(text)
            self._refusal.append(text)
            pieces.append(Piece("refusal", text))

    def _content(self, text: str, pieces: list[Piece]) -> None:
        if not text:  # a sign of life, no progress
            return
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
            if not thinking and part.get("type") in ("thinking", "reasoning"):
                thinking = as_text(part.get("text"))
            if thinking:
                self._think(thinking if isinstance(thinking, str) else _details_text(thinking), pieces)
            else:
                self._content(as_text(part.get("text")), pieces)

    def _usage(self, usage: dict[str, Any]) -> None:
        self._reply.usage = read_usage(usage)
        self._more["usage"] = _beyond(usage, COUNTS)
        if isinstance(cost := usage.get("cost"), int | float):
            self._reply.details["cost_usd"] = cost
        elif isinstance(ticks := usage.get("cost_in_usd_ticks"), int | float):  # xAI
            self._reply.details["cost_usd"] = ticks / USD_TICKS

    def _flush(self, pieces: list[Piece]) -> None:
        self._tell(self._tags.flush(), pieces)
        self._tell_more({}, len(pieces), pieces)
        for index, other in sorted(self._others.items()):
            pieces += [replace(piece, choice=index) for piece in other._ended_by("done")]
            self._reply.others[index] = other.reply
        if more := _beyond(self._more | {"refusal": "".join(self._refusal) or None}):
            self._reply.more = as_json(more)

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
    elif reasoning and reasoning > output:
        output += reasoning
    return Usage(given, output, reasoning, cached)


def _beyond(fields: object, known: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return the fields that are not known and say something."""
    return {name: value for name, value in as_dict(fields).items() if name not in known and value not in (None, {})}


def _count(fields: dict[str, Any], *names: str) -> int | None:
    return next((count for name in names if (count := as_count(fields.get(name))) is not None), None)


def _details_text(details: object) -> str:
    """Join the texts of reasoning_details (OpenRouter) or of a thinking part (Mistral)."""
    items = [as_dict(item) for item in as_list(details)]
    return "".join(as_text(item.get("text")) or as_text(item.get("summary")) for item in items)
