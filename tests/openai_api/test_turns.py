"""Programs and a limited provider: both limits hold on the wire, and every end of a call gives its turn back."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import openai
import pytest
from flask import g

from tests import far_end_chat
from tests.openai_api.conftest import MODELS, House, add_provider, opened
from tests.openai_api.test_official_client import ASKED
from tests.openai_api.test_waiting import FREED_SECONDS, connection, next_call
from webapp.accounts.user import find_user
from webapp.core.database import db, writing
from webapp.openai_api import routes
from webapp.openai_api.names import find_seat
from webapp.providers.provider import Provider
from webapp.routing.terms import Question
from webapp.upstream.brake import Brake

SECONDS = 10.0
numbers = count()


class Counted:
    """What the far end counts of its own model `counted`: when calls began, and how many ran at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.begun: list[float] = []
        self.running = self.most = 0

    def play(self, play: Any) -> None:
        with self._lock:
            self.begun.append(time.monotonic())
            self.running += 1
            self.most = max(self.most, self.running)
        play.gone_within(0.02)
        if play.call.json.get("stream"):
            play.head(200)
            *events, last = far_end_chat.events(play)
            for data in events:
                play.chunk(data)
            self._end()
            play.chunk(last)
            play.end()
        else:
            self._end()
            far_end_chat.ok(play)

    def _end(self) -> None:
        with self._lock:
            self.running -= 1


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    counted = Counted()
    monkeypatch.setitem(far_end_chat.SCRIPTS, "counted", counted.play)
    return counted


@pytest.fixture(scope="module")
def wide_house(first_start: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house with threads enough for hundreds who wait."""
    with opened(first_start, tmp_path_factory.mktemp("wide") / "data", threads=512) as house:
        yield house


def limited(house: House, dialect: str = "openai", **limits: int) -> str:
    """Add a provider with these limits; return its slug."""
    slug = f"limited-{next(numbers)}"
    assert house.app
    with house.app.app_context():
        base_url = house.far_end.at("anthropic") if dialect == "anthropic" else house.far_end.base_url
        add_provider(slug, base_url, [*MODELS, "counted"], dialect=dialect)
        with writing() as session:
            session.query(Provider).filter_by(slug=slug).one().limits = limits
        db.engine.dispose()
    return slug


def ask(house: House, slug: str, model: str = "ok", stream: bool = False, **more: Any) -> Any:
    client = house.client(**more)
    answer = client.chat.completions.create(model=f"{slug}/{model}", messages=ASKED, stream=stream)  # type: ignore[call-overload]
    return list(answer) if stream else answer


def call_200_times(house: House, slug: str, seconds: float) -> Counter[str]:
    """Two people's programs call 200 times at once, two of three calls streamed; return how they ended."""
    clients = [house.client(who, timeout=seconds) for who in ("owner", "stranger")]

    def call(number: int) -> str:
        stream = bool(number % 3)
        try:
            answer = clients[number % 2].chat.completions.create(  # type: ignore[call-overload]
                model=f"{slug}/counted", messages=ASKED, stream=stream
            )
            return "ok" if not stream or list(answer) else "empty"
        except openai.APITimeoutError:
            return "left"

    with ThreadPoolExecutor(200) as pool:
        return Counter(pool.map(call, range(200)))


def test_200_callers_never_have_more_than_their_places(wide_house: House, counted: Counted) -> None:
    assert call_200_times(wide_house, limited(wide_house, concurrent=5), 100) == {"ok": 200}
    assert (len(counted.begun), counted.most) == (200, 5)


def test_200_callers_never_begin_more_than_their_minute_holds(wide_house: House, counted: Counted) -> None:
    assert call_200_times(wide_house, limited(wide_house, requests_per_minute=20), 8) == {"ok": 20, "left": 180}
    assert len(counted.begun) == 20


ENDS = "ok cut error-mid 401 429 500 refuse:max_tokens length echo-key 404".split()


@pytest.mark.parametrize("stream", [False, True])
def test_every_end_of_a_call_gives_its_turn_back(house: House, stream: bool) -> None:
    slug = limited(house, concurrent=1)
    for model in ENDS:
        with contextlib.suppress(openai.APIError):
            ask(house, slug, model, stream, timeout=SECONDS)
    assert ask(house, slug, timeout=FREED_SECONDS)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["hold", "stall", "stall-mid", "comments-mid", "endless"])
