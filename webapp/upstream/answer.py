"""One HTTP answer while it is read: clocks and caps hold on every byte, and Stop works during every wait."""

import time

from webapp.upstream.body import Body
from webapp.upstream.brake import Brake, Fault, Stopped
from webapp.upstream.connection import Link
from webapp.upstream.http_head import HttpHead, split_head
from webapp.upstream.pool import Pool
from webapp.upstream.target import Limits

READ_BYTES = 16_384  # one TLS record; also what an open stream costs in memory
DRAIN_SECONDS = 0.05  # for the end of a chunked body after the last event, so that the connection can be kept
BEGINNING = b"HTTP/1."
MOST_INTERIM = 20  # heads before the real one

_OVERDUE = {
    "first_byte": "No answer in {:.3g} s.",
    "idle": "No data for {:.3g} s.",
    "progress": "No content for {:.3g} s, only signs of life.",
    "total": "The time for the whole call is over ({:.3g} s).",
}
PATIENCE = ("first_byte", "idle", "progress")  # what a provider's limits (webapp/providers/limits.py) can make longer


class Overdue(Fault):
    """A clock ran out; `clock` says which."""

    def __init__(self, clock: str, seconds: float) -> None:
        text = _OVERDUE.get(clock, "Too late after {:.3g} s.").format(seconds)
        super().__init__("timeout", text, "raise_timeout" if clock in PATIENCE else None)
        self.clock = clock


class Answer:
    """Status and headers of an answer whose body is still to be read. All errors are Fault or Stopped."""

    def __init__(self, link: Link, brake: Brake, limits: Limits, seconds: float, cap: int) -> None:
        """Read the head. `seconds` limit the rest of the call, `cap` (bytes) everything that is received."""
        self._link, self._brake, self._idle_seconds = link, brake, limits.idle_seconds
        self._clocks: dict[str, tuple[float, float]] = {}  # name: (monotonic seconds, as they were set)
        self._silence = ("first_byte", limits.first_byte_seconds)
        self._timeout: float | None = None
        self._room, self._cap = cap, cap
        self.limit("total", min(seconds, brake.deadline - time.monotonic()))
        self.limit("first_byte", limits.first_byte_seconds)  # for the whole head, even if it drips in
        head, self._came = self._read_head()
        del self._clocks["first_byte"]
        self._body = Body(head.is_chunked, head.length)
        self._is_reusable = head.is_persistent
        self.status, self.reason, self.headers = head.status, head.reason, head.headers
        self.is_encoded = head.headers.get("content-encoding", "identity").lower() not in ("", "identity")

    def limit(self, clock: str, seconds: float) -> None:
        """Set a clock: reading raises Overdue when it runs out, whatever arrives until then."""
        self._clocks[clock] = (time.monotonic() + seconds, seconds)

    def read(self) -> bytes:
        """Return what has arrived, waiting for at least a byte; empty at the proper end of the body."""
        while not self._body.is_whole:
            data, self._came = self._came or self._receive(), b""
            if self._brake.pulled.is_set():
                raise Stopped
            self._silence = ("idle", self._idle_seconds)
            if not data:
                self._is_reusable = False
                self._body.close()
            elif part := self._body.feed(data):
                return part
        return b""

    def read_all(self) -> bytes:
        """Return the rest of the body."""
        return b"".join(iter(self.read, b""))

    def settle(self, pool: Pool) -> None:
        """Give the connection to the pool when the end of the answer is at hand, else close it. Call it once."""
        try:
            self.limit("drain", DRAIN_SECONDS)
            while self._is_reusable and self.read():
                pass
        except (Fault, Stopped):
            self._is_reusable = False
        self._brake.release()
        if self._is_reusable and not self._has_leftover and not self._brake.pulled.is_set():
            pool.put(self._link)
        else:
            self.close()

    def detach(self) -> tuple[Link, Body, bytes, bool]:
        """Give up the connection to a reader that does not wait.

        Return it with how its body is framed, what came already, and whether it may be used again afterwards.
        """
        self._brake.release()
        return self._link, self._body, self._came, self._is_reusable

    def close(self) -> None:
        """Close the connection; the far end sees it at once."""
        self._brake.release()
        self._link.sock.close()

    @property
    def _has_leftover(self) -> bool:
        """Whether bytes came that belong to no answer: such a connection is not used again."""
        return self._body.has_leftover or bool(self._came)

    def _read_head(self) -> tuple[HttpHead, bytes]:
        came = b""
        for _ in range(MOST_INTERIM + 1):
            searched = 0
            while (parts := split_head(came, searched)) is None:
                searched = len(came)
                data = self._receive()
                if not data:
                    if came:
                        raise Fault("bad_response", "The answer is not HTTP.", "fix_base_url")
                    raise Fault("stream_cut", "The server closed the connection without an answer.")
                came += data
                if not BEGINNING.startswith(came[: len(BEGINNING)]):
                    raise Fault("bad_response", "The answer is not HTTP.", "fix_base_url")
            head = HttpHead.parse(parts[0])
            if not head.is_interim:
                return head, parts[1]
            came = parts[1]
        raise Fault("bad_response", f"The answer did not come after {MOST_INTERIM} interim ones.")

    def _receive(self) -> bytes:
        name, wait = self._silence
        seconds = wait
        now = time.monotonic()
        for clock, (moment, set_to) in self._clocks.items():
            if moment - now < wait:
                name, wait, seconds = clock, moment - now, set_to
        if wait <= 0:
            raise Overdue(name, seconds)
        if wait != self._timeout:
            self._link.sock.settimeout(wait)
            self._timeout = wait
        try:
            data = self._link.sock.recv(READ_BYTES)
        except TimeoutError:
            raise (Stopped() if self._brake.pulled.is_set() else Overdue(name, seconds)) from None
        except OSError as error:
            self._brake.check()  # shutting the socket down looks like a broken line
            raise Fault("stream_cut", f"The connection broke: {error}.") from error
        self._brake.check()
        self._room -= len(data)
        if self._room < 0:
            raise Fault("too_large", f"The answer is larger than {self._cap} bytes.")
        return data
