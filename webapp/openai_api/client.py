"""The program at the other end of a request, as far as its socket tells."""

import select
from typing import Any

from webapp.core.handover import parking

# A peer that has closed; elsewhere than on Linux, only one whose connection is gone for both sides.
CLOSED = getattr(select, "POLLRDHUP", select.POLLHUP)


class Client:
    """Who asked. Under gunicorn its socket tells when it has gone, and can be taken along by a stream."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self.sock: Any = environ.get("gunicorn.socket")
        self.may_stay = environ.get("HTTP_CONNECTION", "").lower() != "close"
        self._is_chunked = environ.get("SERVER_PROTOCOL") == "HTTP/1.1"
        self._poll = select.poll()
        if self.sock:
            self._poll.register(self.sock, CLOSED)

    @property
    def can_be_carried(self) -> bool:
        """Whether a stream may take its connection along."""
        return parking.is_open and self._is_chunked and self.sock is not None

    def has_gone(self) -> bool:
        """Whether it closed the connection."""
        return bool(self._poll.poll(0))
