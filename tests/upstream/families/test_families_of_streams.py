"""Answers of every family of the wire corpus in other framings, fields and orders. Written for these tests."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.upstream.corpus_cases import DIALECT_OF, shown, target_for
from webapp.upstream.dialects import DIALECTS
from webapp.upstream.messages import Reply

CASES = [json.loads(line) for line in (Path(__file__).parent / "streams.jsonl").read_text("utf-8").split("\n") if line]
PARAMS = [pytest.param(case, id=f"{n}-{case['family']}") for n, case in enumerate(CASES)]
UNSAID: dict[str, Any] = {
    "text": "", "reasoning": "", "tool_calls": [], "usage": None, "error": None, "details": {}, "warnings": 0
}  # fmt: skip
DETAILS = ("hint", "keep", "cost_usd", "citations")
SCRAPS = [
    b"data:", b"data: ", b"event: error", b"event: ping", b"error: ", b": c", b"\n", b"\r", b"\r\n", b"\n\n", b"[DONE]",
    b"{", b"}", b"[", b'{"error":"x"}', b'{"choices":[{"delta":{"content":"<think>a</think>b"}}]}', b'{"choices":[',
    b'{"choices":[{"delta":{"tool_calls":[{"id":"1","function":{"name":"f"}}]},"finish_reason":"stop"}]}',
    b'{"type":"content_block_delta","delta":{"type":"text_delta","text":"t"}}', b'{"type":"message_stop"}', b'"x"',
    b"\xff", b"\xef\xbb\xbf",
]  # fmt: skip


@pytest.mark.parametrize("size", [1_000_000, 1, 7])
@pytest.mark.parametrize("case", PARAMS)
def test_an_answer_of_a_family_is_decoded(case: dict[str, Any], size: int) -> None:
    body = body_of(case)
    reply = decoded(case, [body[start : start + size] for start in range(0, len(body), size)])
    assert found(reply) == UNSAID | case["expect"]


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_no_cut_changes_an_answer_of_a_family(data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(CASES))
    assert found(decoded(case, pieces_of(body_of(case), data))) == UNSAID | case["expect"]


@settings(deadline=None, max_examples=300)
@given(scraps=st.lists(st.sampled_from(SCRAPS), max_size=14), dialect=st.sampled_from(list(DIALECT_OF)), data=st.data())
def test_no_scraps_of_frames_raise_and_no_cut_changes_them(
    scraps: list[bytes], dialect: str, data: st.DataObject
) -> None:
    body = b"".join(scraps)
    case = {"protocol": dialect, "vendor": "custom"}
    assert found(decoded(case, pieces_of(body, data))) == found(decoded(case, [body]))


def test_one_chunk_may_be_huge() -> None:
    chunk = {"choices": [{"index": 0, "delta": {"content": "wort " * 150_000}, "finish_reason": "stop"}]}
    body = b"data: " + json.dumps(chunk).encode() + b"\n\ndata: [DONE]\n\n"
    case = {"protocol": "openai-chat", "vendor": "gemini"}
    for size in (len(body), 16_384):
        reply = decoded(case, [body[start : start + size] for start in range(0, len(body), size)])
        assert (len(reply.text), reply.complete) == (750_000, True)


@pytest.mark.parametrize("delta", [{}, {"role": "assistant", "content": ""}, {"content": None}, {"reasoning": ""}])
def test_an_empty_delta_is_a_sign_of_life_but_no_progress(delta: dict[str, Any]) -> None:
    decoder = DIALECTS["openai"].decoder(target_for("custom"))
    for _ in range(3):
        decoder.feed(b": ka\n\ndata: " + json.dumps({"choices": [{"delta": delta}]}).encode() + b"\n\n")
    assert decoder.progress == 0


def test_quotation_marks_without_end_cost_no_more_than_their_length() -> None:
    decoder = DIALECTS["openai"].decoder(target_for("custom"))
    decoder.feed(b'data: {"NaN": "' + b'\\"' * 400_000 + b"}\n\n")
    decoder.close()
    assert decoder.reply.error is not None


@pytest.mark.parametrize(
    "body",
    [
        b"{\n" * 300_000,
        b"event: error\n" + b"data: text\n" * 50_000,
        b"".join(
            b'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"%d",'
            b'"function":{"name":"f","arguments":"1"}}]}}]}\n\n' % number
            for number in range(20_000)
        ),
    ],
    ids=["open brackets", "one long event", "calls under one number"],
)
def test_hostile_frames_cost_no_more_than_their_length(body: bytes) -> None:
    started = time.process_time()
    decoded({"protocol": "openai-chat", "vendor": "custom"}, [body])
    assert time.process_time() - started < 3


def body_of(case: dict[str, Any]) -> bytes:
    return str(case["body"]).encode(case.get("encoding", "utf-8"))


def pieces_of(body: bytes, data: st.DataObject) -> list[bytes]:
    places = data.draw(st.lists(st.integers(0, len(body)), max_size=12).map(sorted))
    return [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]


def decoded(case: dict[str, Any], parts: list[bytes]) -> Reply:
    dialect = DIALECT_OF[case["protocol"]]
    decoder = DIALECTS[dialect].decoder(target_for(case["vendor"], dialect))
    for part in parts:
        decoder.feed(part)
    if case.get("stays_open") and not decoder.ended:
        assert decoder.finished
        decoder.grace_over()
    decoder.close()
    assert decoder.ended
    return decoder.reply


def found(reply: Reply) -> dict[str, Any]:
    details = {name: reply.details[name] for name in DETAILS if name in reply.details}
    return shown(reply) | {"details": details, "warnings": len(reply.warnings)}
