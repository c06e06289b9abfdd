"""A streamed answer on its way to a program: chunks as they come, signs of life in between, and how it ended.

On our own server the switchboard carries it, and no thread waits. Elsewhere, and for the demo, a thread does.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from webapp.core import clock
from webapp.core.handover import HandedOver, Parked, parking
from webapp.core.runtime import runtime
from webapp.openai_api.admitted import admitted
from webapp.openai_api.answer import Answer, event
from webapp.openai_api.client import Client
from webapp.openai_api.failures import told
from webapp.routing.asking import Asked
from webapp.upstream.incoming import Incoming
from webapp.upstream.messages import Piece
from webapp.upstream.streaming import AnswerStream
from webapp.upstream.switchboard import switchboard
from webapp.upstream.transport import pool
from webapp.usage.event import INCOMPLETE, INTERRUPTED, OK, STOPPED
from webapp.web.errors import openai_error_body

PING = b": ping\n\n"
PING_SECONDS = 5.0
END_OF_BODY = b"0\r\n\r\n"


class Streamed:
    """One answer whose head is there, and everything that is written around it."""

    def __init__(self, stream: AnswerStream, answer: Answer, call: Asked, token_id: int) -> None:
        self.stream, self.answer = stream, answer
        self._call, self._token_id = call, token_id
        self._is_closing = runtime().background.is_closing.is_set
        self._outcome = STOPPED
        self._rest = iter(stream)  # not begun: who hands the answer over never does
        self.is_away = False  # it is over, or the switchboard has it

    def first_here(self) -> list[Piece]:
        """Wait in this thread for the first piece. Raises UpstreamError when a failure came instead."""
        first = next(self._rest, None)
        if first is None and (error := self.stream.reply.error):
            raise error
        return [first] if first else []

    def rest_here(self) -> Iterator[Piece]:
        """Yield what comes after it."""
        return self._rest

    def pieces(self, pieces: list[Piece]) -> bytes:
        """Encode increments."""
        if pieces:
            self._call.note_first()
        return b"".join(map(self.answer.piece, pieces))

    def end(self) -> bytes:
        """Encode how it ended: a failure becomes an error event."""
        self.stream.seal()
        self._call.free_provider()  # a reader that is slow with the rest holds up nobody
        reply = self.stream.reply
        if reply.error:
            self._outcome = reply.error.category
            return event(told(reply.error, self._call.provider_name).body, "error")
        self._outcome = OK if reply.complete else INCOMPLETE
        return self.answer.closing(reply)

    def refusal(self) -> bytes:
        """Encode why it may not go on, or nothing when it may."""
        if self._is_closing():
            self._outcome = INTERRUPTED
            return event(openai_error_body(503, "This server is closing. Ask again.", "overloaded"), "error")
        if admitted.is_revoked(self._token_id):
            return event(openai_error_body(401, "This token does not hold any more.", "invalid_api_key"), "error")
        return b""

    def leave(self) -> None:
        """Note that it is over."""
        self.is_away = True
        admitted.leave(self._token_id)
        self._call.end(self._outcome, self.stream.reply)

    def abandon(self, incoming: Incoming | None) -> None:
        """Free the provider when the server is done with an answer that nobody took."""
        if self.is_away:
            return
        if incoming:
            if not incoming.is_over:  # else its connection is in the pool, or somebody else's by now
                incoming.stop()
                incoming.leave(pool)
        else:
            self.stream.stop()
            list(self._rest)
        self.leave()


@dataclass(frozen=True, slots=True)
class Begun:
    """An answer that has begun: what came first, and who brings the rest, if not this thread."""

    streamed: Streamed
    incoming: Incoming | None
    first: list[Piece]

    def events(self, client: Client) -> Iterator[bytes]:
        """Yield the encoded answer, as far as it is this thread's to tell."""
        if self.incoming:
            return self._handed_over(self.incoming, client)
        return self._told_here()

    def _told_here(self) -> Iterator[bytes]:
        streamed = self.streamed
        yield streamed.answer.opening() + streamed.pieces(self.first)
        for piece in streamed.rest_here():
            if last := streamed.refusal():
                yield last
                return
            yield streamed.pieces([piece])
        yield streamed.end()
        streamed.leave()

    def _handed_over(self, incoming: Incoming, client: Client) -> Iterator[bytes]:
        """Tell what is there already, then give provider and reader to the switchboard."""
        streamed = self.streamed
        begun = streamed.answer.opening() + streamed.pieces(self.first)
        if incoming.is_over:
            yield begun + streamed.end()
            streamed.leave()
            return
        yield begun
        streamed.is_away = True
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
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""  # an empty one would end the body
