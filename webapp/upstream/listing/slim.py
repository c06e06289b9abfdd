"""Takes icons, descriptions and other ballast out of a model list while it arrives, so that it never fills the memory.

Open WebUI sends tens of megabytes of icons. Only entries beyond a kilobyte are touched; all else passes as it came.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from webapp.upstream.listing.capabilities import FLAG_NAMES
from webapp.upstream.listing.entry import NAME_KEYS
from webapp.upstream.listing.envelope import ID_KEYS
from webapp.upstream.listing.sizes import CONTEXT_NAMES, OUTPUT_NAMES

SMALL: Final = 1_024  # bytes of an entry
LONGEST_TEXT: Final = 2_048  # bytes that any text within an entry may have; ids have up to 2,000 characters
DEEPEST: Final = 3  # arrays and objects around an entry
NEXT_BRACKET: Final = re.compile(rb'(?:[^{}\[\]"]++|"(?:[^"\\]++|\\.)*+")*+([{}\[\]])', re.DOTALL)
# What the readers of this package look at in an entry.
READ: Final = frozenset(
    {"error", "message", "code", *ID_KEYS, *NAME_KEYS, *FLAG_NAMES, *CONTEXT_NAMES, *OUTPUT_NAMES}
    | set(
        "active arch architecture arena capabilities context_length default_generation_settings deprecated"
        " deprecation details endpoints expiration_date family features info inputModalities input_modalities"
        " is_deprecated kind lifecycle_status limit limits litellm_params loaded_context_length"
        " loaded_instances max_model_len max_tokens meta metadata modalities mode model_info model_spec"
        " model_type object outputModalities output_modalities owned_by parameters parent pipeline_tag policy"
        " preview pricing properties providers remote_host shutdown_date size_vram state status"
        " supportedGenerationMethods supported_endpoint_types supported_endpoints supported_features"
        " supported_generation_methods supported_input_modalities supported_output_modalities"
        " supported_openai_params supported_parameters supports_chat task top_provider type types".split()
    )
)


def slimmed(chunks: Iterable[bytes]) -> bytes:
    """Return the same JSON without what nobody reads in its large entries. What is no JSON passes unchanged."""
    scan, kept = _Scan(), bytearray()  # a list of thousands of pieces would cost more than the pieces
    for data in chunks:
        for piece in scan.feed(data):
            kept += piece
    for piece in scan.rest():
        kept += piece
    return bytes(kept)


class _Scan:
    """Follows the brackets. `_buffer` begins with what was not passed on yet: nothing, or an open entry."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._place = 0  # up to here the brackets were seen
        self._bare = 0  # bytes after that at the last look: a long text is looked at again when it has doubled
        self._open = bytearray()
        self._entry: int | None = None  # how many brackets are around the open entry

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._buffer += data
        if len(self._buffer) - self._place < 2 * self._bare:
            return
        while found := NEXT_BRACKET.match(self._buffer, self._place):
            self._place = found.end()
            yield from self._bracket(found[1])
        self._bare = len(self._buffer) - self._place
        if self._entry is None:
            yield self._take(self._place)

    def rest(self) -> Iterator[bytes]:
        self._bare = 0
        yield from self.feed(b"")
        yield bytes(self._buffer)

    def _bracket(self, bracket: bytes) -> Iterator[bytes]:
        if bracket in b"{[":
            if bracket == b"{" and self._entry is None and self._open[-1:] == b"[" and len(self._open) <= DEEPEST:
                yield self._take(self._place - 1)
                self._entry = len(self._open)
            self._open += bracket
        elif self._open:
            self._open.pop()
            if self._entry == len(self._open):
                self._entry = None
                yield _slim(self._take(self._place))

    def _take(self, end: int) -> bytes:
        taken = bytes(self._buffer[:end])
        del self._buffer[:end]
        self._place -= end
        return taken


def _slim(entry: bytes) -> bytes:
    if len(entry) <= SMALL:
        return entry
    try:
        row = orjson.loads(entry)
        return orjson.dumps({name: _short(value) for name, value in row.items() if name in READ})
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):  # it writes less deep than it reads
        return entry


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _short(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_short(inner) for inner in value]
    return "" if isinstance(value, str) and len(value) > LONGEST_TEXT else value
