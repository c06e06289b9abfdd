"""A provider that frames its answers oddly: nothing is guessed, and no byte of one answer becomes part of another."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from webapp.upstream import complete
from webapp.upstream.body import Body
from webapp.upstream.brake import Fault
from webapp.upstream.failures import UpstreamError
from webapp.upstream.http_head import HttpHead, split_head
from webapp.upstream.messages import ChatMessage, ChatRequest
from webapp.upstream.target import Limits, Target
from webapp.upstream.transport import pool

ASK = ChatRequest("ok", (ChatMessage("user", "Hello"),))
SAID = b'{"choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}]}'
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n"
SIZE = b"%x" % len(SAID)


@contextmanager
def provider(*parts: bytes, pause: float = 0.0) -> Iterator[tuple[Target, list[socket.socket]]]:
    """Answers every request with these bytes, part by part, and keeps the connection open."""
    accepted: list[socket.socket] = []
    ended = threading.Event()

    def serve(sock: socket.socket) -> None:
        try:
            while sock.recv(65_536):
                for part in parts:
                    sock.sendall(part)
                    if pause and ended.wait(pause):
                        return
        except OSError:
            pass

    def accept(server: socket.socket) -> None:
        while True:
            try:
                sock, _ = server.accept()
            except OSError:
                return
            accepted.append(sock)
            threading.Thread(target=serve, args=(sock,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, args=(server,), daemon=True).start()
        limits = Limits(first_byte_seconds=0.6, idle_seconds=0.6, total_seconds=5)
        base_url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        yield Target("openai", base_url, allow_private=True, limits=limits), accepted
        server.shutdown(socket.SHUT_RDWR)
    ended.set()
    for sock in accepted:
        sock.close()
    pool.close()


def category_of(target: Target) -> str:
    with pytest.raises(UpstreamError) as caught:
        complete(target, ASK)
    return caught.value.category


@pytest.mark.parametrize(
    "size",
    [b"0x10", b"+5", b" 5", b"-5", b"", b"5_0", b"5 5", b"5g", b"5\x00", b"5\x0b", b"\t5", b";5", b"f" * 16, b"5\r"],
)
def test_what_is_no_plain_size_of_a_chunk_is_refused(size: bytes) -> None:
    with pytest.raises(Fault):
        Body(True, None).feed(size + b"\r\nHello")


@pytest.mark.parametrize("size", [b"5", b"05", b"5;a=b", b"5 ;a=b", b"5; a", b"5  "])
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_zeros_extensions_and_lone_line_feeds_are_read_as_servers_mean_them(size: bytes, end: bytes) -> None:
    body = Body(True, None)
    assert body.feed(size + end + b"Hello" + end + b"0" + end + b"x-trailer: 1" + end + end) == b"Hello"
    assert body.is_whole
    assert not body.has_leftover


@pytest.mark.parametrize("after", [b"Hello!", b"Hello\r\r\n0\r\n\r\n", b"Hello0\r\n\r\n"])
def test_a_chunk_that_does_not_end_where_it_said_is_refused(after: bytes) -> None:
    with pytest.raises(Fault):
        Body(True, None).feed(b"5\r\n" + after + b"\r\n")


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: 5, 6",
        b"Content-Length: +5",
        b"Content-Length: -1",
        b"Content-Length: 0x5",
        b"Content-Length: 5\r\n 6",
        b"Content-Length: " + b"9" * 30,
        b"Content-Length: \xb2",
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: chunked, chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        b"Transfer-Encoding: chun\r\n ked",
        b"Transfer-Encoding: \x0bchunked",
        b"No colon here",
        b"\r\n".join(b"X-%d: 1" % number for number in range(300)),
        b"X: " + b"a" * 70_000,
    ],
)
def test_a_head_that_leaves_its_end_in_doubt_is_refused(head: bytes) -> None:
    with provider(OK + head + b"\r\n\r\n" + SAID) as (target, _):
        assert category_of(target) == "bad_response"


@pytest.mark.parametrize(
    "answer",
    [
        CHUNKED + b"Content-Length: 3\r\n\r\n" + SIZE + b"\r\n" + SAID + b"\r\n0\r\n\r\n",
        CHUNKED.replace(b"1.1", b"1.0") + b"Connection: keep-alive\r\n\r\n" + SIZE + b"\r\n" + SAID + b"\r\n0\r\n\r\n",
        CHUNKED + b"\r\n" + SIZE + b"\r\n" + SAID + b"\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        OK + b"Content-Length: %d\r\n\r\n" % len(SAID) + SAID + b"\r\n",
    ],
    ids=["length-and-chunks", "chunks-of-http-1.0", "an-answer-too-many", "a-line-too-many"],
)
def test_a_connection_in_doubt_serves_nobody_else(answer: bytes) -> None:
    with provider(answer) as (target, accepted):
        assert complete(target, ASK).text == complete(target, ASK).text == "hi"
        assert len(accepted) == 2


def test_a_letter_is_no_end_of_a_line() -> None:
    """Names in other scripts hold bytes that Latin-1 takes for line breaks: Å is C3 85, 公 is E5 85 AC."""
    head = HttpHead.parse("HTTP/1.1 200 好公\r\nX-Org: 公司 Århus\r\nContent-Length: 2".encode())
    assert head.length == 2
    assert len(head.headers) == 2


def test_an_answer_without_a_body_has_none_whatever_its_head_says() -> None:
    head = HttpHead.parse(b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked")
    assert Body(head.is_chunked, head.length).is_whole


def test_a_few_interim_heads_are_skipped_and_a_flood_ends() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    with provider(interim * 5 + OK + b"Content-Length: %d\r\n\r\n" % len(SAID) + SAID) as (target, _):
        assert complete(target, ASK).text == "hi"
    with provider(interim * 1000) as (target, _):
        assert category_of(target) == "bad_response"


def test_a_head_that_drips_ends_at_the_first_byte_limit() -> None:
    with provider(OK, *[b"X: 1\r\n"] * 40, pause=0.1) as (target, _):
        began = time.monotonic()
        assert category_of(target) == "timeout"
        assert time.monotonic() - began < 2


def test_a_head_in_single_bytes_costs_no_more_than_one_at_once() -> None:
    """Only what is new is searched, with the three bytes before it."""
    data = b"HTTP/1.1 200 OK\r\nA: 1\r\n\r\nrest"
    for end in range(len(data) - 4):
        assert (split_head(data[: end + 1], end) is None) == (end + 1 < len(data) - 4)
    assert split_head(data, len(data) - 5) == (data[:-8], b"rest")
