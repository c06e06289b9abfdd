"""Stop works from another thread in every phase of a stream, at once, and keeps the text."""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.far_end import FarEnd
from webapp.upstream import AnswerStream, complete, stream
from webapp.upstream.messages import ChatMessage, ChatRequest
from webapp.upstream.target import Target
from webapp.upstream.transport import pool

AT_ONCE = 1.0  # seconds; the promise is two


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


class Reader(threading.Thread):
    """Reads a stream in a thread of its own, as the writer of an answer does."""

    def __init__(self, answer: AnswerStream) -> None:
        super().__init__(daemon=True)
        self.answer, self.texts, self.first = answer, list[str](), threading.Event()
        self.start()

    def run(self) -> None:
        for piece in self.answer:
            self.texts.append(piece.text)
            self.first.set()

    def stop_and_wait(self) -> float:
        started = time.monotonic()
        self.answer.stop()
        self.join(5)
        assert not self.is_alive()
        return time.monotonic() - started


def test_stop_before_anything_sends_nothing(far_end: FarEnd, target: Target) -> None:
    answer = stream(target, ask("ok"))
    answer.stop()
    assert list(answer) == []
    assert answer.reply.end == "stopped"
    assert far_end.connections == 0


@pytest.mark.parametrize("model", ["hold", "stall"])
def test_stop_before_the_first_token_ends_at_once(far_end: FarEnd, target: Target, model: str) -> None:
    """`hold` has not even sent headers, `stall` nothing but headers."""
    reader = Reader(stream(target, ask(model)))
    far_end.wait_for_calls(1)
    assert reader.stop_and_wait() < AT_ONCE
    assert reader.answer.reply.end == "stopped"
    assert far_end.client_gone.wait(2)


@pytest.mark.parametrize("model", ["stall-mid", "slow", "endless", "comments-mid"])
def test_stop_keeps_the_text_so_far_and_frees_the_server(far_end: FarEnd, target: Target, model: str) -> None:
    reader = Reader(stream(target, ask(model)))
    assert reader.first.wait(5)
    assert reader.stop_and_wait() < AT_ONCE
    reply = reader.answer.reply
    assert reply.end == "stopped"
    assert not reply.complete
    assert reply.error is None
    assert reply.text == "".join(reader.texts) != ""
    assert far_end.client_gone.wait(2)
    far_end.wait_for_open_sockets(0)


def test_stop_while_the_name_is_looked_up(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, release = threading.Event(), threading.Event()

    def getaddrinfo(*_args: object, **_kw: object) -> list[object]:
        asked.set()
        release.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    reader = Reader(stream(replace(target, base_url="https://slow.example.com"), ask("ok")))
    assert asked.wait(5)
    assert reader.stop_and_wait() < AT_ONCE
    assert reader.answer.reply.end == "stopped"
    release.set()


def test_stop_while_connecting(target: Target) -> None:
    """A full backlog leaves the connection hanging in its handshake."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        reader = Reader(stream(replace(target, base_url=f"http://127.0.0.1:{address[1]}"), ask("ok")))
        reader.join(0.2)
        assert reader.is_alive()
        assert reader.stop_and_wait() < AT_ONCE
        assert reader.answer.reply.end == "stopped"
        for filler in fillers:
            filler.close()


def test_stop_during_the_tls_handshake(target: Target) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        reader = Reader(stream(replace(target, base_url=f"https://127.0.0.1:{listener.getsockname()[1]}"), ask("ok")))
        accepted, _ = listener.accept()
        accepted.recv(1)
        assert reader.stop_and_wait() < AT_ONCE
        assert reader.answer.reply.end == "stopped"
        accepted.close()


def test_stop_after_the_end_changes_nothing(far_end: FarEnd, target: Target) -> None:
    answer = stream(target, ask("ok"))
    list(answer)
    answer.stop()
    assert answer.reply.complete
    other = stream(target, ask("ok"))
    assert "".join(piece.text for piece in other) == far_end.text
    assert far_end.connections == 1


def test_a_reader_that_walks_away_frees_the_server(far_end: FarEnd, target: Target) -> None:
    answer = stream(target, ask("endless"))
    pieces = iter(answer)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert far_end.client_gone.wait(2)
    assert answer.reply.end == "stopped"


def test_two_hundred_streams_at_once_are_all_whole(far_end: FarEnd, target: Target) -> None:
    readers = [Reader(stream(target, ask("ok"))) for _ in range(200)]
    for reader in readers:
        reader.join(30)
    assert [reader for reader in readers if "".join(reader.texts) != far_end.text] == []


def test_the_demo_streams_and_stops_like_every_other_provider() -> None:
    demo = Target("demo", "")
    assert complete(demo, ask("demo-echo")).text == "Hello"
    assert "".join(piece.text for piece in stream(demo, ask("demo-echo"))) == "Hello"
    reader = Reader(stream(demo, ask("demo-slow")))
    assert reader.first.wait(5)
    assert reader.stop_and_wait() < AT_ONCE
    assert reader.answer.reply.end == "stopped"
    assert reader.answer.reply.text == "".join(reader.texts) != ""
