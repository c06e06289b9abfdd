"""The connection test: a ladder on the very path of the chat, one rung after the other, each with its evidence."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from socket import socket
from typing import Any, Literal

from webapp.upstream.brake import Brake, Fault, Stopped
from webapp.upstream.calls import ask, error_of, read_models
from webapp.upstream.connection import Link, connect, look_up, secure
from webapp.upstream.egress import IP
from webapp.upstream.failures import Exchange, UpstreamError
from webapp.upstream.head import origin_of
from webapp.upstream.messages import ChatMessage, ChatRequest, ModelList, Reply
from webapp.upstream.streaming import AnswerStream
from webapp.upstream.target import Target
from webapp.upstream.transport import pool

RungName = Literal["resolve", "connect", "tls", "authenticate", "list", "answer", "stream"]
Verdict = Literal["running", "good", "bad", "unknown", "skipped"]

LADDER_SECONDS = 60.0
STOP_POLL_SECONDS = 0.1
QUESTION = ChatMessage("user", "Reply with the single word: ready")
MAX_TOKENS = 512  # a reasoning model thinks before it says a word
NETWORK_RUNGS = frozenset({"resolve", "connect", "tls", "authenticate"})
# What fails for one of these fails in the same way when it is asked again.
HOPELESS = frozenset(
    {"auth_missing", "auth_invalid", "permission", "billing", "quota_window", "rate_limit", "model_not_found"}
    | {"blocked", "blocked_address", "network_refused", "network_dns", "network_timeout", "network_tls"}
)


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the test. It is yielded `running`, then with its verdict; `authenticate` may be judged once more.

    `detail` holds figures by name: addresses, address, tls_version, certificate_expires, models, model, input_tokens,
    output_tokens, finish_reason, first_token_ms; `reason` says why a rung was skipped or cannot be judged:
    not_needed, earlier_rung, stopped, no_list, no_model, confirmed_by_answer, judged_by_list, judged_by_answer.
    """

    name: RungName
    verdict: Verdict
    latency_ms: float | None = None
    error: UpstreamError | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    exchange: Exchange | None = None
    models: ModelList | None = field(default=None, repr=False)


def probe(target: Target, model: str | None = None, stop: threading.Event | None = None) -> Iterator[Rung]:
    """Climb the ladder within 60 s; `stop` ends it at once. The rung `list` carries the models that were found."""
    brake = Brake(time.monotonic() + LADDER_SECONDS)
    is_over = threading.Event()
    if stop:
        threading.Thread(target=_watch, args=(stop, is_over, brake), daemon=True, name="probe stop").start()
    ladder = _Ladder(target, model, brake)
    try:
        yield from ladder.climb()
    finally:
        is_over.set()
        ladder.close()


