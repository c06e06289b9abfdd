"""Whole calls: the model list, an answer in one piece, embeddings. Every fault leaves here as an UpstreamError."""

import functools
import time
from collections.abc import Callable
from typing import Any

from webapp.upstream.brake import Brake, Fault, Stopped
from webapp.upstream.classify import RequestKind, error_from, error_from_transport, is_error
from webapp.upstream.dialects import DIALECTS, Call, demo
from webapp.upstream.dialects.call import json_call
from webapp.upstream.failures import Exchange, UpstreamError, failure
from webapp.upstream.listing.slim import slimmed
from webapp.upstream.listing.unchanged import NOT_MODIFIED, is_conditional, unless_unchanged, validator_in
from webapp.upstream.messages import ChatRequest, ModelList, Reply
from webapp.upstream.redact import forms, redact, remove
from webapp.upstream.repair import mended
from webapp.upstream.shapes import as_dict, loads
from webapp.upstream.target import Target
from webapp.upstream.transport import Sent, pool, send

MAX_PAGES = 50  # of a model list
ERROR_BYTES = 200_000  # read of an error

Evidence = Callable[[], Exchange]  # made only when somebody looks at it


def list_models(target: Target, validator: str | None = None) -> ModelList:
    """Return the model list over all its pages, or that it is still the one with this validator.

    Raises UpstreamError when not even the first page can be read.
    """
    return read_models(target, Brake(time.monotonic() + target.limits.list_seconds), validator=validator)[0]


def complete(target: Target, request: ChatRequest) -> Reply:
    """Return a whole answer. Raises UpstreamError: a reply from here never has an error."""
    return ask(target, request, Brake())[0]


def read_models(
    target: Target, brake: Brake, pages: int = MAX_PAGES, validator: str | None = None
) -> tuple[ModelList, Evidence]:
    """Return the list and the exchange of its last page. Raises UpstreamError and Stopped.

    A later page that cannot be read ends the list: it stays incomplete and carries the error.
    """
    evidence: Evidence = Exchange
    if is_demo(target):
        return demo.read_models(), evidence
    dialect = DIALECTS[target.dialect]
    found = ModelList()
    seen: set[str] = set()
    for number in range(pages):
        call = dialect.list_call(target, found.next)
        if validator and not number:
            call = unless_unchanged(call, validator)
        try:
            sent, body = _fetch(target, call, brake, "list")
            evidence = functools.partial(sent.exchange, body)
            if sent.answer.status == NOT_MODIFIED:
                return ModelList(validator=validator, is_unchanged=True), evidence
            page = dialect.read_list(body, target)
            if page.error:
                raise with_evidence(page.error, sent, body)
        except UpstreamError as error:
            if not seen:
                raise
            found.error, found.complete = error, False
            break
        fresh = [model for model in page.models if model.id not in seen]
        seen.update(model.id for model in fresh)
        found.models += fresh
        found.skipped += page.skipped
        found.duplicates_dropped += page.duplicates_dropped + len(page.models) - len(fresh)
        found.details |= page.details
        found.next, found.complete = page.next, page.complete
        found.validator = None if number or page.next else validator_in(sent.answer.headers)
        if not page.next or not fresh:
            break
    return found, evidence


def ask(target: Target, request: ChatRequest, brake: Brake) -> tuple[Reply, Evidence]:
    """Return a whole answer and its exchange. Raises UpstreamError and Stopped.

    A parameter that is refused by name is repaired once; `reply.details` then says how.
    """
    if is_demo(target):
        answer = demo.DemoAnswer(request, brake.pulled, pace=0)
        list(answer)
        return answer.reply, Exchange
    dialect = DIALECTS[target.dialect]

    def fetch(request: ChatRequest) -> tuple[Sent, bytes]:
        if target.litellm:
            from webapp.upstream.embedded import Translated  # on first use: it is big

            return Translated(target, request, brake, is_stream=False).whole()
        return _fetch(target, dialect.chat_call(target, request, False), brake, "chat")

    (sent, body), repaired = mended(dialect.worded(request), target, dialect.ADDED, fetch)
    decoder = dialect.decoder(target)
    decoder.feed(body)
    decoder.close()
    reply = decoder.reply
    if reply.error:
        raise with_evidence(reply.error, sent, body)
    scrub(reply, sent.head.secrets)
    reply.details |= repaired
    return reply, functools.partial(sent.exchange, body)


