"""Programs with a token and no manners: what one does to its own connection reaches nobody else; nothing leaks."""

import contextlib
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.openai_api.conftest import House
from tests.openai_api.test_official_client import ASKED

ODD_STREAMS = 500


def request(house: House, model: str, *, stream: bool = True) -> bytes:
    data = json.dumps({"model": model, "messages": ASKED, "stream": stream}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-key: {house.tokens['owner']}\r\n"
    return f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data


@contextlib.contextmanager
def line(house: House) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", int(house.url.split(":")[2].split("/")[0])), 10) as sock:
        yield sock


def reset(sock: socket.socket) -> None:
    """Close without a word of farewell."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def read_until(sock: socket.socket, is_enough: Callable[[bytes], bool]) -> bytes:
    came = b""
    while not is_enough(came) and (data := sock.recv(65_536)):
        came += data
    return came


def open_sockets(house: House) -> int:
    """Those of the serving process, without the ones that it keeps to its provider."""
    assert house.server
    pid = house.server.process.pid
    [child] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    found = []
    for name in os.listdir(f"/proc/{child}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/{child}/fd/{name}"))
    return sum(name.startswith("socket:") for name in found) - len(house.far_end._sockets)


def text_of(client: openai.OpenAI, model: str) -> str:
    chunks = client.chat.completions.create(model=model, messages=ASKED, stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_who_resets_at_once_closes_no_connection_that_others_use(own_house: House) -> None:
    for _ in range(150):  # the whole answer is there before anybody notices that its reader is not
        with line(own_house) as sock:
            sock.sendall(request(own_house, "far-end/ok"))
            reset(sock)
    client = own_house.client().with_options(max_retries=8)  # on a slow machine they may fill all places for a moment
    for _ in range(20):
        assert text_of(client, "far-end/ok") == own_house.far_end.text
    assert own_house.server
    assert "Bad file descriptor" not in "".join(own_house.server.output)


def test_five_hundred_odd_streams_leave_no_socket_open(own_house: House) -> None:
    client = own_house.client()
    text_of(client, "far-end/ok")
    before = open_sockets(own_house)
    held: list[socket.socket] = []
    for number in range(ODD_STREAMS):
        model = ("ok", "slow", "stall-mid", "comments-mid", "endless", "cut", "error-mid", "500")[number % 8]
        sock = socket.create_connection(("127.0.0.1", int(own_house.url.split(":")[2].split("/")[0])), 10)
        sock.sendall(request(own_house, f"far-end/{model}"))
        match number // 8 % 5:
            case 0:
                reset(sock)
            case 1:
                sock.close()
            case 2:
                sock.shutdown(socket.SHUT_WR)
                held.append(sock)
            case 3:
                sock.recv(100)
                reset(sock)
            case 4:
                held.append(sock)  # reads nothing
        if len(held) > 30:
            for old in held[:20]:
                old.close()
            del held[:20]
    for sock in held:
        sock.close()
    until = time.monotonic() + 20
    while open_sockets(own_house) > before + 2 and time.monotonic() < until:
        threading.Event().wait(0.2)
    assert open_sockets(own_house) <= before + 2
    assert text_of(client, "far-end/ok") == own_house.far_end.text
    assert own_house.server
    assert "Traceback" not in "".join(own_house.server.output)


@pytest.mark.parametrize("model", ["far-end/ok", "far-end/slow"])
def test_a_request_behind_a_streamed_one_is_answered_after_it(house: House, model: str) -> None:
    with line(house) as sock:
        sock.sendall(request(house, model) + request(house, "far-end/ok", stream=False))
        came = read_until(sock, lambda came: came.count(b"HTTP/1.1 200") == 2 and came.endswith(b"}"))
    assert came.index(b"data: [DONE]") < came.rindex(b"HTTP/1.1 200")


def test_a_request_sent_during_a_stream_waits_for_its_end(house: House) -> None:
    with line(house) as sock:
        sock.sendall(request(house, "far-end/slow"))
        came = sock.recv(20)
        sock.sendall(request(house, "far-end/ok", stream=False))
        came += read_until(sock, lambda came: b"HTTP/1.1 200" in came and came.endswith(b"}"))
    assert came.index(b"data: [DONE]") < came.rindex(b"HTTP/1.1 200")


def test_a_fault_in_one_line_does_not_touch_another(house: House) -> None:
    """While one line streams, others are cut, flooded, stalled and dropped around it."""
    found: list[Any] = []
    reader = threading.Thread(target=lambda: found.append(text_of(house.client(), "far-end/slow")))
    reader.start()
    for model in ("cut", "error-mid", "endless", "stall-mid") * 5:
        with line(house) as sock:
            sock.sendall(request(house, f"far-end/{model}"))
            sock.recv(10)
            reset(sock)
    reader.join(10)
    assert found == [house.far_end.text]
