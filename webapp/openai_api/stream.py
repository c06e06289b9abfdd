"""A streamed answer on its way to a program: chunks as they come, signs of life in between, and how it ended."""

import logging
from collections.abc import Callable, Iterator

from webapp.core import clock
from webapp.core.errors import BusyError
from webapp.openai_api.answer import Answer, event
from webapp.openai_api.failures import told
from webapp.openai_api.relay import Client, ClientGoneError, Errand
from webapp.openai_api.schema import RequestError
from webapp.upstream import stream
from webapp.upstream.failures import UpstreamError
from webapp.upstream.messages import ChatRequest, Reply
from webapp.upstream.target import Target
from webapp.web.errors import openai_error_body

PING = b": ping\n\n"
PING_SECONDS = 5.0
CHECK_SECONDS = 15.0  # how often somebody looks whether the token still holds

log = logging.getLogger(__name__)


class StreamedAnswer:
    """One answer. `begin` first: what fails before the first piece can still be told by a status."""

    def __init__(self, target: Target, request: ChatRequest, answer: Answer, client: Client) -> None:
        self.is_repaired = False
        self._target, self._request, self._answer = target, request, answer
        self._is_open = False
        self._first: bytes | None = b""
        self._errand = Errand(self._tell, client)

    def begin(self) -> None:
        """Wait for the head of the answer and, for a few seconds, its first piece. Raises as `Errand.listen` does."""
        patience = clock.monotonic() + PING_SECONDS
        while self._first == b"" and not (self._is_open and clock.monotonic() > patience):
            self._first = self._errand.listen()

    def events(self, provider: str, may_go_on: Callable[[], bool]) -> Iterator[bytes]:
        """Yield the encoded answer; `may_go_on` is asked now and then. A failure becomes an error event."""
        outcome = "client gone"
        try:
            yield self._answer.opening() + (self._first or b"")
            if self._first is not None:
                yield from self._rest(may_go_on)
            outcome = "done"
        except BusyError:
            outcome = "server closing"
            yield event(openai_error_body(503, "This server is closing. Ask again.", "overloaded"), "error")
        except RequestError as error:
            outcome = str(error.code)
            yield event(openai_error_body(error.status, str(error), error.code), "error")
        except UpstreamError as error:
            outcome = error.category
            yield event(told(error, provider).body, "error")
        except ClientGoneError:
            pass
        finally:
            log.info("stream ended", extra={"provider": provider, "outcome": outcome})

    def hang_up(self) -> None:
        """Free the provider."""
        self._errand.hang_up()

    def _rest(self, may_go_on: Callable[[], bool]) -> Iterator[bytes]:
        ping_at = clock.monotonic() + PING_SECONDS
        check_at = clock.monotonic() + CHECK_SECONDS
        while (data := self._errand.listen()) is not None:
            now = clock.monotonic()
            if now >= check_at:
                if not may_go_on():
                    raise RequestError("This token does not hold any more.", code="invalid_api_key", status=401)
                check_at = now + CHECK_SECONDS
            if data or now >= ping_at:
                yield data or PING
                ping_at = now + PING_SECONDS

    def _tell(self, errand: Errand[Reply]) -> Reply:
        """The work: read the provider and encode what it says."""
        answer, written = stream(self._target, self._request, errand.brake), self._answer
        answer.open()
        self.is_repaired = "repair" in answer.reply.details
        self._is_open = True
        for piece in answer:
            errand.say(written.piece(piece))
        reply = answer.reply
        if reply.error:
            raise reply.error
        errand.say(written.closing(reply))
        return reply
