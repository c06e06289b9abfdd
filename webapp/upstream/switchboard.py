"""One thread that carries many streamed answers from their providers to their readers, and watches who still waits.

A thread for each stream holds a few hundred; this holds thousands. What is carried is given by `carry`, once the head
of the answer is there; a call that still waits in its own thread is watched by `watching`.
"""

import contextlib
import logging
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

from webapp.upstream.brake import Brake
from webapp.upstream.incoming import Incoming
from webapp.upstream.messages import Piece
from webapp.upstream.transport import pool

MANY, PAUSE_SECONDS = 256, 0.001  # lines whose pieces are gathered for a moment: one round costs less than twenty
LOOK_SECONDS = 0.25  # how often clocks are looked at
LEFT_SECONDS = 0.5  # how often somebody looks whether the readers are still there
REST_SECONDS = 2.0  # without work, before the thread sleeps until it is called
SLOW_SECONDS = 60.0  # for a reader to take what was written for it
MOST_HELD = 65_536  # bytes that wait for a slow reader; then the provider waits, too

log = logging.getLogger(__name__)


class Reader(Protocol):
    """Who an answer is carried to. All of it is called by the one thread: nothing here may wait."""

    sock: socket.socket

    @property
    def has_gone(self) -> bool:
        """Whether it closed the connection."""

    def encode(self, pieces: list[Piece]) -> bytes:
        """Return what to write for these pieces."""

    def look(self, now: float) -> bytes | None:
        """Return what else there is to write (a sign of life), or None when the answer must end here."""

    def close(self) -> bytes:
        """Return the last bytes; the answer is over."""

    def leave(self, is_whole: bool) -> None:
        """The line is free. Its socket may be used for something else if all that was written was taken."""


class Line:
    """One answer on its way."""

    def __init__(self, incoming: Incoming, reader: Reader) -> None:
        self.incoming, self.reader = incoming, reader
        self.held = b""  # bytes that the reader has not taken yet
        self.held_since = 0.0
        # The last bytes were said; the provider is free again; the reader is.
        self.is_closing = self.has_left = self.is_read = False

    @property
    def is_jammed(self) -> bool:
        """Whether the provider has to wait for the reader."""
        return len(self.held) > MOST_HELD


