"""A provider whose answers are meant to do harm: none takes a thread, a fault of ours or more than its share."""

import time

import pytest

from webapp.upstream.classify.body import ErrorBody, read_error_body
from webapp.upstream.classify.waiting import wait_seconds
from webapp.upstream.dialects import DIALECTS
from webapp.upstream.target import Target

BOMB = "1ms" * 2000


@pytest.mark.parametrize(
    "value", [f"{BOMB}!", f"{BOMB} {BOMB}-", "1s " * 2000 + "x", "1" * 60_000, "1m" + "s" * 60_000]
)
def test_no_wait_that_is_asked_for_takes_long_to_read(value: str) -> None:
    """A pattern that gives back what it read, and reads it anew, would take for ever and stop every thread."""
    began = time.monotonic()
    for name in ("retry-after", "x-ratelimit-reset"):
        wait_seconds({name: value}, ErrorBody())
    wait_seconds({}, read_error_body({"error": {"message": f"retry in {value}", "retry_after": value}}))
    assert time.monotonic() - began < 1


def test_an_answer_of_nothing_but_broken_frames_is_no_answer() -> None:
    decoder = DIALECTS["openai"].decoder(Target("openai", "https://llm.example.com/v1"))
    decoder.feed(b"data: {not json}\n\ndata: {nor this}\n\ndata: [DONE]\n\n")
    assert decoder.reply.error
    assert (decoder.reply.error.category, decoder.reply.complete) == ("bad_response", False)
