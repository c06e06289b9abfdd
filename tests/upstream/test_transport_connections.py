"""Connections and what is read from them: kept and replaced ones, lists of every size, TLS, servers that are none."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.far_end import FarEnd
from webapp.core.secret import Secret
from webapp.upstream import complete, list_models, stream
from webapp.upstream.failures import UpstreamError
from webapp.upstream.messages import ChatMessage, ChatRequest
from webapp.upstream.target import Limits, Target
from webapp.upstream.transport import pool


def ask(model: str = "ok") -> ChatRequest:
    return ChatRequest(model, (ChatMessage("user", "Hello"),))


@pytest.fixture
def far_end() -> Iterator[FarEnd]:
    with FarEnd() as server:
        yield server
    pool.close()


@pytest.fixture
def target(far_end: FarEnd) -> Target:
    return Target("openai", far_end.base_url, allow_private=True)


def error_of(target: Target, model: str = "ok") -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        complete(target, ask(model))
    return caught.value


# Connections


def test_connections_are_kept_and_shared_between_keys(far_end: FarEnd, target: Target) -> None:
    for number in range(3):
        complete(replace(target, api_key=Secret(f"key number {number}")), ask())
        list(stream(target, ask()))
    assert far_end.connections == 1


def test_a_connection_that_the_server_has_closed_is_replaced_unseen(far_end: FarEnd, target: Target) -> None:
    complete(target, ask())
    far_end.hang_up()
    assert complete(target, ask()).text == far_end.text
    assert far_end.connections == 2
    assert len(far_end.calls) == 2


def test_a_request_that_may_have_arrived_is_never_sent_again(far_end: FarEnd, target: Target) -> None:
    complete(target, ask())
    assert error_of(target, "silent").category == "stream_cut"
    assert len(far_end.calls) == 2


def test_a_connection_with_bytes_to_spare_is_not_used_again(target: Target) -> None:
    """Bytes beyond the answer could be taken for the answer to somebody else."""
    body = b'{"choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}]}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with raw_server(answer + b"HTTP/1.1 200 OK\r\n", answer) as (port, accepted):
        there = replace(target, base_url=f"http://127.0.0.1:{port}/v1")
        assert complete(there, ask()).text == complete(there, ask()).text == "hi"
        assert len(accepted) == 2


def test_an_answer_is_read_when_the_server_stops_listening_half_way(target: Target) -> None:
    answer = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    with raw_server(answer, read_bytes=100) as (port, _):
        request = ChatRequest("ok", (ChatMessage("user", "x" * 4_000_000),))
        with pytest.raises(UpstreamError) as caught:
            complete(replace(target, base_url=f"http://127.0.0.1:{port}/v1"), request)
    assert caught.value.category in ("payload_too_large", "stream_cut")  # the reset may overtake the answer


# Lists


@pytest.mark.parametrize(
    ("script", "count"),
    [
        ("bare", 5),
        ("envelope-models", 5),
        ("empty-list", 0),
        ("models:2000", 2000),
        ("models:10000", 10_000),
        ("pages:350", 350),
    ],
)
def test_lists_of_every_envelope_and_size_are_read(far_end: FarEnd, target: Target, script: str, count: int) -> None:
    found = list_models(replace(target, base_url=far_end.at(script)))
    assert len(found.models) == count
    assert found.complete
    assert found.next is None


def test_a_list_of_ten_megabytes_is_read_in_bounded_memory(far_end: FarEnd) -> None:
    program = f"""
import resource
from webapp.upstream import list_models
from webapp.upstream.target import Target
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(len(list_models(Target("openai", "{far_end.at("10mb")}", allow_private=True)).models))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    count, megabytes = map(int, done.stdout.split())
    assert count == 2000
    assert megabytes < 60


@pytest.mark.parametrize(
    ("script", "category"),
    [
        ("endless", "too_large"),
        ("html", "wrong_path"),
        ("badjson", "bad_response"),
        ("deep", "bad_response"),
        ("gzip", "bad_response"),
        ("401", "auth_invalid"),
        ("402", "billing"),
        ("429", "rate_limit"),
        ("500", "server_error"),
    ],
)
def test_a_list_that_cannot_be_read_is_an_error(far_end: FarEnd, target: Target, script: str, category: str) -> None:
    limits = Limits(list_bytes=200_000)
    with pytest.raises(UpstreamError) as caught:
        list_models(replace(target, base_url=far_end.at(script), limits=limits))
    assert caught.value.category == category
    assert caught.value.exchange.request.startswith("GET ")


# TLS and other surprises


def test_tls_to_a_plain_port_says_so(far_end: FarEnd, target: Target) -> None:
    error = error_of(replace(target, base_url=far_end.base_url.replace("http:", "https:")))
    assert error.category == "network_tls"
    assert error.action == "fix_base_url"


def test_a_server_that_speaks_no_http_is_a_bad_answer(target: Target) -> None:
    with raw_server(b"SSH-2.0-OpenSSH_9.2\r\n") as (port, _):
        error = error_of(replace(target, base_url=f"http://127.0.0.1:{port}/v1"))
    assert error.category == "bad_response"
    assert error.action == "fix_base_url"


class raw_server:
    """Answers connections with the given bytes, one after the other."""

    def __init__(self, *answers: bytes, read_bytes: int = 1_000_000) -> None:
        self._answers, self._read_bytes = answers, read_bytes
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._accepted: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        for answer in self._answers:
            sock, _ = self._listener.accept()
            self._accepted.append(sock)
            sock.recv(self._read_bytes)
            sock.sendall(answer)
            if self._read_bytes < 1000 or b"SSH" in answer:
                sock.close()

    def __enter__(self) -> tuple[int, list[socket.socket]]:
        self._thread.start()
        return self._listener.getsockname()[1], self._accepted

    def __exit__(self, *exc: object) -> None:
        self._thread.join(5)
        for sock in self._accepted:
            sock.close()
        self._listener.close()
