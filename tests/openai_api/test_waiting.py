"""While a provider is awaited: who leaves frees it, silence is bridged, places are counted, nothing else is held."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from sqlalchemy import delete

from tests.far_end import Call
from tests.openai_api.conftest import House
from tests.openai_api.test_official_client import ASKED
from webapp.accounts.api_token import ApiToken
from webapp.core.database import db, writing

FREED_SECONDS = 2.0


def next_call(house: House, before: int) -> Call:
    return house.far_end.wait_for_calls(before + 1)[before]


@contextlib.contextmanager
def connection(house: House, body: dict[str, Any]) -> Iterator[socket.socket]:
    """A program without manners: it sends a request and does with the socket what it likes."""
    data = httpx2.Request("POST", house.url, json={"messages": ASKED} | body).read()
    host, port = "127.0.0.1", int(house.url.split(":")[2].split("/")[0])
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nx-api-key: {house.tokens['owner']}\r\n"
    with socket.create_connection((host, port), 10) as sock:
        sock.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
        yield sock


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["hold", "stall", "stall-mid", "comments-mid"])
def test_a_client_that_leaves_frees_the_provider(house: House, model: str, stream: bool) -> None:
    before = len(house.far_end.calls)
    with connection(house, {"model": f"far-end/{model}", "stream": stream}):
        call = next_call(house, before)
    left = time.monotonic()
    assert call.gone.wait(FREED_SECONDS), "the provider is still busy for nobody"
    assert time.monotonic() - left < FREED_SECONDS


def test_a_client_that_leaves_a_busy_stream_frees_the_provider(house: House) -> None:
    before = len(house.far_end.calls)
    with connection(house, {"model": "endless", "stream": True}) as sock:
        sock.recv(1000)
    assert next_call(house, before).gone.wait(FREED_SECONDS)


def test_closing_the_official_stream_frees_the_provider(house: House, client: openai.OpenAI) -> None:
    before = len(house.far_end.calls)
    stream = client.chat.completions.create(model="stall-mid", messages=ASKED, stream=True)
    assert next(iter(stream)).choices
    stream.close()
    assert next_call(house, before).gone.wait(FREED_SECONDS)


@pytest.mark.parametrize("stream", [False, True])
def test_the_clients_own_timeout_frees_the_provider(house: House, stream: bool) -> None:
    before = len(house.far_end.calls)
    with pytest.raises(openai.APITimeoutError):
        house.client(timeout=0.5).chat.completions.create(model="far-end/hold", messages=ASKED, stream=stream)
    assert next_call(house, before).gone.wait(FREED_SECONDS)


def test_a_silent_provider_is_bridged_by_signs_of_life(house: House) -> None:
    with connection(house, {"model": "stall-mid", "stream": True}) as sock:
        sock.settimeout(9)
        received = b""
        while b": ping\n\n" not in received:
            received += sock.recv(1000)
    assert b"Half " in received


def test_the_first_chunk_does_not_wait_for_the_second(house: House) -> None:
    with connection(house, {"model": "stall-mid", "stream": True}) as sock:
        received, began = b"", time.monotonic()
        while b"Half " not in received:
            received += sock.recv(1000)
        assert time.monotonic() - began < 2


def test_a_client_that_does_not_read_makes_the_provider_wait(house: House) -> None:
    before = len(house.far_end.calls)
    with connection(house, {"model": "endless", "stream": True}) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        call = next_call(house, before)
        assert not call.gone.wait(1.0)
        assert memory_mb(house) < 400
    assert call.gone.wait(FREED_SECONDS + 1)


def memory_mb(house: House) -> float:
    """What the worker of the serving process holds."""
    assert house.server
    pid = house.server.process.pid
    [child] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(Path(f"/proc/{child}/statm").read_text().split()[1]) * 4096 / 1e6


@pytest.fixture
def full(house: House) -> Iterator[int]:
    """Every place of the house is taken: 24 threads, of which 8 are for pages; no provider gets more than half."""
    before = len(house.far_end.calls)
    with contextlib.ExitStack() as stack:
        for number in range(16):
            body = {"model": "second/hold" if number % 2 else "far-end/hold", "stream": bool(number % 4)}
            for _ in range(20):  # a place of the test before may still be on its way back
                stack.enter_context(connection(house, body))
                with contextlib.suppress(AssertionError):
                    house.far_end.wait_for_calls(before + number + 1, seconds=2)
                    break
        calls = house.far_end.wait_for_calls(before + 16)[before:]
        yield 16
    assert all(call.gone.wait(10) for call in calls)


@pytest.mark.parametrize("stream", [False, True])
def test_beyond_the_places_there_is_503_and_when_to_come_back(house: House, full: int, stream: bool) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        house.client().chat.completions.create(model="far-end/ok", messages=ASKED, stream=stream)
    assert caught.value.status_code == 503
    assert caught.value.response.headers["retry-after"]
    assert house.client().models.list().data  # others are served meanwhile


def test_every_place_comes_back(house: House) -> None:
    for model in ("far-end/ok", "far-end/401", "cut", "error-mid") * 5:
        with contextlib.suppress(openai.APIError):
            list(house.client().chat.completions.create(model=model, messages=ASKED, stream=True))
        with contextlib.suppress(openai.APIError):
            house.client().chat.completions.create(model=model, messages=ASKED)
    assert house.client().chat.completions.create(model="far-end/ok", messages=ASKED).choices


def test_a_provider_that_hangs_leaves_places_for_the_others(house: House) -> None:
    before = len(house.far_end.calls)
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(connection(house, {"model": "far-end/hold"}))
        calls = house.far_end.wait_for_calls(before + 8)[before:]
        with pytest.raises(openai.InternalServerError) as caught:
            house.client().chat.completions.create(model="far-end/ok", messages=ASKED)
        assert caught.value.status_code == 503
        assert house.client().chat.completions.create(model="second/fine", messages=ASKED).choices
    assert all(call.gone.wait(10) for call in calls)


def test_a_stream_holds_no_place_once_it_speaks(house: House) -> None:
    before = len(house.far_end.calls)
    with contextlib.ExitStack() as stack:
        for _ in range(40):  # more than there are threads
            sock = stack.enter_context(connection(house, {"model": "far-end/stall-mid", "stream": True}))
            received = b""
            while b"Half " not in received:
                received += sock.recv(1000)
        assert house.client().chat.completions.create(model="far-end/ok", messages=ASKED).choices
        calls = house.far_end.wait_for_calls(before + 40)[before : before + 40]
    assert all(call.gone.wait(10) for call in calls)


def test_the_connection_of_a_stream_serves_the_next_request(house: House, client: openai.OpenAI) -> None:
    with httpx2.Client(base_url=house.url, headers={"x-api-key": house.tokens["owner"]}) as http:
        ports = set()
        for stream in (True, True, False, True):
            body = {"model": "far-end/ok", "messages": ASKED, "stream": stream}
            with http.stream("POST", "/chat/completions", json=body) as response:
                ports.add(response.extensions["network_stream"].get_extra_info("client_addr"))
                assert b"choices" in response.read()
    assert len(ports) == 1


def test_no_database_connection_is_held_during_the_wait(furnished: House) -> None:
    app = furnished.app
    assert app
    headers = {"x-api-key": furnished.tokens["owner"]}
    statuses: list[int] = []

    def ask(stream: bool) -> None:
        body = {"model": "far-end/hold", "messages": ASKED, "stream": stream}
        with app.test_client().post("/v1/chat/completions", json=body, headers=headers) as response:
            statuses.append(response.status_code)

    threads = [threading.Thread(target=ask, args=(stream,)) for stream in (False, True)]
    for thread in threads:
        thread.start()
    furnished.far_end.wait_for_calls(2)
    with app.app_context():
        assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    furnished.far_end.release.set()
    for thread in threads:
        thread.join(10)
    assert statuses == [200, 200]


def test_a_server_that_closes_says_so_inside_the_stream(own_house: House) -> None:
    stream = own_house.client().chat.completions.create(model="stall-mid", messages=ASKED, stream=True)
    assert next(iter(stream)).choices
    assert own_house.server
    own_house.server.process.send_signal(15)
    with pytest.raises(openai.APIError, match="closing"):
        list(stream)
    assert own_house.far_end.calls[0].gone.wait(FREED_SECONDS)
    assert own_house.server.process.wait(10) == 0


def test_a_token_that_is_revoked_ends_its_open_streams(own_house: House) -> None:
    stream = own_house.client().chat.completions.create(model="far-end/stall-mid", messages=ASKED, stream=True)
    assert next(iter(stream)).choices
    assert own_house.app
    with own_house.app.app_context(), writing() as session:
        session.execute(delete(ApiToken).where(ApiToken.name == "owner"))
    with pytest.raises(openai.APIError, match="does not hold any more"):
        list(stream)
    assert own_house.far_end.calls[0].gone.wait(FREED_SECONDS)
    with pytest.raises(openai.AuthenticationError):
        own_house.client().models.list()
