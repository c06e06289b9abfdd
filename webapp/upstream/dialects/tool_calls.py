"""Puts tool calls together from their fragments."""

from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from webapp.upstream.messages import ToolCall
from webapp.upstream.shapes import as_dict, as_text

MAX_CALLS: Final = 128  # what a hostile server may make us hold and search
FEW: Final = 64  # fragments: beyond, a call without id is not parsed again to see whether it is whole


@dataclass(slots=True)
class Fragment:
    """A call under construction."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    def text(self) -> str | None:
        """Return the arguments as JSON text ({} when there are none), or None while they are unfinished."""
        text = "".join(self.arguments).strip() or "{}"
        try:
            orjson.loads(text)
        except orjson.JSONDecodeError:
            return None
        return text


class ToolCalls:
    """Collects fragments: by index; without one a new id starts a call, and no id continues the last."""

    def __init__(self) -> None:
        self._calls: list[Fragment] = []
        self._by_index: dict[int, Fragment] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, delta: dict[str, Any]) -> None:
        """Take an item of `tool_calls` of an OpenAI-type answer."""
        function = as_dict(delta.get("function")) or delta
        self.add_parts(
            delta.get("index"), as_text(delta.get("id")), as_text(function.get("name")), function.get("arguments")
        )

    def add_parts(self, index: object, id_: str, name: str, arguments: object) -> None:
        """Add to the call that these belong to; an empty id or name never overwrites."""
        call = self._call(index, id_, name)
        if call is None:
            return
        call.id = call.id or id_
        call.name = call.name or name
        if isinstance(arguments, str):
            call.arguments.append(arguments)
        elif isinstance(arguments, dict | list) and arguments:
            call.arguments = [orjson.dumps(arguments).decode()]

    def whole(self) -> tuple[list[ToolCall], int]:
        """Return the calls whose arguments are complete JSON, and how many are not."""
        texts = [(call, call.text()) for call in self._calls]
        whole = [ToolCall(call.id, call.name, text) for call, text in texts if text is not None and call.name]
        return whole, len(texts) - len(whole)

    def _call(self, index: object, id_: str, name: str) -> Fragment | None:
        if isinstance(index, int):
            if index not in self._by_index and (call := self._new()):
                self._by_index[index] = call
            return self._by_index.get(index)
        if id_:
            return next((call for call in self._calls if call.id == id_), None) or self._new()
        last = self._calls[-1] if self._calls else None
        if last is None or (name and last.name and len(last.arguments) < FEW and last.text() is not None):
            return self._new()
        return last

    def _new(self) -> Fragment | None:
        if len(self._calls) >= MAX_CALLS:
            return None
        self._calls.append(Fragment())
        return self._calls[-1]
