"""The body of an HTTP/1.1 answer, unframed as its bytes come: for a reader that never waits."""

import re

from webapp.upstream.brake import Fault

LONGEST_LINE = 1_000  # of a chunk's size with its extensions, or of a trailer
_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;.*)?")


class Body:
    """Takes the framing off. `is_whole` once the last byte was fed; what was fed beyond it is `has_leftover`."""

    def __init__(self, is_chunked: bool, length: int | None) -> None:
        """`length` is that of a body that says it; one that says nothing ends with its connection."""
        self.is_whole = not is_chunked and length == 0
        self.has_leftover = False
        self._is_chunked = is_chunked
        self._left = length if not is_chunked and length is not None else 0  # bytes of the body, or of this chunk
        self._is_counted = length is not None
        self._line = b""  # an unfinished one
        self._is_in_trailer = self._is_after_chunk = False

    def feed(self, data: bytes) -> bytes:
        """Return what of the body is in these bytes. Raises Fault (bad_response) when they are no proper framing."""
        if self.is_whole:
            self.has_leftover |= bool(data)
            return b""
        if not self._is_chunked:
            return self._counted(data) if self._is_counted else data
        parts = []
        start = 0
        while start < len(data) and not self.is_whole:
            if self._left:
                part = data[start : start + self._left]
                parts.append(part)
                start += len(part)
                self._left -= len(part)
                self._is_after_chunk = not self._left
                continue
            end = data.find(b"\n", start)
            if end < 0 or len(self._line) + end - start > LONGEST_LINE:
                self._hold(data[start:])
                break
            self._read_line((self._line + data[start:end]).removesuffix(b"\r"))
            self._line = b""
            start = end + 1
        self.has_leftover |= self.is_whole and start < len(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """The connection ended. Raises Fault (stream_cut) when that is too early."""
        if self._is_chunked or self._is_counted:
            raise Fault("stream_cut", "The connection was closed in the middle of the answer.")
        self.is_whole = True

    def _counted(self, data: bytes) -> bytes:
        part = data[: self._left]
        self._left -= len(part)
        self.is_whole = not self._left
        self.has_leftover = len(part) < len(data)
        return part

    def _hold(self, data: bytes) -> None:
        self._line += data
        if len(self._line) > LONGEST_LINE:
            raise Fault("bad_response", "The answer is not proper HTTP: a line of its framing is too long.")

    def _read_line(self, line: bytes) -> None:
        if self._is_in_trailer:
            self.is_whole = not line
        elif self._is_after_chunk:
            self._is_after_chunk = False
            if line:
                raise Fault("bad_response", "The answer is not proper HTTP: a chunk does not end where it should.")
        else:
            found = _SIZE.fullmatch(line)
            if found is None:
                raise Fault("bad_response", "The answer is not proper HTTP: a chunk has no size.")
            self._left = int(found[1], 16)
            self._is_in_trailer = not self._left
