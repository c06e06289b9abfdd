"""One HTTP answer while it is read: clocks and caps hold on every byte, and Stop works during every wait."""

import http.client
import io
import socket
import time

from webapp.upstream.brake import Brake, Fault, Stopped
from webapp.upstream.connection import Link
from webapp.upstream.pool import Pool
from webapp.upstream.target import Limits

READ_BYTES = 16_384  # one TLS record; also what an open stream costs in memory
DRAIN_SECONDS = 0.05  # for the end of a chunked body after the last event, so that the connection can be kept

_OVERDUE = {
    "first_byte": "No answer in {:.3g} s.",
    "idle": "No data for {:.3g} s.",
    "progress": "No content for {:.3g} s, only signs of life.",
    "total": "The time for the whole call is over ({:.3g} s).",
}


class Overdue(Fault):
    """A clock ran out; `clock` says which."""

    def __init__(self, clock: str, seconds: float) -> None:
        text = _OVERDUE.get(clock, "Too late after {:.3g} s.").format(seconds)
        super().__init__("timeout", text, "raise_timeout" if clock == "first_byte" else None)
        self.clock = clock


class Answer:
    """Status and headers of an answer whose body is still to be read. All errors are Fault or Stopped."""

    def __init__(self, link: Link, method: str, brake: Brake, limits: Limits, seconds: float, cap: int) -> None:
        """Read the head. `seconds` limit the rest of the call, `cap` (bytes) everything that is received."""
        self._link, self._brake, self._idle_seconds = link, brake, limits.idle_seconds
        self._intake = _Intake(link.sock, limits.first_byte_seconds, cap)
        self._response = http.client.HTTPResponse(self._intake, method=method)  # type: ignore[arg-type]
        self._is_whole = self._is_body_begun = False
        self.limit("total", min(seconds, brake.deadline - time.monotonic()))
        try:
            self._response.begin()
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._intake.is_over = True
            raise self._fault(error) from error
        self.status = self._response.status
        self.headers = {name.lower(): value for name, value in self._response.getheaders()}
        self.reason = self._response.reason
        self.is_encoded = self.headers.get("content-encoding", "identity").lower() not in ("", "identity")

    def limit(self, clock: str, seconds: float) -> None:
        """Set a clock: reading raises Overdue when it runs out, whatever arrives until then."""
        self._intake.clocks[clock] = (time.monotonic() + seconds, seconds)

    def read(self) -> bytes:
        """Return what has arrived, waiting for at least a byte; empty at the proper end of the body."""
        try:
            data = self._response.read1(READ_BYTES)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._fault(error) from error
        if self._brake.pulled.is_set():
            raise Stopped
        if not data:
            if self._response.length:
                raise Fault("stream_cut", "The connection was closed in the middle of the answer.")
            self._is_whole = True
        elif not self._is_body_begun:
            self._is_body_begun = True
            self._intake.silence = ("idle", self._idle_seconds)
        return data

    def read_all(self) -> bytes:
        """Return the rest of the body."""
        return b"".join(iter(self.read, b""))

    def settle(self, pool: Pool) -> None:
        """Give the connection to the pool when the end of the answer is at hand, else close it. Call it once."""
        try:
            self.limit("drain", DRAIN_SECONDS)
            while not self._is_whole and not self._response.will_close and self.read():
                pass
            self._response.close()
        except (Fault, Stopped):
            self._is_whole = False
        self._brake.release()
        if (
            self._is_whole
            and not self._response.will_close
            and not self._intake.has_leftover
            and not self._brake.pulled.is_set()
        ):
            pool.put(self._link)
        else:
            self.close()

    def close(self) -> None:
        """Close the connection; the far end sees it at once."""
        self._brake.release()
        self._intake.is_over = True
        self._response.close()
        self._link.sock.close()

    def _fault(self, error: Exception) -> Exception:
        """What a failed read means. The brake comes first: shutting the socket down looks like a broken line."""
        if self._brake.pulled.is_set():
            return Stopped()
        if isinstance(error, _Clock):
            return Overdue(error.name, error.seconds)
        if isinstance(error, _Full):
            return Fault("too_large", str(error))
        if isinstance(error, http.client.RemoteDisconnected):
            return Fault("stream_cut", "The server closed the connection without an answer.")
        if isinstance(error, http.client.BadStatusLine):
            return Fault("bad_response", "The answer is not HTTP.", "fix_base_url")
        if isinstance(error, OSError | http.client.IncompleteRead):
            return Fault("stream_cut", f"The connection broke: {error}.")
        return Fault("bad_response", f"The answer is not proper HTTP: {error}")


class _Clock(TimeoutError):
    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(name)
        self.name, self.seconds = name, seconds


class _Full(OSError):
    pass


class _Intake(io.RawIOBase):
    """The socket as `http.client` reads it. It outlives the reader that is made of it."""

    def __init__(self, sock: socket.socket, first_byte_seconds: float, cap: int) -> None:
        self.clocks: dict[str, tuple[float, float]] = {}  # name: (monotonic seconds, as they were set)
        self.silence = ("first_byte", first_byte_seconds)
        self.has_leftover = False
        self.is_over = False
        self._sock, self._room, self._cap = sock, cap, cap
        self._timeout: float | None = None

    def makefile(self, _mode: str) -> io.BufferedReader:
        return _Reader(self, READ_BYTES)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self.is_over:
            return 0
        name, wait = self.silence
        seconds = wait
        now = time.monotonic()
        for clock, (moment, set_to) in self.clocks.items():
            if moment - now < wait:
                name, wait, seconds = clock, moment - now, set_to
        if wait <= 0:
            raise _Clock(name, seconds)
        if wait != self._timeout:
            self._sock.settimeout(wait)
            self._timeout = wait
        try:
            count = self._sock.recv_into(buffer)
        except TimeoutError:
            raise _Clock(name, seconds) from None
        self._room -= count
        if self._room < 0:
            raise _Full(f"The answer is larger than {self._cap} bytes.")
        return count


class _Reader(io.BufferedReader):
    """Tells its socket whether bytes were left that belong to no answer: such a connection is not used again."""

    def close(self) -> None:
        intake = self.raw
        if isinstance(intake, _Intake) and not intake.is_over:
            intake.is_over = True
            intake.has_leftover = bool(self.peek())
        super().close()
