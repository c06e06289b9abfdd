"""Streams under stress: every clock, every cap, every way to break off."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.far_end import FarEnd
from webapp.upstream import stream
from webapp.upstream.failures import UpstreamError
from webapp.upstream.messages import ChatMessage, ChatRequest
from webapp.upstream.target import Limits, Target
from webapp.upstream.transport import pool


@pytest.fixture
def far_end() -> Iterator[FarEnd]:
    with FarEnd() as server:
        yield server
    pool.close()


@pytest.fixture
def target(far_end: FarEnd) -> Target:
    return Target("openai", far_end.base_url, allow_private=True)


def ask(model: str) -> ChatRequest:
    return ChatRequest(model, (ChatMessage("user", "Hello"),))


# Clocks


def ended_by(far_end: FarEnd, target: Target, model: str, **limits: float) -> tuple[str, str]:
    """Category and text of the error, be it raised or in the reply."""
    answer = stream(replace(target, limits=Limits(**limits)), ask(model))  # type: ignore[arg-type]
    started = time.monotonic()
    try:
        text = "".join(piece.text for piece in answer)
        error = answer.reply.error
    except UpstreamError as raised:
        text, error = "", raised
    assert time.monotonic() - started < 5
    assert far_end.client_gone.wait(2)
    far_end.wait_for_open_sockets(0)
    assert error
    assert not answer.reply.complete
    assert error.exchange.request.startswith("POST ")
    return error.category, text


@pytest.mark.parametrize("model", ["hold", "stall"])
def test_silence_before_the_answer_ends_at_the_first_byte_limit(far_end: FarEnd, target: Target, model: str) -> None:
    assert ended_by(far_end, target, model, first_byte_seconds=0.2) == ("timeout", "")


def test_silence_in_the_answer_ends_at_the_idle_limit(far_end: FarEnd, target: Target) -> None:
    assert ended_by(far_end, target, "stall-mid", idle_seconds=0.2) == ("timeout", "Half ")


def test_comments_for_ever_end_at_the_limit_of_useful_content(far_end: FarEnd, target: Target) -> None:
    assert ended_by(far_end, target, "comments", progress_seconds=0.3) == ("timeout", "")


def test_an_endless_answer_ends_at_the_limit_of_time(far_end: FarEnd, target: Target) -> None:
    far_end.pace = 0.01
    category, text = ended_by(far_end, target, "endless", total_seconds=0.4)
    assert category == "timeout"
    assert text.startswith("word0 ")


def test_an_endless_answer_ends_at_the_limit_of_bytes(far_end: FarEnd, target: Target) -> None:
    category, text = ended_by(far_end, target, "endless", stream_bytes=300_000)
    assert category == "too_large"
    assert text.startswith("word0 ")


def test_an_endless_line_ends_at_its_limit(far_end: FarEnd, target: Target) -> None:
    assert ended_by(far_end, target, "bigline", line_bytes=200_000) == ("too_large", "")


def test_a_server_that_hangs_after_the_finish_reason_costs_the_grace_time_only(far_end: FarEnd, target: Target) -> None:
    answer = stream(replace(target, limits=Limits(grace_seconds=0.2)), ask("hang-after-finish"))
    started = time.monotonic()
    assert "".join(piece.text for piece in answer) == "All of it"
    assert 0.2 <= time.monotonic() - started < 2
    assert answer.reply.complete
    assert answer.reply.end == "idle_after_finish"
    assert far_end.client_gone.wait(2)


# Broken answers


def test_an_answer_in_single_bytes_is_read_exactly(far_end: FarEnd, target: Target) -> None:
    assert "".join(piece.text for piece in stream(target, ask("drip"))) == far_end.text


@pytest.mark.parametrize(
    ("model", "category", "text"),
    [
        ("cut", "stream_cut", "Half of it"),
        ("reset", "stream_cut", "Half of it"),
        ("badjson", "stream_cut", "Half "),
        ("deep", "stream_cut", "Half "),
        ("nullchoices", "stream_cut", "Half "),
        ("error-mid", "server_error", "Half "),
    ],
)
def test_a_broken_answer_keeps_its_text_and_names_its_fault(
    target: Target, model: str, category: str, text: str
) -> None:
    answer = stream(target, ask(model))
    assert "".join(piece.text for piece in answer) == text == answer.reply.text
    assert answer.reply.error
    assert answer.reply.error.category == category
    assert not answer.reply.complete


@pytest.mark.parametrize(
    ("model", "category"),
    [
        ("gzip", "bad_response"),
        ("401", "auth_invalid"),
        ("402", "billing"),
        ("503", "overloaded"),
        ("silent", "stream_cut"),
    ],
)
def test_an_error_before_the_answer_is_raised(target: Target, model: str, category: str) -> None:
    answer = stream(target, ask(model))
    with pytest.raises(UpstreamError) as caught:
        answer.open()
    assert caught.value.category == category


def test_the_wait_that_a_provider_asks_for_is_passed_on(target: Target) -> None:
    with pytest.raises(UpstreamError) as caught:
        stream(target, ask("429")).open()
    assert caught.value.retry_after_seconds == 7