class Switchboard:
    """The lines and their thread, which runs from the first line on. Fit to be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._waiting: dict[Brake, Callable[[], bool]] = {}
        self._new: deque[Line] = deque()
        self._lines: set[Line] = set()
        self._selector = selectors.DefaultSelector()
        self._bell, self._ear = socket.socketpair()
        for end in (self._bell, self._ear):
            end.setblocking(False)
        self._selector.register(self._ear, selectors.EVENT_READ)
        self._is_asleep = True

    def carry(self, incoming: Incoming, reader: Reader) -> None:
        """Take over an answer and the socket of its reader."""
        reader.sock.setblocking(False)
        self._new.append(Line(incoming, reader))
        self._wake()

    @contextlib.contextmanager
    def watching(self, has_gone: Callable[[], bool]) -> Iterator[Brake]:
        """Yield a brake that is pulled within a second when the one who waits for the call has gone."""
        brake = Brake()
        self._waiting[brake] = has_gone
        if self._is_asleep:
            self._wake()
        try:
            yield brake
        finally:
            del self._waiting[brake]

    def _wake(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="switchboard", daemon=True)
                self._thread.start()
        with contextlib.suppress(BlockingIOError):
            self._bell.send(b"!")

    def _run(self) -> None:
        looked = left = worked = time.monotonic()
        while True:
            now = time.monotonic()
            if self._lines or self._new or self._waiting:
                worked = now
            if len(self._lines) > MANY:
                time.sleep(PAUSE_SECONDS)
            self._is_asleep = now - worked > REST_SECONDS
            ready = self._selector.select(None if self._is_asleep and not self._waiting else LOOK_SECONDS)
            self._is_asleep = False
            for key, events in ready:
                if key.data is None:
                    self._answer_bell()
                else:
                    self._guarded(self._move, key.data, events)
            now = time.monotonic()
            if now - looked >= LOOK_SECONDS:
                looked = now
                for line in list(self._lines):
                    self._guarded(self._look, line, now)
            if now - left >= LEFT_SECONDS:
                left = now
                self._look_who_left()

    def _answer_bell(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._ear.recv(4096)
        while self._new:
            line = self._new.popleft()
            self._lines.add(line)
            self._guarded(lambda line: self._selector.register(line.incoming.sock, selectors.EVENT_READ, line), line)
            self._guarded(self._move, line, selectors.EVENT_READ)

    def _guarded(self, step: Callable[..., object], line: Line, *more: object) -> None:
        """A line whose step breaks is cut; the others go on."""
        try:
            step(line, *more)
        except Exception:
            log.exception("A line of the switchboard broke")
            self._drop(line)

    def _move(self, line: Line, events: int) -> None:
        if line not in self._lines:
            return  # it ended earlier in this round
        if events & selectors.EVENT_WRITE and line.held:
            self._write(line, b"")
        if events & selectors.EVENT_READ and not line.has_left:
            self._pass_on(line, line.incoming.read())

    def _pass_on(self, line: Line, pieces: list[Piece]) -> None:
        data = line.reader.encode(pieces) if pieces and not line.is_closing else b""
        if line.incoming.is_over:
            if not line.is_closing:
                line.is_closing = True
                data += line.reader.close()
            self._leave_provider(line)
        if data and not line.is_read:
            self._write(line, data)

    def _write(self, line: Line, data: bytes) -> None:
        was_jammed, was_held = line.is_jammed, bool(line.held)
        data = line.held + data if line.held else data
        try:
            count = line.reader.sock.send(data)
        except BlockingIOError:
            count = 0
        except OSError:
            self._drop(line)
            return
        line.held = data[count:]
        if line.held and (count or not was_held):
            line.held_since = time.monotonic()
        if line.held and not was_held:
            self._selector.register(line.reader.sock, selectors.EVENT_WRITE, line)
        elif was_held and not line.held:
            self._forget(line.reader.sock)
        if line.is_jammed != was_jammed and not line.has_left:
            if line.is_jammed:
                self._forget(line.incoming.sock)
            else:
                self._selector.register(line.incoming.sock, selectors.EVENT_READ, line)
        if line.is_closing and not line.held:
            self._leave_reader(line, is_whole=True)

    def _look(self, line: Line, now: float) -> None:
        if line.is_closing:
            self._leave_provider(line)
        else:
            self._pass_on(line, line.incoming.look_at_clocks(now, line.is_jammed))
        if line.held and now - line.held_since > SLOW_SECONDS:
            self._drop(line)
        elif not line.is_closing:
            said = line.reader.look(now)
            if said is None:
                self._pass_on(line, line.incoming.stop())
            elif said and not line.held:
                self._write(line, said)

    def _look_who_left(self) -> None:
        for line in list(self._lines):
            if not line.is_read and line.reader.has_gone:
                self._drop(line)
        for brake, has_gone in list(self._waiting.items()):
            if has_gone():
                brake.pull()

    def _leave_provider(self, line: Line, *, at_once: bool = False) -> None:
        if not line.has_left and (at_once or line.incoming.may_leave):
            line.has_left = True
            self._forget(line.incoming.sock)  # before somebody else gets it from the pool
            line.incoming.leave(pool)
            if line.is_read:
                self._lines.discard(line)

    def _leave_reader(self, line: Line, *, is_whole: bool) -> None:
        if not line.is_read:
            line.is_read = True
            self._forget(line.reader.sock)
            line.reader.leave(is_whole)
            if line.has_left:
                self._lines.discard(line)

    def _drop(self, line: Line) -> None:
        """Free both sides now."""
        if not line.incoming.is_over:
            line.incoming.stop()
        line.is_closing = True
        self._leave_provider(line, at_once=True)
        self._leave_reader(line, is_whole=False)

    def _forget(self, sock: socket.socket) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(sock)


# One for the process: sockets are what it carries, and a thread is what it saves. It has a lock of its own.
switchboard = Switchboard()
