"""A connection that outlives its request: a stream takes it along, the server gets it back when that has ended.

The server, not the app, keeps connections; gunicorn's worker in serving.py is what makes use of this.
"""

import errno
import threading
from collections.abc import Callable


class HandedOver(BrokenPipeError):
    """Raised by a response that has given its connection away. To a server it is a reader that went, so it is quiet."""

    def __init__(self) -> None:
        super().__init__(errno.EPIPE, "The connection was handed over")


class Parked:
    """One connection that is away."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_reusable: bool | None = None
        self._then: Callable[[bool], None] | None = None

    def give_back(self, is_reusable: bool) -> None:
        """Return the connection: for the next request, or to be closed."""
        with self._lock:
            self._is_reusable, then = is_reusable, self._then
        if then:
            then(is_reusable)

    def when_back(self, then: Callable[[bool], None]) -> None:
        """Have `then` called once, by whoever gives it back, or now."""
        with self._lock:
            self._then = then
            is_back = self._is_reusable
        if is_back is not None:
            then(is_back)


class Parking:
    """The connections that are away, by socket, until the server has taken note."""

    def __init__(self) -> None:
        self.is_open = False  # whether the server knows how to take them back
        self._parked: dict[object, Parked] = {}

    def park(self, sock: object) -> Parked:
        """Say that this connection leaves its request; raise HandedOver in the response after that."""
        parked = self._parked[sock] = Parked()
        return parked

    def noted(self, sock: object) -> Parked | None:
        """Tell the server whether a request left its connection here."""
        return self._parked.pop(sock, None)


parking = Parking()  # of this process's server; its entries are added and taken by one thread each
