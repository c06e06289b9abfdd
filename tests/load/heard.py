"""What a program read of one answer, and when; it is decoded and checked after the load, not during it."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate

import orjson

from tests.load.upstream import TOKEN_CHARACTERS, answer_to


@dataclass(slots=True)
class Heard:
    """The bytes of each read and its time, in seconds of CLOCK_MONOTONIC."""

    question: str
    asked_at: float
    reads: list[bytes] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    @property
    def status(self) -> int:
        """The answer's status; 0 while there is none."""
        return int(self.reads[0].split(b" ", 2)[1]) if self.reads else 0

    @property
    def body(self) -> bytes:
        """The body of an answer that is not streamed."""
        return b"".join(self.reads).partition(b"\r\n\r\n")[2]

    def chunks(self) -> Iterator[tuple[float, bytes]]:
        """Yield the chunks of a streamed body, each with the time of the read that ended it."""
        data = b"".join(self.reads)
        ends = list(accumulate(map(len, self.reads)))
        at = data.find(b"\r\n\r\n") + 4
        while (line_end := data.find(b"\r\n", at)) > 0 and (size := int(data[at:line_end], 16)):
            begin, end = line_end + 2, line_end + 2 + size
            if end > len(data):
                return
            yield self.times[bisect_left(ends, end)], data[begin:end]
            at = end + 2


@dataclass(frozen=True, slots=True)
class Judged:
    """One answer, checked: whether every byte is there, and when each token was; times as in `Heard`."""

    question: str
    is_complete: bool
    asked_at: float
    ended_at: float
    begun_at: float = 0.0  # the head
    tokens_at: tuple[float, ...] = ()

    @property
    def first(self) -> float:
        """Seconds to the first text, of an answer that has any."""
        return self.tokens_at[0] - self.asked_at

    @property
    def whole(self) -> float:
        """Seconds to the end."""
        return self.ended_at - self.asked_at


def judge_stream(heard: Heard, tokens: int) -> Judged:
    """Check a streamed answer: its text, its finish reason, its [DONE]."""
    ended_at = heard.times[-1] if heard.times else heard.asked_at
    if heard.status != 200:
        return Judged(heard.question, False, heard.asked_at, ended_at)
    text, rest, endings = "", b"", []
    tokens_at: list[float] = []
    for moment, chunk in heard.chunks():
        *events, rest = (rest + chunk).split(b"\n\n")
        for event in events:
            if not event.startswith(b"data: {"):
                endings += [event] if not event.startswith(b":") else []
                continue
            for choice in orjson.loads(event[6:]).get("choices", []):
                text += choice["delta"].get("content") or ""
                endings += [choice["finish_reason"]] if choice.get("finish_reason") else []
        tokens_at += [moment] * (len(text) // TOKEN_CHARACTERS - len(tokens_at))
    is_whole = endings == ["stop", b"data: [DONE]"] and not rest and heard.reads[-1].endswith(b"0\r\n\r\n")
    is_complete = is_whole and text == answer_to(heard.question, tokens)
    return Judged(heard.question, is_complete, heard.asked_at, ended_at, heard.times[0], tuple(tokens_at))


def judge_whole(heard: Heard, tokens: int) -> Judged:
    """Check an answer that was not streamed."""
    ended_at = heard.times[-1] if heard.times else heard.asked_at
    choices = orjson.loads(heard.body)["choices"] if heard.status == 200 else []
    texts = [choice["message"]["content"] for choice in choices]
    return Judged(heard.question, texts == [answer_to(heard.question, tokens)], heard.asked_at, ended_at)
