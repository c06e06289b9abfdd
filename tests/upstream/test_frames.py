"""Every framing of an event stream, and what hostile bytes may not do."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.upstream.corpus_cases import DIALECT_OF, Case, cases, shown, target_for
from webapp.upstream.dialects import DIALECTS
from webapp.upstream.messages import Reply

HELLO = {"choices": [{"index": 0, "delta": {"content": "Xin "}}]}
WORLD = {"choices": [{"index": 0, "delta": {"content": "chào 🌏"}}]}
FINISH = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
DONE = "data: [DONE]\n\n"
DEEP = "[" * 200_000


def sse(*frames: object) -> str:
    texts = [frame if isinstance(frame, str) else json.dumps(frame, ensure_ascii=False) for frame in frames]
    return "".join(f"data: {text}\n\n" for text in texts)


WHOLE = sse(HELLO, WORLD, FINISH) + DONE

FRAMINGS = {
    "plain": WHOLE,
    "carriage returns": WHOLE.replace("\n", "\r"),
    "both line ends": WHOLE.replace("\n", "\r\n"),
    "no space": WHOLE.replace("data: ", "data:"),
    "byte order mark": "\ufeff" + WHOLE,
    "no blank lines": WHOLE.replace("\n\n", "\n"),
    "heartbeats": ": ping\n\ndata:\n\nevent: ping\ndata: {}\n\n" + sse({"type": "keepalive"}) + WHOLE,
    "other fields": "id: 7\nretry: 10\nevent: message\n" + WHOLE,
    "several data lines": 'data: {"choices":[{"index":0,\ndata: "delta":{"content":"Xin "}}]}\n\n'
    + sse(WORLD, FINISH)
    + DONE,
    "JSON lines": "\n".join(json.dumps(frame) for frame in (HELLO, WORLD, FINISH)) + "\n[DONE]\n",
    "no last line end": WHOLE.rstrip(),
    "no done": sse(HELLO, WORLD, FINISH),
    "a broken frame": sse(HELLO, '{"choices":[{"ind', WORLD, FINISH) + DONE,
    "a broken frame and no blank lines": (sse(HELLO, '{"choices":[{"ind', WORLD, FINISH) + DONE).replace("\n\n", "\n"),
    "deep nesting": sse(DEEP, HELLO, DEEP + "]" * 200_000, WORLD, FINISH) + DONE,
    "deep nesting without data": DEEP + "\n" + WHOLE,
    "wrong types": sse(
        {"choices": None}, {"choices": "x"}, {"choices": [None]}, {"choices": [{"delta": None}]}, [1], 5, "null",
        {"choices": [{"delta": {"content": 5, "tool_calls": {"a": 1}, "reasoning": [1]}, "finish_reason": {}}]},
        {"usage": [], "choices": [{"delta": {"tool_calls": [1, {"function": 3, "index": "x"}]}}]},
        HELLO, WORLD, FINISH,
    ) + DONE,
}  # fmt: skip


@pytest.mark.parametrize("size", [1_000_000_000, 1, 7])
@pytest.mark.parametrize("body", [pytest.param(text, id=name) for name, text in FRAMINGS.items()])
def test_every_framing_gives_the_same_answer(body: str, size: int) -> None:
    reply = decoded(body.encode(), size)
    assert (reply.text, reply.finish_reason, reply.complete, reply.error) == ("Xin chào 🌏", "stop", True, None)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"choices":[{"delta":{"content":"a\\ud83db"}}]}', "a\ufffdb"),
        (b'{"choices":[{"delta":{"content":"a\xffb"}}]}', "a\ufffdb"),
    ],
)
def test_text_that_is_not_unicode_gets_replacement_characters(body: bytes, text: str) -> None:
    assert decoded(b"data: " + body + b"\n\n" + DONE.encode()).text == text


@pytest.mark.parametrize("size", [1_000_000_000, 4096])
def test_a_line_without_end_stops_the_answer_and_keeps_the_text(size: int) -> None:
    reply = decoded(sse(HELLO).encode() + b"data: " + b"x" * 1_000_001, size)
    assert reply.error is not None
    assert (reply.text, reply.error.category, reply.complete) == ("Xin ", "too_large", False)


def test_a_whole_answer_may_be_pretty_printed() -> None:
    body = {"choices": [{"message": {"content": "<think>hm</think>\n\nyes"}}], "usage": {"prompt_tokens": 3}}
    reply = decoded(json.dumps(body, indent=2).encode())
    assert (reply.text, reply.reasoning, reply.complete, reply.end) == ("yes", "hm", True, "json")


def test_xai_leaves_reasoning_out_of_its_count() -> None:
    usage = {
        "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 115,
        "completion_tokens_details": {"reasoning_tokens": 100},
    }  # fmt: skip
    found = decoded((sse(HELLO, FINISH | {"usage": usage}) + DONE).encode()).usage
    assert found is not None
    assert (found.output_tokens, found.reasoning_tokens) == (105, 100)


def test_an_error_event_ends_an_anthropic_answer_and_keeps_the_text() -> None:
    body = (
        'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi"}}\n\n'
        'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
    )
    reply = decoded(body.encode(), dialect="anthropic")
    assert reply.error is not None
    assert (reply.text, reply.error.category, reply.error.retryable) == ("Hi", "overloaded", True)
    assert (reply.finish_reason, reply.end, reply.complete) == ("error", "error", False)


def test_calls_without_ids_are_told_apart_by_their_names() -> None:
    calls = [{"function": {"name": "f", "arguments": '{"a":1}'}}, {"function": {"name": "g", "arguments": "{}"}}]
    reply = decoded((sse({"choices": [{"delta": {"tool_calls": calls}}]}, FINISH) + DONE).encode())
    assert [(call.name, call.arguments) for call in reply.tool_calls] == [("f", '{"a":1}'), ("g", "{}")]


@pytest.mark.parametrize("case", cases("streams"))
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_random_cuts_change_nothing(case: Case, data: st.DataObject) -> None:
    body = case.bytes()
    places = data.draw(st.lists(st.integers(0, len(body)), max_size=12).map(sorted))
    dialect = DIALECT_OF[case["protocol"]]
    decoder = DIALECTS[dialect].decoder(target_for(case["vendor"], dialect))
    for start, end in zip([0, *places], [*places, len(body)], strict=True):
        decoder.feed(body[start:end])
    if case.get("connection") == "stays-open":
        decoder.grace_over()
    decoder.close()
    expect = case["expect"]
    assert shown(decoder.reply) == {name: expect[name] for name in shown(decoder.reply)}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "choices delta message content type text thinking tool_calls function arguments index id name error"
                " usage finish_reason stop_reason content_block base_resp status_code prompt_tokens".split()
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@settings(deadline=None)
@given(frames=st.lists(JSON, max_size=6), dialect=st.sampled_from(sorted(DIALECTS)), noise=st.binary(max_size=60))
def test_nothing_that_arrives_raises(frames: list[Any], dialect: str, noise: bytes) -> None:
    body = b"".join(b"data: " + json.dumps(frame).encode() + b"\n\n" for frame in frames)
    for sent in (body, noise, body + noise, noise + b"\n" + body):
        decoded(sent, dialect=dialect)


def decoded(body: bytes, size: int = 1_000_000_000, dialect: str = "openai") -> Reply:
    decoder = DIALECTS[dialect].decoder(target_for("custom", dialect))
    for start in range(0, len(body), size):
        decoder.feed(body[start : start + size])
    decoder.close()
    assert decoder.ended
    return decoder.reply
