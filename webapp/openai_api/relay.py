"""Asks a provider in a thread of its own, so that the thread that serves the client can watch it meanwhile.

A client that goes away frees the provider within a second, in any phase; a silent provider does not silence us.
"""

import select
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from webapp.core.errors import BusyError, JackfieldError
from webapp.core.runtime import runtime
from webapp.upstream.brake import Brake, Stopped
from webapp.upstream.failures import UpstreamError, failure

WATCH_SECONDS = 1.0  # how often somebody looks whether the client is still there
SLOW_SECONDS = 60.0  # for a client to take what was written for it
MOST_HELD = 65_536  # bytes that wait for a slow client; then the provider waits, too
# A peer that has closed; elsewhere than on Linux, only one whose connection is gone for both sides.
CLOSED = getattr(select, "POLLRDHUP", select.POLLHUP)

Result = TypeVar("Result")


class ClientGoneError(JackfieldError):
    """Nobody waits for the answer any more."""


class Client:
    """The program at the other end of a request. Under gunicorn its socket tells when it has gone."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self._poll = select.poll()
        if sock := environ.get("gunicorn.socket"):
            sock.settimeout(SLOW_SECONDS)
            self._poll.register(sock, CLOSED)

    @property
    def has_gone(self) -> bool:
        """Whether it closed the connection."""
        return bool(self._poll.poll(0))


class Errand(Generic[Result]):
    """One call to a provider. `work` runs in the background and may `say` bytes before it returns its result.

    Raises BusyError when no thread is free. `brake` belongs to the call; whoever loses interest calls `hang_up`.
    """

    def __init__(self, work: "Callable[[Errand[Result]], Result]", client: Client) -> None:
        self.brake = Brake()
        self._client = client
        self._closing = runtime().background.is_closing
        self._changed = threading.Condition()
        self._said: list[bytes] = []
        self._size = 0
        self._is_over = False
        self._error: UpstreamError | None = None
        self._result: Result | None = None
        runtime().background.start(self._run, work)

    def say(self, data: bytes) -> None:
        """Give bytes to the client; called by the work. Waits for a slow client. Raises Stopped when nobody listens."""
        with self._changed:
            self._changed.wait_for(lambda: self._size < MOST_HELD or self.brake.pulled.is_set())
            self.brake.check()
            self._said.append(data)
            self._size += len(data)
            self._changed.notify()

    def listen(self) -> bytes | None:
        """Return what was said since the last time, nothing after a second of silence, None at the end.

        Raises UpstreamError as the work did, ClientGoneError, and BusyError when this server closes.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._said or self._is_over, WATCH_SECONDS)
            data = b"".join(self._said)
            self._said.clear()
            self._size = 0
            self._changed.notify()
        if data:
            return data
        if self._is_over:
            if self._error:
                raise self._error
            return None
        if self._client.has_gone:
            raise ClientGoneError
        if self._closing.is_set():
            raise BusyError("The server is closing.")
        return b""

    def result(self) -> Result:
        """Wait for the end and return what the work returned. Raises what `listen` raises."""
        try:
            while self.listen() is not None:
                pass
        finally:
            self.hang_up()
        return self._result  # type: ignore[return-value]  # set whenever there is no error

    def hang_up(self) -> None:
        """End the call, if it is not over. May be called twice."""
        self.brake.pull()
        with self._changed:
            self._changed.notify()

    def _run(self, work: "Callable[[Errand[Result]], Result]") -> None:
        self._error = failure("server_error", "The call broke off.")  # should the work itself break
        try:
            self._result = work(self)
            self._error = None
        except UpstreamError as error:
            self._error = error
        except Stopped:
            pass  # nobody listens
        finally:
            with self._changed:
                self._is_over = True
                self._changed.notify()