def test_a_client_that_leaves_gives_its_turn_back(house: House, model: str, stream: bool) -> None:
    slug, before = limited(house, concurrent=1), len(house.far_end.calls)
    with connection(house, {"model": f"{slug}/{model}", "stream": stream}) as sock:
        next_call(house, before)
        if stream and "mid" in model:
            sock.recv(1000)
    assert ask(house, slug, timeout=SECONDS)


def test_the_turn_of_a_protocol_that_is_translated_comes_back(house: House) -> None:
    slug = limited(house, "anthropic", concurrent=1)
    for stream in (True, False, True):
        assert ask(house, slug, stream=stream, timeout=SECONDS)


def test_embeddings_take_turns_and_give_them_back(house: House) -> None:
    slug = limited(house, concurrent=1)
    for model in ("embed-small", "embed-deep", "embed-plain"):
        with contextlib.suppress(openai.APIError):
            house.client(timeout=SECONDS).embeddings.create(model=f"{slug}/{model}", input="Hello")
    before = len(house.far_end.calls)
    with connection(house, {"model": f"{slug}/hold"}):
        next_call(house, before)
        with pytest.raises(openai.APITimeoutError):
            house.client(timeout=0.5).embeddings.create(model=f"{slug}/embed-small", input="Hello")
        time.sleep(1.0)  # by then it was seen to have gone
    assert len(house.far_end.calls) == before + 1


def test_a_stream_keeps_its_turn_to_its_end(house: House) -> None:
    slug, before = limited(house, concurrent=1), len(house.far_end.calls)
    with connection(house, {"model": f"{slug}/stall-mid", "stream": True}) as sock:
        received = b""
        while b"Half " not in received:  # by now the switchboard carries it, and no thread waits
            received += sock.recv(1000)
        with pytest.raises(openai.APITimeoutError):
            ask(house, slug, timeout=1.0)
        assert len(house.far_end.calls) == before + 1
    assert ask(house, slug, timeout=SECONDS)


def test_who_leaves_the_line_is_never_asked_for(house: House) -> None:
    slug, before = limited(house, concurrent=1), len(house.far_end.calls)
    with connection(house, {"model": f"{slug}/hold"}):
        next_call(house, before)
        for _ in range(3):
            with pytest.raises(openai.APITimeoutError):
                ask(house, slug, "exact", timeout=0.3)
        time.sleep(1.0)  # by then each of them was seen to have gone
    assert ask(house, slug, timeout=SECONDS)
    assert [call.json["model"] for call in house.far_end.calls[before:]] == ["hold", "ok"]


def test_whoever_waits_too_long_gets_429_and_when_to_come_back(
    furnished: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "PROGRAM_SECONDS", 0.2)
    assert furnished.app
    with furnished.app.app_context(), writing() as session:
        session.query(Provider).filter_by(slug="far-end").one().limits = {"requests_per_minute": 1}
    client, headers = furnished.app.test_client(), {"x-api-key": furnished.tokens["owner"]}
    body = {"model": "far-end/exact", "messages": ASKED}
    assert client.post("/v1/chat/completions", json=body, headers=headers).status_code == 200
    for stream in (False, True):
        refused = client.post("/v1/chat/completions", json=body | {"stream": stream}, headers=headers)
        assert refused.status_code == 429
        assert 55 < int(refused.headers["Retry-After"]) <= 61
        error = {"type": "requests", "param": None, "code": "rate_limit_exceeded"}
        assert refused.json == {
            "error": error
            | {"message": "far-end: No place came free in time: calls to this provider are limited here."}
        }
    assert len(furnished.far_end.calls) == 1


def test_a_mistake_of_ours_gives_its_turn_back(furnished: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "PROGRAM_SECONDS", 0.2)
    assert furnished.app
    with furnished.app.test_request_context():
        with writing() as session:
            session.query(Provider).filter_by(slug="far-end").one().limits = {"concurrent": 1}
            g.user, g.token_id = find_user(session, "owner"), 1
        seat = find_seat(g.user, "far-end/ok")
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                routes._asked(seat, Question(seat.subject), Brake(), lambda *_: 1 / 0)


def test_a_server_that_closes_sends_the_line_home(own_house: House) -> None:
    with connection(own_house, {"model": f"{(slug := limited(own_house, concurrent=1))}/hold"}):
        own_house.far_end.wait_for_calls(1)
        with connection(own_house, {"model": f"{slug}/ok"}) as second:
            time.sleep(0.3)  # the second one is in line
            assert own_house.server
            own_house.server.process.send_signal(15)
            second.settimeout(5)
            assert b" 503 " in second.recv(1000)
    assert len(own_house.far_end.calls) == 1
