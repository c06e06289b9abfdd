"""Tells by a real call whether a model can do one thing: on the very path of the chat, with its repairs and its key."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from webapp.upstream.brake import Brake, Stopped
from webapp.upstream.calls import ask, is_demo
from webapp.upstream.capability_questions import (
    CODE,
    COLOURS,
    TOOL,
    json_questions,
    picture_question,
    streaming_question,
    thinking_question,
    tool_question,
)
from webapp.upstream.failures import Exchange, UpstreamError
from webapp.upstream.messages import ChatRequest, Reply
from webapp.upstream.shapes import loads
from webapp.upstream.streaming import stream
from webapp.upstream.target import Target

CHECK_SECONDS: Final = 30.0
MANY_PIECES: Final = 2  # fewer may be a whole answer in the dress of a stream
REFUSALS: Final = frozenset({"feature_unsupported", "bad_param"})
STREAMING: Final = re.compile("stream|流式")

Verdict = Literal["yes", "no", "unknown"]
Prepare = Callable[[ChatRequest], ChatRequest]


@dataclass(slots=True)
class Asked:
    """One call of a check: what came of it, and its figures for the bill."""

    reply: Reply | None = None
    error: UpstreamError | None = None
    exchange: Exchange = field(default_factory=Exchange)
    latency_ms: float = 0.0
    first_token_ms: float | None = None


@dataclass(slots=True)
class Finding:
    """What a check found. `reason` is a word for the page; the last of `asked` is the evidence.

    Only a refusal that names the feature, or an answer that disproves it, says "no".
    """

    verdict: Verdict
    reason: str
    asked: list[Asked]


def check(
    target: Target, model: str, capability: str, prepare: Prepare | None = None, seconds: float = CHECK_SECONDS
) -> Finding:
    """Ask the model what only one with this capability (a word of CHECKS) can answer, for so many seconds at most.

    `prepare` gives the questions what a chat's calls carry.
    """
    return CHECKS[capability](_Way(target, model, Brake(time.monotonic() + seconds), prepare))


@dataclass(frozen=True, slots=True)
class _Way:
    """How the questions of one check go."""

    target: Target
    model: str
    brake: Brake
    prepare: Prepare | None

    def prepared(self, request: ChatRequest) -> ChatRequest:
        """Return the request as a chat would send it, still with all that it needs."""
        if self.prepare is None:
            return request
        needed = {name: value for name, value in request.extra.items() if name in (*request.needed, "messages")}
        changed = self.prepare(request)
        return replace(changed, extra=changed.extra | needed)

    def ask(self, request: ChatRequest) -> Asked:
        started = time.perf_counter()
        try:
            reply, evidence = ask(self.target, self.prepared(request), self.brake)
        except UpstreamError as error:
            return Asked(None, error, error.exchange, _since(started))
        except Stopped:  # nobody stops a check, but the brake is there
            return Asked(latency_ms=_since(started))
        return Asked(reply, None, evidence(), _since(started))


def _check_vision(way: _Way) -> Finding:
    request, colours = picture_question(way.target.dialect, way.model)
    asked = way.ask(request)
    if failed := _failed(asked, request):
        return failed
    named = set(re.findall(rf"\b({'|'.join(COLOURS)})\b", _text(asked)))
    if named == colours:
        return Finding("yes", "saw_it", [asked])
    if named & colours:
        return Finding("unknown", "saw_partly", [asked])
    return Finding("no", "saw_nothing", [asked]) if _text(asked) else _no_answer(asked)


def _check_tools(way: _Way) -> Finding:
    request = tool_question(way.target.dialect, way.model)
    asked = way.ask(request)
    if failed := _failed(asked, request):
        return failed
    calls = asked.reply.tool_calls if asked.reply else []
    if any(call.name == TOOL and CODE in call.arguments and _object(call.arguments) for call in calls):
        return Finding("yes", "called_it", [asked])
    if calls:
        return Finding("unknown", "called_wrongly", [asked])
    return Finding("no", "called_nothing", [asked]) if _text(asked) else _no_answer(asked)


def _check_json(way: _Way) -> Finding:
    """Ask for a schema, else for any JSON: some servers know only the one, some only the other."""
    findings = []
    for request in json_questions(way.target.dialect, way.model):
        asked = way.ask(request)
        if failed := _failed(asked, request):
            findings.append(failed)
        elif _object(_text(asked)):
            findings.append(Finding("yes", "gave_json", [asked]))
        else:
            findings.append(Finding("no", "gave_text", [asked]) if _text(asked) else _no_answer(asked))
        if findings[-1].verdict != "no":
            break
    return Finding(findings[-1].verdict, findings[-1].reason, [one for found in findings for one in found.asked])


def _check_streaming(way: _Way) -> Finding:
    request = way.prepared(streaming_question(way.model, is_demo(way.target)))
    started = time.perf_counter()
    answer = stream(way.target, request, way.brake)
    pieces, error = 0, None
    try:
        pieces = sum(1 for _ in answer)
        error = answer.reply.error
    except UpstreamError as refusal:
        error = refusal
    exchange = error.exchange if error else answer.exchange()
    asked = Asked(answer.reply, error, exchange, _since(started), answer.first_piece_ms)
    if failed := _failed(asked, request):
        return failed
    if answer.reply.end == "json":
        return Finding("no", "came_whole", [asked])
    if pieces >= MANY_PIECES:
        return Finding("yes", "came_in_pieces", [asked])
    return Finding("unknown", "came_at_once", [asked]) if pieces else _no_answer(asked)


def _check_reasoning(way: _Way) -> Finding:
    """Thoughts that are shown or counted prove it; without them it may still think in secret."""
    request = thinking_question(way.target.dialect, way.model)
    asked = way.ask(request)
    if failed := _failed(asked, request):
        return failed
    reply = asked.reply
    if reply and (reply.reasoning.strip() or (reply.usage and reply.usage.reasoning_tokens)):
        return Finding("yes", "thought", [asked])
    return Finding("unknown", "no_thoughts", [asked])


CHECKS: Final = {
    "vision": _check_vision,
    "tools": _check_tools,
    "structured_output": _check_json,
    "streaming": _check_streaming,
    "reasoning": _check_reasoning,
}


def _failed(asked: Asked, request: ChatRequest) -> Finding | None:
    """A call without an answer: it was refused because of the feature, or nothing is known."""
    if asked.error is None:
        return None
    is_refused = _is_refused(asked.error, request)
    return Finding("no", "refused", [asked]) if is_refused else Finding("unknown", "failed", [asked])


def _is_refused(error: UpstreamError, request: ChatRequest) -> bool:
    """Whether the provider refused just what the question needs, by its name."""
    if error.category not in REFUSALS:
        return False
    repair: dict[str, Any] = error.details.get("repair") or {}
    named = {str(error.details.get("param")).split(".")[0], *repair.get("drop", ())}
    is_picture = "image" in request.needed and error.action == "remove_images"
    is_stream = "stream" in request.needed and bool(STREAMING.search(error.message.lower()))
    return is_picture or is_stream or bool(named & request.needed - {"stream"})


def _no_answer(asked: Asked) -> Finding:
    """Empty, or all spent on thinking."""
    return Finding("unknown", "no_answer", [asked])


def _text(asked: Asked) -> str:
    return asked.reply.text.strip().lower() if asked.reply else ""


def _object(text: str) -> bool:
    try:
        return isinstance(loads(text.encode()), dict)
    except ValueError:
        return False


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
