"""Request bodies as a real socket sends them: lying, endless, or not at all."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.serving import Server

FORM = "Content-Type: application/x-www-form-urlencoded\r\n"


@pytest.fixture
def server(serve: Callable[..., Server], data_dir: Path) -> Server:
    return serve(data_dir)


def exchange(server: Server, head: str, *body: bytes) -> bytes:
    """Send one request to /login; return the answer as far as it came."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), 20) as line:
        try:
            line.sendall(f"POST /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{FORM}{head}\r\n".encode())
            for part in body:
                line.sendall(part)
            line.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the server has answered and closed already
        answer = b""
        try:
            while part := line.recv(65536):
                answer += part
        except ConnectionResetError:
            pass  # it did not read what it refused
    return answer


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


def test_bodies_that_lie_or_never_end_are_refused_and_the_server_goes_on(server: Server) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    for head, body, expected in (
        ("", (), {400}),  # no length: no body, so no token
        ("Content-Length: -5\r\n", (b"a=b",), {400}),
        ("Content-Length: 3\r\nContent-Length: 4\r\n", (b"a=bc",), {400}),
        ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", (b"3\r\na=b\r\n0\r\n\r\n",), {400}),
        ("Transfer-Encoding: chunked, identity\r\n", (b"a=b",), {400, 501}),
        ("Transfer-Encoding: chunked\r\n", (b"zz\r\n",), {400}),
        ("Transfer-Encoding: chunked\r\n", (b"3\r\na=b\r\n0\r\n\r\n",), {400}),
        ("Content-Length: 101000000\r\n", (b"x" * 100_000,), {413}),
        ("Transfer-Encoding: chunked\r\n", tuple([chunk] * 160), {413, 0}),  # 0: reset before it was read
        ("Content-Length: 1000\r\n", (b"a=b",), {400}),  # it hangs up early
    ):
        found = status(exchange(server, head, *body))
        assert found in expected, (head, found)
    assert status(exchange(server, "Content-Length: 3\r\n", b"a=b")) == 400
    assert "Traceback" not in "".join(server.output)


def test_a_line_break_in_a_header_or_address_makes_no_second_log_line(server: Server) -> None:
    exchange(server, "User-Agent: x\x1b[31m\x85y\r\n", b"")
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), 20) as line:
        line.sendall(b"GET /a%0d%0aINFO%20admin%20signed%20in%1b%5b2J HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert line.recv(20).startswith(b"HTTP/1.1 404")
    assert server.stop() == 0
    assert not any(text.startswith("INFO admin") or "\x1b" in text for text in server.output)
    assert any("admin signed in" in text for text in server.output)
