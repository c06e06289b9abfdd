"""Reads the head of an HTTP/1.1 answer (RFC 9112): status, headers, and how the body is framed.

The standard library reads headers as e-mail, which costs more than all the rest of a short call.
"""

import re
from dataclasses import dataclass
from typing import Self

from webapp.upstream.brake import Fault

MOST_BYTES = 65_536
MOST_HEADERS = 200
BLANK = " \t"  # and nothing else that Python takes for white space
_STATUS_LINE = re.compile(r"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: (.*))?")
_END = re.compile(rb"\r?\n\r?\n")
_LINE_END = re.compile(r"\r?\n")  # not splitlines(): it also breaks at bytes that are parts of letters
_BODILESS = (204, 304)


@dataclass(frozen=True, slots=True)
class HttpHead:
    """Status line and headers; names in small letters, repeated ones joined by a comma."""

    status: int
    reason: str
    headers: dict[str, str]
    is_persistent: bool

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read what stands before the empty line. Raises Fault (bad_response)."""
        first, *lines = _LINE_END.split(data.decode("latin-1"))
        found = _STATUS_LINE.fullmatch(first.rstrip())
        if found is None:
            raise Fault("bad_response", "The answer is not HTTP.", "fix_base_url")
        if len(lines) > MOST_HEADERS:
            raise Fault("bad_response", f"The answer has more than {MOST_HEADERS} headers.")
        headers: dict[str, str] = {}
        name = ""
        for line in lines:
            if line[:1] in (" ", "\t") and name:  # folded, as servers did long ago
                headers[name] += f" {line.strip(BLANK)}"
                continue
            name, colon, value = line.partition(":")
            name, value = name.strip(BLANK).lower(), value.strip(BLANK)
            if not colon:
                raise Fault("bad_response", "The answer is not proper HTTP: a header has no name.")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        connection = headers.get("connection", "").lower()
        is_persistent = "close" not in connection and (found[1] != "0" or "keep-alive" in connection)
        if "transfer-encoding" in headers and (found[1] == "0" or "content-length" in headers):
            is_persistent = False  # RFC 9112, 6.1: somebody on the way may see another end of the body
        return cls(int(found[2]), found[3] or "", headers, is_persistent)

    @property
    def is_interim(self) -> bool:
        """Whether the real head is still to come."""
        return self.status < 200

    @property
    def is_chunked(self) -> bool:
        """Whether the body comes in chunks; then a length does not count. Raises Fault for any other coding."""
        coding = self.headers.get("transfer-encoding", "identity").lower()
        if coding not in ("chunked", "identity"):
            raise Fault("bad_response", "The answer comes in a transfer coding that nobody asked for.")
        return coding == "chunked" and self.status not in _BODILESS

    @property
    def length(self) -> int | None:
        """How long the body is; None when only the end of the connection tells. Raises Fault for nonsense."""
        if self.status in _BODILESS:
            return 0
        text = self.headers.get("content-length")
        if text is None:
            return None
        sizes = {size.strip(BLANK) for size in text.split(",")}
        size = sizes.pop()
        if sizes or not (size.isdecimal() and size.isascii() and len(size) < 19):
            raise Fault("bad_response", "The answer is not proper HTTP: its length is no number.")
        return int(size)


def split_head(data: bytes, searched: int = 0) -> tuple[bytes, bytes] | None:
    """Return the head and what follows it, or None when its end has not come. Raises Fault when it is too long.

    So many bytes were `searched` before: a head that drips in costs no more than one that comes at once.
    """
    found = _END.search(data, max(searched - 3, 0))
    if (found.start() if found else len(data)) > MOST_BYTES:
        raise Fault("bad_response", "The answer is not proper HTTP: its head is too long.")
    return (data[: found.start()], data[found.end() :]) if found else None