def embed(target: Target, fields: dict[str, Any], brake: Brake) -> dict[str, Any]:
    """Return the answer of an OpenAI-type server to POST /embeddings as it is. Raises UpstreamError and Stopped."""
    sent, body = _fetch(target, json_call("/embeddings", fields, False), brake, "chat")
    try:
        answer = as_dict(loads(remove(body.decode("utf-8", "replace"), forms(sent.head.secrets)).encode()))
    except ValueError:
        answer = {}
    if is_error(answer):
        raise with_evidence(error_from(200, {}, answer, target), sent, body)
    if not isinstance(answer.get("data"), list):
        raise with_evidence(failure("bad_response", "the answer holds no vectors"), sent, body)
    return answer


def is_demo(target: Target) -> bool:
    """Tell whether this provider needs no network."""
    return target.dialect == "demo"


def opened(target: Target, call: Call, brake: Brake, seconds: float, cap: int, kind: RequestKind) -> Sent:
    """Send a call; return it when its answer is a good one. Raises UpstreamError and Stopped."""
    try:
        sent = send(target, call, brake, seconds, cap)
    except Fault as fault:
        raise error_of(fault, target) from fault
    if sent.answer.status == NOT_MODIFIED and is_conditional(call):
        return sent
    if 200 <= sent.answer.status < 300:
        if sent.answer.is_encoded:
            sent.answer.close()
            encoded = Fault("bad_response", "The answer is compressed although we asked for plain bytes.")
            raise with_evidence(error_of(encoded, target), sent)
        return sent
    body = _error_body(sent)
    safe = redact(body.decode("utf-8", "replace"), sent.head.secrets).encode()
    headers = {name: redact(value, sent.head.secrets) for name, value in sent.answer.headers.items()}
    error = error_from(sent.answer.status, headers, safe, target, kind)
    raise with_evidence(error, sent, body)


def error_of(fault: Fault, target: Target) -> UpstreamError:
    """Put a fault of the way there into the words of the page. A refusal reads differently inside a container."""
    if fault.category == "network_refused":
        return error_from_transport(str(fault), "connect", target.base_url, target.in_container)
    error = failure(fault.category, str(fault)[:300], exchange=Exchange(fault.request))
    error.action = fault.action or error.action
    return error


def with_evidence(error: UpstreamError, sent: Sent, body: bytes = b"") -> UpstreamError:
    """Attach the raw exchange to an error and take the call's secrets out of its words."""
    error.message = redact(error.message, sent.head.secrets)
    error.exchange = sent.exchange(body)
    return error


def scrub(reply: Reply, secrets: tuple[str, ...]) -> None:
    """Take the call's own secrets out of an answer that repeats them, however it was cut into pieces."""
    spellings = forms(secrets)
    for said in (reply, *reply.others.values()):
        said.text, said.reasoning = remove(said.text, spellings), remove(said.reasoning, spellings)
        said.more = remove(said.more, spellings)
        for call in said.tool_calls:
            call.arguments = remove(call.arguments, spellings)


def _fetch(target: Target, call: Call, brake: Brake, kind: RequestKind) -> tuple[Sent, bytes]:
    limits = target.limits
    seconds, cap = limits.total_seconds, limits.body_bytes
    if kind == "list":
        seconds, cap = limits.list_seconds, limits.list_bytes
    sent = opened(target, call, brake, seconds, cap, kind)
    try:
        answer = sent.answer
        body = slimmed(iter(answer.read, b"")) if kind == "list" else answer.read_all()
    except Stopped:
        sent.answer.close()
        raise
    except Fault as fault:
        sent.answer.close()
        raise with_evidence(error_of(fault, target), sent) from fault
    sent.answer.settle(pool)
    return sent, body


def _error_body(sent: Sent) -> bytes:
    """As much of an error as arrives; its beginning is enough. One that is compressed stays unread."""
    body = b""
    if sent.answer.is_encoded:
        sent.answer.close()
        return body
    try:
        while len(body) < ERROR_BYTES and (data := sent.answer.read()):
            body += data
    except Stopped:
        sent.answer.close()
        raise
    except Fault:
        sent.answer.close()
    else:
        sent.answer.settle(pool)
    return body
