"""A streamed answer: pieces as they come, one Reply at the end, and Stop from any thread at any moment."""

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any, Protocol

from webapp.upstream.answer import Answer, Overdue
from webapp.upstream.brake import Brake, Fault, Stopped
from webapp.upstream.calls import error_of, is_demo, opened, scrub, with_evidence
from webapp.upstream.dialects import DIALECTS, AnswerDecoder
from webapp.upstream.dialects.demo import DemoAnswer
from webapp.upstream.failures import Exchange, UpstreamError
from webapp.upstream.incoming import Incoming
from webapp.upstream.messages import ChatRequest, Piece, Reply
from webapp.upstream.redact import forms, remove
from webapp.upstream.repair import mended
from webapp.upstream.shapes import as_dict, loads
from webapp.upstream.target import Target
from webapp.upstream.transport import Sent, pool

KEPT_BYTES = 16_000  # of the body, for the raw exchange


class AnswerStream(Protocol):
    """An answer that is iterated once, as pieces.

    Nothing is sent before `open()` or the first piece is asked for. Errors up to the head of the answer are raised as
    UpstreamError; later ones stand in `reply.error`, with the text so far. A parameter that is refused by name is
    repaired once; `reply.details["repair"]` then says how, as soon as the head is there.
    """

    first_piece_ms: float | None  # since the request was sent

    @property
    def reply(self) -> Reply:
        """The answer so far; whole when the iteration is over."""

    def open(self) -> None:
        """Send the request and wait for the head of the answer. Raises UpstreamError."""

    def __iter__(self) -> Iterator[Piece]: ...

    def detach(self) -> Incoming | None:
        """Give the rest of an opened answer to a reader that does not wait, instead of iterating; None: iterate.

        Who takes it calls `seal` when it is over.
        """

    def seal(self) -> None:
        """Make the reply of a detached answer fit to be kept."""

    def stop(self) -> None:
        """End the answer now, from any thread, also before it begins. The text stays; `reply.end` is `stopped`."""

    def exchange(self) -> Exchange:
        """Return request and answer as text without secrets."""

    def fields(self) -> dict[str, Any]:
        """Return what the body of the request held, or holds when it is sent now; nothing when that is not known."""


def stream(target: Target, request: ChatRequest, brake: Brake | None = None) -> AnswerStream:
    """Return the answer as a stream that has not begun. With a `brake` somebody else may end it, too."""
    brake = brake or Brake()
    if is_demo(target):
        return _DemoStream(request, brake)
    return (_TranslatedStream if target.litellm else _WireStream)(target, request, brake)


def begin(answer: AnswerStream) -> Iterator[Piece]:
    """Wait until an answer begins; return all its pieces. Raises UpstreamError when nothing came before that."""
    pieces = iter(answer)
    first = next(pieces, None)
    if first is None and answer.reply.error:
        raise answer.reply.error
    return chain([first] if first else [], pieces)


