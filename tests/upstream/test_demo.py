"""The provider without a key."""

import threading
import time

import pytest

from webapp.upstream.dialects.demo import DemoAnswer, language_of, read_models
from webapp.upstream.failures import UpstreamError
from webapp.upstream.messages import ChatMessage, ChatRequest


def ask(model: str, text: str, max_tokens: int | None = None, pace: float = 0) -> DemoAnswer:
    request = ChatRequest(model, (ChatMessage("user", text),), max_tokens=max_tokens)
    return DemoAnswer(request, threading.Event(), pace)


def test_there_are_three_models() -> None:
    assert [info.id for info in read_models().models] == ["demo-tour", "demo-echo", "demo-slow"]


@pytest.mark.parametrize(
    ("question", "language", "word"),
    [("What can you do?", "en", "Hello"), ("Bạn làm được gì?", "vi", "Xin chào"), ("你能做什么？", "zh", "问候")],
)
def test_the_tour_shows_everything_in_the_language_of_the_question(question: str, language: str, word: str) -> None:
    answer = ask("demo-tour", question)
    pieces = list(answer)
    reply = answer.reply
    assert language_of(question) == language
    assert word in reply.text
    assert all(mark in reply.text for mark in ("## ", "```python", "|---|", "$e^", "$$\\int", "> ", "- *"))
    assert reply.reasoning
    assert "".join(piece.text for piece in pieces) == reply.reasoning + reply.text
    assert (reply.complete, reply.finish_reason, reply.end) == (True, "stop", "done")
    assert reply.usage is not None
    assert reply.usage.output_tokens == len(pieces)


def test_a_french_question_is_not_taken_for_vietnamese() -> None:
    assert language_of("Où est la fenêtre ?") == "en"
    assert language_of("O\u031b\u0309 đâu") == "vi"


@pytest.mark.parametrize("text", ["say  this\n\n- again ", "再说一遍。Once more!", ""])
def test_the_echo_repeats_exactly(text: str) -> None:
    answer = ask("demo-echo", text)
    assert "".join(piece.text for piece in answer) == text


def test_the_same_question_gets_the_same_answer() -> None:
    assert list(ask("demo-slow", "Hi")) == list(ask("demo-slow", "Hi"))


def test_a_limit_ends_the_answer_early() -> None:
    answer = ask("demo-slow", "Hi", max_tokens=5)
    assert len(list(answer)) == 5
    assert (answer.reply.finish_reason, answer.reply.complete) == ("length", True)


def test_stop_ends_a_pause_at_once_and_keeps_the_text() -> None:
    stop = threading.Event()
    answer = DemoAnswer(ChatRequest("demo-slow", (ChatMessage("user", "Hi"),)), stop, pace=1000)
    threading.Timer(0.05, stop.set).start()
    started = time.monotonic()
    assert list(answer) == []
    assert time.monotonic() - started < 2
    assert (answer.reply.end, answer.reply.complete) == ("stopped", False)


def test_a_reader_that_walks_away_leaves_what_was_said() -> None:
    answer = ask("demo-tour", "Hi")
    pieces = iter(answer)
    first = next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert (answer.reply.reasoning, answer.reply.end) == (first.text, "stopped")


def test_an_unknown_demo_model_is_not_found() -> None:
    with pytest.raises(UpstreamError) as caught:
        ask("demo-gpt", "Hi")
    assert caught.value.category == "model_not_found"
