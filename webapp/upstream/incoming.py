"""An answer whose head is there, read further without waiting: what the switchboard carries instead of a thread."""

import functools
import select
import ssl
import time
from collections.abc import Callable
from dataclasses import replace

from webapp.upstream.answer import READ_BYTES, Answer, Overdue
from webapp.upstream.brake import Brake, Fault, Stopped
from webapp.upstream.connection import shut
from webapp.upstream.dialects import AnswerDecoder
from webapp.upstream.messages import Piece
from webapp.upstream.pool import Pool
from webapp.upstream.redact import remove
from webapp.upstream.target import Limits

DRAIN_SECONDS = 0.05  # for the end of the body after the last event, so that the connection can be kept


class Incoming:
    """The rest of an answer. `read` when the socket is readable, `look_at_clocks` now and then, until `is_over`.

    A fault ends the answer through the decoder, so all of it stands in the reply. `leave` at the end, in any case:
    at once, or when it `may_leave`, so that the connection can be used again.
    """

    def __init__(
        self,
        answer: Answer,
        decoder: AnswerDecoder,
        limits: Limits,
        spellings: tuple[str, ...],
        fail: Callable[[Fault], list[Piece]],
    ) -> None:
        self.link, self._body, came, self._is_reusable = answer.detach()
        self._came: bytes | None = came
        self.sock = self.link.sock
        self.sock.setblocking(False)
        self._decoder, self._limits, self._spellings, self._fail = decoder, limits, spellings, fail
        self._room = limits.stream_bytes
        self._began = self._silent_since = self._progress_at = time.monotonic()
        self._silence_seconds = limits.first_byte_seconds
        self._progress = -1
        self._finished_at: float | None = None
        self._left_at: float | None = None
        self._is_broken = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be said."""
        return self._decoder.ended

    def wait(self, seconds: float, brake: Brake) -> list[Piece]:
        """Wait for the first pieces or the end, in a thread that has the time. Raises Stopped."""
        until = time.monotonic() + seconds
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        try:
            brake.hold(functools.partial(shut, self.sock))
            pieces = self._begin()
            while not pieces and not self.is_over and (left := until - time.monotonic()) > 0:
                poll.poll(left * 1000)
                brake.check()
                pieces = self.read()
        except Stopped:
            self.sock.close()
            raise
        brake.release()
        return pieces

    def read(self) -> list[Piece]:
        """Decode what has arrived; nothing when the socket is not readable after all."""
        pieces = self._begin()
        while not self._is_broken:
            try:
                data = self.sock.recv(READ_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError):
                break
            except OSError as error:
                return pieces + self._broken(Fault("stream_cut", f"The connection broke: {error}."))
            pieces += self._take(data) if data else self._ended()
            # What TLS holds back does not make the socket readable again; more than that would starve other lines.
            if not data or not (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()):
                break
        return pieces

    def look_at_clocks(self, now: float, is_held: bool = False) -> list[Piece]:
        """End what has waited too long; while the provider is held up by a slow reader, what took too long at all."""
        limits = self._limits
        if self._decoder.ended:
            return []
        if self._finished_at is not None and now - self._finished_at >= limits.grace_seconds:
            return self._decoder.grace_over()
        for clock, since, seconds in (
            ("idle", self._silent_since, self._silence_seconds),
            ("progress", self._progress_at, limits.progress_seconds),
            ("total", self._began, limits.total_seconds),
        ):
            if now - since >= seconds and (clock == "total" or not is_held):
                return self._broken(Overdue(clock, seconds))
        return []

    def stop(self) -> list[Piece]:
        """End it: nobody listens any more."""
        self._is_broken = True
        return self._decoder.stop()

    @property
    def may_leave(self) -> bool:
        """Whether the end of the body is there, or not worth waiting for any longer."""
        if self._body.is_whole or self._is_broken or not self._is_reusable:
            return True
        self._left_at = self._left_at or time.monotonic()
        return time.monotonic() - self._left_at >= DRAIN_SECONDS

    def leave(self, pool: Pool) -> None:
        """Give the connection to the pool if it can be used again, else close it."""
        is_spoilt = self._is_broken or self._body.has_leftover
        if self._decoder.ended and self._body.is_whole and self._is_reusable and not is_spoilt:
            pool.put(self.link)
        else:
            self.sock.close()

    def _begin(self) -> list[Piece]:
        """Decode what came together with the head, once."""
        came, self._came = self._came, None
        return self._take(came) if came or (came is not None and self._body.is_whole) else []

    def _take(self, data: bytes) -> list[Piece]:
        now = time.monotonic()
        self._silent_since, self._silence_seconds = now, self._limits.idle_seconds
        self._room -= len(data)
        decoder = self._decoder
        try:
            if self._room < 0:
                raise Fault("too_large", f"The answer is larger than {self._limits.stream_bytes} bytes.")
            body = self._body.feed(data)
        except Fault as fault:
            return self._broken(fault)
        pieces = decoder.feed(body) if body else []
        if decoder.progress != self._progress:
            self._progress, self._progress_at = decoder.progress, now
        if decoder.finished and self._finished_at is None:
            self._finished_at = now
        if self._body.is_whole and not decoder.ended:
            pieces += decoder.close()
        return self._clean(pieces)

    def _ended(self) -> list[Piece]:
        """The far end closed the connection."""
        self._is_reusable = False
        try:
            self._body.close()
        except Fault as fault:
            return self._broken(fault)
        return self._clean(self._decoder.close())

    def _broken(self, fault: Fault) -> list[Piece]:
        self._is_broken = True
        return self._clean(self._fail(fault))

    def _clean(self, pieces: list[Piece]) -> list[Piece]:
        if not self._spellings:
            return pieces
        return [
            piece if (text := remove(piece.text, self._spellings)) is piece.text else replace(piece, text=text)
            for piece in pieces
        ]
