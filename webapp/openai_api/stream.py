"""A streamed answer on its way to a program: chunks as they come, signs of life in between, and how it ended.

On our own server the switchboard carries it, and no thread waits. Elsewhere, and for the demo, a thread does.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from webapp.core import clock
from webapp.core.handover import HandedOver, Parked, parking
from webapp.openai_api.admitted import admitted
from webapp.openai_api.answer import Answer, event
from webapp.openai_api.client import Client
from webapp.openai_api.failures import told
from webapp.upstream.failures import UpstreamError
from webapp.upstream.incoming import Incoming
from webapp.upstream.messages import Piece
from webapp.upstream.streaming import AnswerStream
from webapp.upstream.switchboard import switchboard
from webapp.web.errors import openai_error_body

PING = b": ping\n\n"
PING_SECONDS = 5.0
END_OF_BODY = b"0\r\n\r\n"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Streamed:
    """One answer whose head is there, and everything that is written around it."""

    stream: AnswerStream
    answer: Answer
    provider: str
    token_id: int
    is_closing: Callable[[], bool]
    outcome: str = "client gone"

    def pieces(self, pieces: list[Piece]) -> bytes:
        """Encode increments."""
        return b"".join(map(self.answer.piece, pieces))

    def end(self) -> bytes:
        """Encode how it ended: a failure becomes an error event."""
        self.stream.seal()
        if error := self.stream.reply.error:
            return self.failure(error)
        self.outcome = "done"
        return self.answer.closing(self.stream.reply)

    def failure(self, error: UpstreamError) -> bytes:
        """Encode a failure of the provider."""
        self.outcome = error.category
        return event(told(error, self.provider).body, "error")

    def refusal(self) -> bytes:
        """Encode why it may not go on, or nothing when it may."""
        if self.is_closing():
            self.outcome = "server closing"
            return event(openai_error_body(503, "This server is closing. Ask again.", "overloaded"), "error")
        if admitted.is_revoked(self.token_id):
            self.outcome = "token revoked"
            return event(openai_error_body(401, "This token does not hold any more.", "invalid_api_key"), "error")
        return b""

    def leave(self) -> None:
        """Note that it is over."""
        admitted.leave(self.token_id)
        log.info("stream ended", extra={"provider": self.provider, "outcome": self.outcome})


def told_here(streamed: Streamed) -> Iterator[bytes]:
    """Yield the encoded answer from this thread, which waits for the provider."""
    try:
        yield streamed.answer.opening()
        for piece in streamed.stream:
            if last := streamed.refusal():
                yield last
                return
            yield streamed.answer.piece(piece)
        yield streamed.end()
    finally:
        streamed.leave()


def handed_over(streamed: Streamed, incoming: Incoming, first: list[Piece], client: Client) -> Iterator[bytes]:
    """Yield what is there already, then give provider and reader to the switchboard."""
    begun = streamed.answer.opening() + streamed.pieces(first)
    if incoming.is_over:
        yield begun + streamed.end()
        streamed.leave()
        return
    yield begun
    switchboard.carry(incoming, _Carried(streamed, client))
    raise HandedOver


class _Carried:
    """The reader at the end of a line; its body is chunked as the server began it."""

    def __init__(self, streamed: Streamed, client: Client) -> None:
        self.sock = client.sock
        self._streamed, self._client = streamed, client
        self._parked: Parked = parking.park(client.sock)
        self._ping_at = clock.monotonic() + PING_SECONDS
        self._last = b""

    @property
    def has_gone(self) -> bool:
        return self._client.has_gone()

    def encode(self, pieces: list[Piece]) -> bytes:
        self._ping_at = clock.monotonic() + PING_SECONDS
        return _chunk(self._streamed.pieces(pieces))

    def look(self, now: float) -> bytes | None:
        self._last = self._streamed.refusal()
        if self._last:
            return None
        if now < self._ping_at:
            return b""
        self._ping_at = now + PING_SECONDS
        return _chunk(PING)

    def close(self) -> bytes:
        return _chunk(self._last or self._streamed.end()) + END_OF_BODY

    def leave(self, is_whole: bool) -> None:
        self._streamed.leave()
        self._parked.give_back(is_whole and self._client.may_stay)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