class _WireStream:
    def __init__(self, target: Target, request: ChatRequest, brake: Brake) -> None:
        self.first_piece_ms: float | None = None
        self._target, self._request, self._brake = target, DIALECTS[target.dialect].worded(request), brake
        self._decoder: AnswerDecoder = DIALECTS[target.dialect].decoder(target)
        self._sent: Sent | None = None
        self._started = 0.0
        self._kept = b""
        self._is_clean = False
        self._final: Reply | None = None

    @property
    def reply(self) -> Reply:
        return self._final or self._decoder.reply

    def stop(self) -> None:
        self._brake.pull()

    def exchange(self) -> Exchange:
        return self._sent.exchange(self._kept) if self._sent else Exchange()

    def open(self) -> None:
        if self._sent or self._decoder.ended:
            return
        self._started = time.perf_counter()
        try:
            added = DIALECTS[self._target.dialect].ADDED
            self._sent, repaired = mended(self._request, self._target, added, self._send)
        except Stopped:
            self._decoder.stop()
            return
        self._decoder.reply.details |= repaired

    def detach(self) -> Incoming | None:
        if self._sent is None:
            return None
        spellings = forms(self._sent.head.secrets)
        return Incoming(
            self._sent.answer,
            self._decoder,
            self._target.limits,
            spellings,
            lambda fault: self._decoder.fail(error_of(fault, self._target)),
        )

    def seal(self) -> None:
        if self._sent:
            self._seal(self._sent)

    def __iter__(self) -> Iterator[Piece]:
        self.open()
        if self._sent is None:
            return
        spellings = forms(self._sent.head.secrets)
        try:
            for piece in self._pieces(self._sent.answer):
                if self.first_piece_ms is None:
                    self.first_piece_ms = (time.perf_counter() - self._started) * 1000
                text = remove(piece.text, spellings)
                yield piece if text is piece.text else replace(piece, text=text)
        finally:
            self._finish(self._sent)

    def fields(self) -> dict[str, Any]:
        return as_dict(loads(DIALECTS[self._target.dialect].chat_call(self._target, self._request, True).body or b""))

    def _send(self, request: ChatRequest) -> Sent:
        self._request = request
        limits = self._target.limits
        call = DIALECTS[self._target.dialect].chat_call(self._target, request, True)
        return opened(self._target, call, self._brake, limits.total_seconds, limits.stream_bytes, "chat")

    def _read(self, answer: Answer) -> bytes:
        return answer.read()

    def _pieces(self, answer: Answer) -> Iterator[Piece]:
        decoder, limits = self._decoder, self._target.limits
        progress = -1
        is_in_grace = False
        try:
            while not decoder.ended:
                if decoder.progress != progress:
                    progress = decoder.progress
                    answer.limit("progress", limits.progress_seconds)
                if decoder.finished and not is_in_grace:
                    is_in_grace = True
                    answer.limit("grace", limits.grace_seconds)
                data = self._read(answer)
                if len(self._kept) < KEPT_BYTES:
                    self._kept += data
                yield from decoder.feed(data) if data else decoder.close()
            self._is_clean = True
        except Stopped:
            yield from decoder.stop()
        except UpstreamError as error:
            yield from decoder.fail(error)
        except Fault as fault:
            is_grace = isinstance(fault, Overdue) and fault.clock == "grace"
            yield from decoder.grace_over() if is_grace else decoder.fail(error_of(fault, self._target))

    def _finish(self, sent: Sent) -> None:
        """Leave the connection, and make the reply fit to be kept. A reader that walked away counts as a stop."""
        self._decoder.stop()
        if self._is_clean:
            sent.answer.settle(pool)
        else:
            sent.answer.close()
        self._seal(sent)

    def _seal(self, sent: Sent) -> None:
        self._final = self._decoder.reply
        scrub(self._final, sent.head.secrets)
        if self._final.error:
            with_evidence(self._final.error, sent, self._kept)


class _TranslatedStream(_WireStream):
    """Through the LiteLLM in this process: the call is as any other, its answer is read in LiteLLM's translation."""

    def detach(self) -> Incoming | None:
        return None

    def _send(self, request: ChatRequest) -> Sent:
        from webapp.upstream.embedded import Translated  # on first use: it is big

        self._translated = Translated(self._target, request, self._brake, is_stream=True)
        return self._translated.sent

    def fields(self) -> dict[str, Any]:
        return as_dict(loads(self._translated.wrote)) if self._sent else {}

    def _read(self, answer: Answer) -> bytes:
        return self._translated.read()


class _DemoStream:
    def __init__(self, request: ChatRequest, brake: Brake) -> None:
        self.first_piece_ms: float | None = None
        self._request, self._brake = request, brake
        self._answer: DemoAnswer | None = None

    @property
    def reply(self) -> Reply:
        return self._answer.reply if self._answer else Reply()

    def open(self) -> None:
        self._answer = self._answer or DemoAnswer(self._request, self._brake.pulled)

    def detach(self) -> Incoming | None:
        return None

    def seal(self) -> None:
        pass

    def __iter__(self) -> Iterator[Piece]:
        self.open()
        started = time.perf_counter()
        for piece in self._answer or ():
            if self.first_piece_ms is None:
                self.first_piece_ms = (time.perf_counter() - started) * 1000
            yield piece

    def stop(self) -> None:
        self._brake.pull()

    def exchange(self) -> Exchange:
        return Exchange()

    def fields(self) -> dict[str, Any]:
        return {}
