"""Puts tool calls together from their fragments, and tells each fragment on as it comes."""

from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from webapp.upstream.failures import failure
from webapp.upstream.messages import Piece, ToolCall
from webapp.upstream.shapes import as_dict, as_json, as_text

MAX_CALLS: Final = 128  # what a hostile server may make us hold and search
FEW: Final = 64  # fragments: beyond, a call is not parsed again to see whether it is whole


@dataclass(slots=True)
class Fragment:
    """A call under construction."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    place: int | None = None  # among the calls that were told on: a call is, as soon as it has a name
    told: int = 0  # of `arguments`

    def text(self) -> str | None:
        """Return the arguments as JSON text ({} when there are none), or None while they are unfinished."""
        text = "".join(self.arguments).strip() or "{}"
        try:
            orjson.loads(text)
        except orjson.JSONDecodeError:
            return None
        return text

    def is_whole(self) -> bool:
        """Tell whether another call may begin."""
        return len(self.arguments) < FEW and self.text() is not None


class ToolCalls:
    """Collects fragments: by index; without one a new id starts a call, and no id continues the last."""

    def __init__(self) -> None:
        self._calls: list[Fragment] = []
        self._by_index: dict[int, Fragment] = {}
        self._told = 0

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, delta: dict[str, Any], pieces: list[Piece]) -> None:
        """Take an item of `tool_calls` of an OpenAI-type answer."""
        function = as_dict(delta.get("function")) or delta
        id_, name = as_text(delta.get("id")), as_text(function.get("name"))
        self.add_parts(delta.get("index"), id_, name, function.get("arguments"), pieces)

    def add_parts(self, index: object, id_: str, name: str, arguments: object, pieces: list[Piece]) -> None:
        """Add to the call that these belong to; an empty id or name never overwrites."""
        call = self._call(index, id_, name)
        if call is None:
            return
        call.id = call.id or id_
        call.name = call.name or name
        if isinstance(arguments, str):
            call.arguments.append(arguments)
        elif isinstance(arguments, dict | list) and arguments:
            if not any(call.arguments):
                call.told = 0
            call.arguments = [as_json(arguments)]
            if not call.arguments[0]:
                raise failure("bad_response", "the arguments of a tool call are nested too deeply")
        self._tell(call, pieces)

    def settle(self, pieces: list[Piece]) -> None:
        """The answer ended: calls without arguments get the empty object."""
        for call in self._calls:
            if call.place is not None and not "".join(call.arguments).strip():
                pieces.append(Piece("arguments", "{}", call.place))

    def whole(self) -> tuple[list[ToolCall], int]:
        """Return the calls whose arguments are complete JSON, and how many are not."""
        texts = [(call, call.text()) for call in self._calls]
        whole = [ToolCall(call.id, call.name, text) for call, text in texts if text is not None and call.name]
        return whole, len(texts) - len(whole)

    def _tell(self, call: Fragment, pieces: list[Piece]) -> None:
        if not call.name:
            return
        if call.place is None:
            call.place = self._told
            self._told += 1
            pieces.append(Piece("call", call.name, call.place, call.id))
        if text := "".join(call.arguments[call.told :]):
            pieces.append(Piece("arguments", text, call.place))
        call.told = len(call.arguments)

    def _call(self, index: object, id_: str, name: str) -> Fragment | None:
        if isinstance(index, int):
            known = self._by_index.get(index)
            # Some servers number every whole call 0
            if known and not (name and id_ and known.id not in ("", id_) and known.is_whole()):
                return known
            if call := self._new():
                self._by_index[index] = call
            return call
        if id_:
            return next((call for call in self._calls if call.id == id_), None) or self._new()
        last = self._calls[-1] if self._calls else None
        if last is None or (name and last.name and last.is_whole()):
            return self._new()
        return last

    def _new(self) -> Fragment | None:
        if len(self._calls) >= MAX_CALLS:
            return None
        self._calls.append(Fragment())
        return self._calls[-1]
