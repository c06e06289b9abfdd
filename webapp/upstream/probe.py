"""The connection test: a ladder on the very path of the chat, one rung after the other, each with its evidence."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from socket import socket
from typing import Any

from webapp.upstream.brake import Brake, Fault, Stopped
from webapp.upstream.calls import ask, error_of, is_demo, read_models
from webapp.upstream.connection import Link, connect, look_up, secure
from webapp.upstream.control import has_key, is_invented_key_refused
from webapp.upstream.egress import IP
from webapp.upstream.failures import UpstreamError
from webapp.upstream.head import origin_of
from webapp.upstream.messages import ChatMessage, ChatRequest, ModelList, Reply
from webapp.upstream.rung import Rung, RungName, Verdict, reason_to_end, verdict_on_key
from webapp.upstream.streaming import stream
from webapp.upstream.target import Target
from webapp.upstream.transport import pool

LADDER_SECONDS = 60.0
STOP_POLL_SECONDS = 0.1
QUESTION = ChatMessage("user", "Reply with the single word: ready")
MAX_TOKENS = 512  # a reasoning model thinks before it says a word
DEMO_TOKENS = 20  # the slow demo model takes its time over each
OFFERED = 4  # models to choose from: three, and one more if one of them fails
Prepare = Callable[[ChatRequest], ChatRequest]
NETWORK_RUNGS = frozenset({"resolve", "connect", "tls", "authenticate"})


def probe(
    target: Target, model: str | None = None, stop: threading.Event | None = None, prepare: Prepare | None = None
) -> Iterator[Rung]:
    """Climb the ladder within 60 s; `stop` ends it at once. The rung `list` carries the models that were found.

    `prepare` gives the questions what a chat's calls carry.
    """
    brake = Brake(time.monotonic() + LADDER_SECONDS)
    is_over = threading.Event()
    if stop:
        threading.Thread(target=_watch, args=(stop, is_over, brake), daemon=True, name="probe stop").start()
    ladder = _Ladder(target, model, brake, prepare)
    try:
        yield from ladder.climb()
    finally:
        is_over.set()
        ladder.close()


class _Ladder:
    """The steps of one test. A step returns its rung; Fault and UpstreamError make it bad."""

    def __init__(self, target: Target, model: str | None, brake: Brake, prepare: Prepare | None) -> None:
        self._target, self._model, self._brake, self._prepare = target, model, brake, prepare
        self._is_key_proven = False
        self._listing: Rung | None = None
        self._addresses: list[IP] = []
        self._sock: socket | None = None

    def climb(self) -> Iterator[Rung]:
        """Yield every rung; after one that leaves no hope the rest is skipped."""
        steps: dict[RungName, Callable[[], Rung]] = {
            "resolve": self._resolve,
            "connect": self._connect,
            "tls": self._secure,
            "authenticate": self._authenticate,
            "list": self._list,
            "answer": self._answer,
            "stream": self._stream,
        }
        reason = ""
        for name, step in steps.items():
            if not reason and is_demo(self._target) and name in NETWORK_RUNGS:
                yield Rung(name, "skipped", detail={"reason": "not_needed"})
            elif reason:
                yield Rung(name, "skipped", detail={"reason": reason})
            else:
                yield Rung(name, "running")
                rung = self._judged(name, step)
                if name == "answer":
                    yield from self._key_judged_by(rung)
                yield rung
                reason = reason_to_end(rung)

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
        self._brake.release()
        pool.put(Link(origin, self._sock))
        self._sock = None
        return rung

    def _authenticate(self) -> Rung:
        """Fetch the list. It can refute a key; it proves one only if it is closed to others."""
        started = time.perf_counter()
        if self._target.list_path is None:
            self._listing = Rung("list", "skipped", detail={"reason": "no_list"})
            return _open_question("no_list")
        try:
            models, evidence = read_models(self._target, self._brake)
        except UpstreamError as error:
            verdict: Verdict = "unknown" if self._model else "bad"
            self._listing = Rung("list", verdict, _since(started), error, exchange=error.exchange)
            return next(self._key_judged_by(self._listing), _open_question("no_list"))
        detail = {"models": len(models.models), "complete": models.complete, "offers": _offers(models)}
        verdict = "good" if models.models else "unknown"
        self._listing = Rung("list", verdict, _since(started), models.error, detail, evidence(), models)
        return self._control() if has_key(self._target) else _open_question("no_key")

    def _control(self) -> Rung:
        """Try a key that cannot be right: many lists are public and say nothing about any key."""
        is_refused, exchange = is_invented_key_refused(self._target, self._brake)
        self._is_key_proven = bool(is_refused)
        if is_refused:
            return Rung("authenticate", "good", detail={"reason": "control_refused"}, exchange=exchange)
        return replace(_open_question("control_failed" if is_refused is None else "public_list"), exchange=exchange)

    def _key_judged_by(self, rung: Rung) -> Iterator[Rung]:
        """Yield the rung `authenticate` when this call tells whether the key is good."""
        verdict = verdict_on_key(rung)
        if verdict and not self._is_key_proven and not is_demo(self._target):
            self._is_key_proven = verdict == "good"
            error = rung.error if verdict == "bad" else None
            reason = f"judged_by_{rung.name}" if has_key(self._target) else "no_key"
            yield Rung("authenticate", verdict, rung.latency_ms, error, {"reason": reason}, rung.exchange)

    def _list(self) -> Rung:
        if self._listing is None:
            self._authenticate()
        assert self._listing is not None
        return self._listing

    def _answer(self) -> Rung:
        if not self._model:
            return Rung("answer", "skipped", detail={"reason": "no_model"})
        reply, evidence = ask(self._target, self._question(), self._brake)
        return Rung("answer", "good", detail=_figures(self._model, reply), exchange=evidence())

    def _stream(self) -> Rung:
        answer = stream(self._target, self._question(), self._brake)
        pieces = sum(1 for _ in answer)
        reply = answer.reply
        if reply.end == "stopped":
            raise Stopped
        error = reply.error
        if not error and not (reply.complete and (pieces or reply.finish_reason)):
            error = error_of(Fault("bad_response", "The stream carried no answer."), self._target)
        detail = {**_figures(self._model, reply), "first_token_ms": answer.first_piece_ms, "pieces": pieces}
        return Rung("stream", "bad" if error else "good", error=error, detail=detail, exchange=answer.exchange())

    def _question(self) -> ChatRequest:
        max_tokens = DEMO_TOKENS if is_demo(self._target) else MAX_TOKENS
        question = ChatRequest(self._model or "", (QUESTION,), max_tokens=max_tokens)
        return self._prepare(question) if self._prepare else question


def _watch(stop: threading.Event, is_over: threading.Event, brake: Brake) -> None:
    """An event cannot call anybody, so somebody has to look at it."""
    while not is_over.is_set():
        if stop.wait(STOP_POLL_SECONDS):
            brake.pull()
            return


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


def _open_question(reason: str) -> Rung:
    """What the list leaves to the short answer."""
    return Rung("authenticate", "unknown", detail={"reason": reason})


def _offers(found: ModelList) -> list[str]:
    """A few that can chat, for somebody to choose from: a list may hold what this account cannot call."""
    ids = [model.id for model in found.models if model.kind == "chat" and model.details.get("available") is not False]
    return ids[:OFFERED]


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
