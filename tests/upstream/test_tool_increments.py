"""Tool calls are told on as they come; put together again they are the calls of the whole answer."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.upstream.corpus_cases import DIALECT_OF, Case, cases, target_for
from tests.upstream.test_corpus_streams import chunks, read
from webapp.upstream.dialects import DIALECTS
from webapp.upstream.dialects.anthropic_answer import JSON_TOOL
from webapp.upstream.messages import Piece, Reply

Delta = dict[str, Any]


@dataclass
class Built:
    """A call as a program puts it together."""

    id: str
    name: str
    fragments: list[str] = field(default_factory=list)

    @property
    def parts(self) -> tuple[str, str, str]:
        return self.id, self.name, "".join(self.fragments)


def built(pieces: list[Piece]) -> list[tuple[str, str, str]]:
    """Every call opens before its arguments, with the next number."""
    calls: list[Built] = []
    for piece in pieces:
        if piece.kind == "call":
            assert piece.index == len(calls)
            calls.append(Built(piece.id, piece.text))
        elif piece.kind == "arguments":
            calls[piece.index].fragments.append(piece.text)
    return [call.parts for call in calls]


def told(*deltas: list[Delta]) -> tuple[list[Piece], Reply]:
    """What becomes of one `tool_calls` array a chunk."""
    frames = [{"choices": [{"index": 0, "delta": {"tool_calls": calls}}]} for calls in deltas]
    frames.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    return decoded("openai", frames)


def decoded(dialect: str, frames: list[Any]) -> tuple[list[Piece], Reply]:
    decoder = DIALECTS[dialect].decoder(target_for("custom", dialect))
    body = b"".join(b"data: " + json.dumps(frame).encode() + b"\n\n" for frame in frames)
    return decoder.feed(body) + decoder.close(), decoder.reply


@pytest.mark.parametrize("cut", ["whole", "sevens"])
@pytest.mark.parametrize("case", cases("streams"))
def test_the_increments_of_a_stream_are_its_calls(case: Case, cut: str) -> None:
    dialect = DIALECT_OF[case["protocol"]]
    decoder = DIALECTS[dialect].decoder(target_for(case["vendor"], dialect))
    pieces = read(decoder, chunks(case, cut), stays_open=case.get("connection") == "stays-open")
    assert built(pieces) == [(call.id, call.name, call.arguments) for call in decoder.reply.tool_calls]


def test_an_increment_does_not_wait_for_the_end() -> None:
    decoder = DIALECTS["openai"].decoder(target_for("custom"))
    frames = [
        {"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"x"'}},
        {"index": 0, "function": {"arguments": ":1}"}},
    ]
    seen = [
        decoder.feed(b"data: " + json.dumps({"choices": [{"delta": {"tool_calls": [frame]}}]}).encode() + b"\n\n")
        for frame in frames
    ]
    assert seen == [[Piece("call", "f", 0, "a")], [Piece("arguments", '{"x"')], [Piece("arguments", ":1}")]]


def call(arguments: Any = None, name: str | None = "f", id_: str | None = "a", index: int | None = 0) -> Delta:
    """One item of `tool_calls`; what is None is not there."""
    function = {"name": name, "arguments": arguments}
    item = {"index": index, "id": id_, "function": {key: value for key, value in function.items() if value is not None}}
    return {key: value for key, value in item.items() if value is not None}


SHAPES: dict[str, tuple[list[list[Delta]], list[tuple[str, str, str]]]] = {
    "whole calls without numbers": (
        [[call('{"x":1}', index=None), call("{}", "g", "b", index=None)]],
        [("a", "f", '{"x":1}'), ("b", "g", "{}")],
    ),
    "whole calls without numbers and ids": (
        [[call('{"x":1}', id_=None, index=None)], [call("{}", "g", id_="", index=None)]],
        [("", "f", '{"x":1}'), ("", "g", "{}")],
    ),
    "arguments as an object": ([[call({"x": 1})]], [("a", "f", '{"x":1}')]),
    "no arguments": ([[call()]], [("a", "f", "{}")]),
    "an empty object": ([[call({})]], [("a", "f", "{}")]),
    "a first number of 1, then empty id and name": (
        [[call("", index=1)], [call('{"x"', "", "", 1)], [call(":1}", "", "", 1)]],
        [("a", "f", '{"x":1}')],
    ),
    "the name again with every fragment": ([[call("[")], [call("]")]], [("a", "f", "[]")]),
    "the name late": ([[call("{", None)], [call("}", "f", None)]], [("a", "f", "{}")]),
    "two calls by turns": (
        [[call("["), call("[", "g", "b", 1)], [call("2]", None, None, 1), call("1]", None, None)]],
        [("a", "f", "[1]"), ("b", "g", "[2]")],
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_whatever_the_shape_the_calls_are_the_same(shape: str) -> None:
    deltas, calls = SHAPES[shape]
    pieces, reply = told(*deltas)
    assert built(pieces) == calls
    assert [(call.id, call.name, call.arguments) for call in reply.tool_calls] == calls
    assert reply.finish_reason == "tool_calls"


def test_what_is_nested_too_deeply_to_be_written_is_no_fault() -> None:
    deep: Any = 1
    for _ in range(400):
        deep = [deep]
    _, reply = told([call({"x": deep})])
    assert reply.error
    assert (reply.error.category, reply.complete) == ("bad_response", False)
    frame = {"deep": deep, "choices": [{"delta": {"content": "Hi", "deep": deep}, "deep": deep}]}
    pieces, reply = decoded("openai", [frame, frame, "[DONE]"])
    assert (reply.text, reply.more) == ("HiHi", "")
    assert {piece.kind for piece in pieces} == {"text"}


def test_a_call_that_never_gets_a_name_is_not_told() -> None:
    pieces, reply = told([call("{}", None)])
    assert (pieces, reply.tool_calls) == ([], [])


@pytest.mark.parametrize("fragments", [[""], ['{"x":', "1}"]])
def test_an_answer_in_json_is_text_not_a_call(fragments: list[str]) -> None:
    block = {"type": "tool_use", "id": "t", "name": JSON_TOOL, "input": {}}
    deltas = [{"type": "input_json_delta", "partial_json": text} for text in fragments]
    frames = [
        {"type": "message_start", "message": {"usage": {"input_tokens": 5, "cache_read_input_tokens": 7}}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    ]
    pieces, reply = decoded("anthropic", frames)
    assert {piece.kind for piece in pieces} == {"text"}
    assert (reply.text, reply.tool_calls, reply.finish_reason) == ("".join(fragments) or "{}", [], "stop")
    assert json.loads(reply.more)["usage"] == {"prompt_tokens": 12, "cache_read_input_tokens": 7}
