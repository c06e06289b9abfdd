"""Lenient decoder of event streams: bytes in, JSON frames out. It also takes JSON lines and a whole JSON body.

A data line that is complete JSON is a frame at once, so servers that forget the blank line lose nothing and wait for
nothing. The rules, and who needs them: streams_contract and the streams in tests/upstream/corpus/index.json.
"""

from collections.abc import Iterator
from enum import Enum
from typing import Any, NamedTuple

from webapp.upstream.failures import failure
from webapp.upstream.shapes import BOM, loads
from webapp.upstream.target import Limits

DONE_TEXT = b"[DONE]"
CONTAINERS = (dict, list)
HEARTBEATS = frozenset({"ping", "keepalive", "keep-alive", "heartbeat"})


class Mark(Enum):
    """Frames that are not JSON."""

    DONE = "done"
    BROKEN = "broken"


class Frame(NamedTuple):
    """One frame: event name ("" if none), object, array or Mark, and whether it came without `data:`."""

    event: str
    data: dict[str, Any] | list[Any] | Mark
    is_bare: bool = False


class FrameDecoder:
    """Cuts a byte stream into frames. Raises UpstreamError(too_large) when one line or event passes the limit."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._tail: list[bytes] = []  # the unfinished line
        self._tail_size = 0
        self._held: list[bytes] = []  # lines of an unfinished event
        self._held_size = 0
        self._held_is_bare = False
        self._event = ""
        self._after_cr = False
        self._is_fresh = True

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """Yield the frames that this chunk completes."""
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if b"\n" not in chunk and b"\r" not in chunk:
            self._hold_tail(chunk)
            return
        self._after_cr = chunk.endswith(b"\r")
        if self._tail:
            chunk = b"".join((*self._tail, chunk))
            self._tail.clear()
            self._tail_size = 0
        if self._is_fresh:
            self._is_fresh = False
            chunk = chunk.removeprefix(BOM)
        lines = chunk.splitlines()
        tail = b"" if chunk.endswith((b"\n", b"\r")) else lines.pop()
        is_long = len(chunk) > self._limits.line_bytes
        for line in lines:
            if is_long:
                self._check(len(line), self._held_is_bare or line.startswith((b"{", b"[")))
            if line.startswith(b"data:") and not self._held:
                yield from self._data(line[5:].strip())
            elif line or self._held:
                yield from self._other(line)
            else:
                self._event = ""
        self._hold_tail(tail)

    def close(self) -> Iterator[Frame]:
        """Yield what a missing last line end held back; an unfinished frame is dropped."""
        tail = b"".join(self._tail)
        if self._is_fresh:
            tail = tail.removeprefix(BOM)
        self._tail.clear()
        frames = list(self._other(tail)) if tail else []
        frames += self._release()
        yield from (frame for frame in frames if frame.data is not Mark.BROKEN)

    def _hold_tail(self, part: bytes) -> None:
        if part:
            self._tail.append(part)
            self._tail_size += len(part)
            self._check(self._tail_size, self._held_is_bare or self._tail[0].startswith((b"{", b"[")))

    def _check(self, size: int, is_bare: bool) -> None:
        if size > (self._limits.body_bytes if is_bare else self._limits.line_bytes):
            raise failure("too_large", "one line of the answer is too long")

    def _data(self, payload: bytes) -> Iterator[Frame]:
        if payload == DONE_TEXT:
            yield Frame(self._event, Mark.DONE)
        elif payload:
            try:
                data = loads(payload)
            except ValueError:
                self._hold(payload, is_bare=False)
            else:
                if isinstance(data, CONTAINERS):
                    yield Frame(self._event, data)
                elif data == "[DONE]":
                    yield Frame(self._event, Mark.DONE)
                elif self._event == "error":
                    yield Frame(self._event, {"error": data})

    def _other(self, line: bytes) -> Iterator[Frame]:
        """Read a line that is not a plain data line: blank, comment, other field, bare JSON, or part of an event."""
        if line.startswith(b"data:"):
            yield from self._more_data(line[5:].strip())
        elif line.startswith(b"event:"):
            yield from self._release()
            self._event = line[6:].strip().decode("utf-8", "replace")
        elif line.startswith(b"error:"):  # old llama.cpp
            yield from self._release()
            event, self._event = self._event, "error"
            yield from self._data(line[6:].strip())
            if not self._held:
                self._event = event
        elif line.startswith(b":"):
            return
        elif line.lstrip().startswith((b"{", b"[")):
            yield from self._bare(line.strip())
        elif self._held_is_bare:
            self._hold(line, is_bare=True)
        elif not line:
            yield from self._release()
            self._event = ""

    def _more_data(self, payload: bytes) -> Iterator[Frame]:
        """Read a data line while an event is held: its continuation, unless it is clearly a frame of its own."""
        if self._held and not self._held_is_bare and payload != DONE_TEXT and not _is_frame(payload):
            self._hold(payload, is_bare=False)
            return
        yield from self._release()
        yield from self._data(payload)

    def _bare(self, line: bytes) -> Iterator[Frame]:
        if not line.endswith((b"}", b"]")):  # one of the lines of a pretty-printed value
            self._hold(line, is_bare=True)
            return
        try:
            data = Mark.DONE if line == DONE_TEXT else loads(line)
        except ValueError:
            self._hold(line, is_bare=True)
            return
        if self._held and not (data is Mark.DONE or _is_frame(line)):
            self._hold(line, is_bare=self._held_is_bare)
            return
        yield from self._release()
        yield Frame(self._event, data, is_bare=True)

    def _hold(self, part: bytes, is_bare: bool) -> None:
        self._held_is_bare = is_bare
        self._held.append(part)
        self._held_size += len(part)
        self._check(self._held_size, is_bare)

    def _release(self) -> Iterator[Frame]:
        if not self._held:
            return
        text = b"\n".join(self._held)
        data: Any
        try:
            data = loads(text)
        except ValueError:
            data = None if self._event in HEARTBEATS else Mark.BROKEN
            if self._event == "error":
                data = {"error": text.decode("utf-8", "replace")}
        is_bare = self._held_is_bare
        self._held.clear()
        self._held_size = 0
        self._held_is_bare = False
        if data is Mark.BROKEN or isinstance(data, CONTAINERS):
            yield Frame(self._event, data, is_bare)


def _is_frame(payload: bytes) -> bool:
    try:
        data = loads(payload)
    except ValueError:
        return False
    return isinstance(data, dict) and ("choices" in data or "error" in data)
