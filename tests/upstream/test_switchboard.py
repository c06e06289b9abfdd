"""The thread that carries streams: a line that cannot begin is cut alone, and no reader holds a provider for ever."""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.certificates import self_signed, server_context
from tests.far_end import FarEnd
from webapp.upstream import stream
from webapp.upstream.connection import tls_context
from webapp.upstream.incoming import Incoming
from webapp.upstream.messages import ChatMessage, ChatRequest, Piece
from webapp.upstream.streaming import AnswerStream
from webapp.upstream.switchboard import Switchboard
from webapp.upstream.target import Limits, Target
from webapp.upstream.transport import pool


class Listener:
    """A reader who takes everything."""

    has_gone = False

    def __init__(self) -> None:
        self.sock, self._far = socket.socketpair()
        self.text = ""
        self.left = threading.Event()
        self.is_whole = False

    def encode(self, pieces: list[Piece]) -> bytes:
        self.text += "".join(piece.text for piece in pieces)
        return b""

    def look(self, now: float) -> bytes | None:
        return b""

    def close(self) -> bytes:
        return b"."

    def leave(self, is_whole: bool) -> None:
        self.is_whole = is_whole
        self.sock.close()
        self._far.close()
        self.left.set()


@pytest.fixture
def target() -> Iterator[Target]:
    with FarEnd() as far_end:
        yield Target("openai", far_end.base_url, allow_private=True)
        pool.close()


def begun(target: Target, model: str) -> tuple[AnswerStream, Incoming]:
    source = stream(target, ChatRequest(model, (ChatMessage("user", "Hello"),)))
    source.open()
    incoming = source.detach()
    assert incoming
    return source, incoming


def test_a_line_that_cannot_begin_is_cut_and_the_others_go_on(target: Target) -> None:
    board = Switchboard()
    (source, slow), (_, broken) = begun(target, "slow"), begun(target, "stall-mid")
    listeners = Listener(), Listener()
    broken.sock.close()
    board.carry(slow, listeners[0])
    board.carry(broken, listeners[1])
    assert all(listener.left.wait(5) for listener in listeners)
    assert (listeners[0].is_whole, listeners[1].is_whole) == (True, False)
    assert source.reply.complete
    assert listeners[0].text == source.reply.text


def test_a_slow_reader_holds_a_provider_for_the_whole_time_of_a_call_at_most(target: Target) -> None:
    limits = Limits(idle_seconds=5, progress_seconds=5, total_seconds=50)
    source, incoming = begun(replace(target, limits=limits), "stall-mid")
    incoming.look_at_clocks(time.monotonic() + 20, is_held=True)
    assert not incoming.is_over
    incoming.look_at_clocks(time.monotonic() + 60, is_held=True)
    assert incoming.is_over
    assert source.reply.error
    assert source.reply.error.category == "timeout"
    incoming.leave(pool)


def test_many_small_records_of_tls_are_read_to_the_end_without_starving_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server writes each event as a record of its own; a read takes one, and the socket stays readable."""
    pem = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    tls_context.cache_clear()
    with FarEnd(tls=server_context(pem), text="word " * 500) as far_end:
        source, incoming = begun(Target("openai", far_end.base_url, allow_private=True), "ok")
        board, listener = Switchboard(), Listener()
        board.carry(incoming, listener)
        assert listener.left.wait(10)
        assert listener.text == source.reply.text == far_end.text
        pool.close()
    tls_context.cache_clear()
