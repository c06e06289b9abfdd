"""Many pages at once, with two connections to the database for all: each has its turn, none waits for another."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from tests.conftest import Person
from webapp import factory
from webapp.core.memory import memory

CROWD = 200
PAGES = ("/", "/providers", "/models/picker", "/models", "/routes", "/routes/why?model=demo/demo-echo")


@pytest.fixture
def app(make_app: Callable[..., Flask], settings: object, monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setattr(factory, "KEPT", 2)
    monkeypatch.setattr(factory, "MOST", 2)
    return make_app(settings)


def test_two_hundred_pages_at_once_need_no_more_than_two_connections(
    app: Flask, people: dict[str, Person], add_provider: Callable[..., int]
) -> None:
    for number in range(3):
        add_provider("http://127.0.0.1:9/v1", name=f"Far End {number}", key="sk-of-the-house")
    cookies = [person.client.get_cookie("jackfield").value for person in people.values()]
    together = threading.Barrier(CROWD)

    def look(number: int) -> int:
        client = app.test_client()
        client.set_cookie("jackfield", cookies[number % len(cookies)])
        together.wait(60)
        if number % 10 == 0:
            memory.forget()  # as whatever is written does
        return client.get(PAGES[number % len(PAGES)]).status_code

    with ThreadPoolExecutor(CROWD) as pool:
        assert set(pool.map(look, range(CROWD))) == {200}