class _Ladder:
    """The steps of one test. A step returns its rung; Fault and UpstreamError make it bad."""

    def __init__(self, target: Target, model: str | None, brake: Brake) -> None:
        self._target, self._model, self._brake = target, model, brake
        self._is_key_proven = False
        self._listing = Rung("list", "skipped", detail={"reason": "no_list"})
        self._addresses: list[IP] = []
        self._sock: socket | None = None

    def climb(self) -> Iterator[Rung]:
        """Yield every rung; after one that leaves no hope the rest is skipped."""
        steps: dict[RungName, Callable[[], Rung]] = {
            "resolve": self._resolve,
            "connect": self._connect,
            "tls": self._secure,
            "authenticate": self._authenticate,
            "list": lambda: self._listing,
            "answer": self._answer,
            "stream": self._stream,
        }
        reason = ""
        for name, step in steps.items():
            if not reason and not self._target.base_url and name in NETWORK_RUNGS:
                yield Rung(name, "skipped", detail={"reason": "not_needed"})
            elif reason:
                yield Rung(name, "skipped", detail={"reason": reason})
            else:
                yield Rung(name, "running")
                rung = self._judged(name, step)
                if name == "answer":
                    yield from self._key_judged_by(rung)
                yield rung
                reason = _reason_to_end(rung)

    def close(self) -> None:
        """Close a connection that no call has taken over."""
        if self._sock:
            self._sock.close()

    def _judged(self, name: RungName, step: Callable[[], Rung]) -> Rung:
        started = time.perf_counter()
        try:
            rung = step()
        except Stopped:
            rung = Rung(name, "skipped", detail={"reason": "stopped"})
        except UpstreamError as error:
            rung = Rung(name, "bad", error=error, exchange=error.exchange)
        except Fault as fault:
            rung = Rung(name, "bad", error=error_of(fault, self._target))
        is_timed = rung.verdict == "skipped" or rung.latency_ms is not None
        return rung if is_timed else replace(rung, latency_ms=_since(started))

    def _resolve(self) -> Rung:
        self._addresses = look_up(origin_of(self._target), self._target.limits.connect_seconds, self._brake)
        return Rung("resolve", "good", detail={"addresses": [str(ip) for ip in self._addresses]})

    def _connect(self) -> Rung:
        origin = origin_of(self._target)
        self._sock = connect(origin, self._addresses, self._target.limits.connect_seconds, self._brake)
        return Rung("connect", "good", detail={"address": self._sock.getpeername()[0], "port": origin.port})

    def _secure(self) -> Rung:
        """Start TLS where there is some, and leave the connection to the next call."""
        assert self._sock is not None
        origin = origin_of(self._target)
        if origin.scheme == "http":
            rung = Rung("tls", "skipped", detail={"reason": "not_needed"})
        else:
            self._sock = tls = secure(origin, self._sock, self._target.limits.connect_seconds, self._brake)
            rung = Rung("tls", "good", detail={"tls_version": tls.version(), "certificate_expires": _expiry(tls)})
        pool.put(Link(origin, self._sock))
        self._sock = None
        return rung

    def _authenticate(self) -> Rung:
        """Fetch the list. It can refute a key; whether it proves one is not known, since many lists are public."""
        started = time.perf_counter()
        if self._target.list_path is None:
            return Rung("authenticate", "unknown", detail={"reason": "confirmed_by_answer"})
        try:
            models, evidence = read_models(self._target, self._brake)
        except UpstreamError as error:
            verdict: Verdict = "unknown" if self._model else "bad"
            self._listing = Rung("list", verdict, _since(started), error, exchange=error.exchange)
            return next(self._key_judged_by(self._listing), Rung("authenticate", "unknown"))
        detail = {"models": len(models.models), "complete": models.complete}
        verdict = "good" if models.models else "unknown"
        self._listing = Rung("list", verdict, _since(started), models.error, detail, evidence(), models)
        return Rung("authenticate", "unknown", detail={"reason": "confirmed_by_answer"})

    def _key_judged_by(self, rung: Rung) -> Iterator[Rung]:
        """Yield the rung `authenticate` when this call tells whether the key is good."""
        verdict = _verdict_on_key(rung)
        if verdict and not self._is_key_proven and self._target.base_url:
            self._is_key_proven = verdict == "good"
            error = rung.error if verdict == "bad" else None
            yield Rung(
                "authenticate", verdict, rung.latency_ms, error, {"reason": f"judged_by_{rung.name}"}, rung.exchange
            )

    def _answer(self) -> Rung:
        self._model = self._model or _a_chat_model(self._listing.models)
        if not self._model:
            return Rung("answer", "skipped", detail={"reason": "no_model"})
        reply, evidence = ask(self._target, self._question(), self._brake)
        return Rung("answer", "good", detail=_figures(self._model, reply), exchange=evidence())

    def _stream(self) -> Rung:
        stream = AnswerStream(self._target, self._question(), self._brake)
        pieces = sum(1 for _ in stream)
        reply = stream.reply
        if reply.end == "stopped":
            raise Stopped
        error = reply.error
        if not error and not (reply.complete and (pieces or reply.finish_reason)):
            error = error_of(Fault("bad_response", "The stream carried no answer."), self._target)
        detail = {**_figures(self._model, reply), "first_token_ms": stream.first_piece_ms, "pieces": pieces}
        return Rung("stream", "bad" if error else "good", error=error, detail=detail, exchange=stream.exchange())

    def _question(self) -> ChatRequest:
        return ChatRequest(model=self._model or "", messages=(QUESTION,), max_tokens=MAX_TOKENS)


def _watch(stop: threading.Event, is_over: threading.Event, brake: Brake) -> None:
    """An event cannot call anybody, so somebody has to look at it."""
    while not is_over.is_set():
        if stop.wait(STOP_POLL_SECONDS):
            brake.pull()
            return


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


def _reason_to_end(rung: Rung) -> str:
    if rung.verdict == "skipped":
        reason = str(rung.detail["reason"])
        return reason if reason in ("stopped", "no_model") else ""
    is_last_word = rung.name != "answer" or (rung.error is not None and rung.error.category in HOPELESS)
    return "earlier_rung" if rung.verdict == "bad" and is_last_word else ""


def _verdict_on_key(rung: Rung) -> Verdict | None:
    if rung.verdict == "good":
        return "good"
    if rung.error is None:
        return None
    if rung.error.key_ok is False or rung.error.category == "auth_missing":
        return "bad"
    return "good" if rung.error.key_ok else None


def _a_chat_model(found: ModelList | None) -> str | None:
    """The first that can chat; the first of all only when no kind is told apart."""
    models = found.models if found else []
    return next((model.id for model in models if model.kind == "chat"), models[0].id if models else None)


def _figures(model: str | None, reply: Reply) -> dict[str, Any]:
    usage = reply.usage
    tokens = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens} if usage else {}
    return {"model": model, "finish_reason": reply.finish_reason, **tokens}


def _expiry(tls: ssl.SSLSocket) -> str | None:
    """End of the certificate's life in ISO 8601, UTC."""
    end = (tls.getpeercert() or {}).get("notAfter")
    if not isinstance(end, str):
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(end), UTC).isoformat()
