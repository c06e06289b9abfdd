"""What tests of routing share: a clock in the hand, a provider with two keys, a gateway beside a provider."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Person
from tests.far_end import FarEnd
from tests.program import program
from tests.routing.compared import KEY, OFFERED, settle
from tests.routing.two_keys import FIRST, SECOND, House
from webapp.core import clock
from webapp.core.database import writing
from webapp.core.secret import Secret
from webapp.models.model import Model, id_hash
from webapp.models.overlay import override
from webapp.providers.keys import KeyInput, add_key
from webapp.providers.provider import Provider
from webapp.routing.gateway import Gateway
from webapp.routing.keybook import keybook

AddModel = Callable[..., int]


class Time:
    """The clock in a test's hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Iterator[Time]:
    moment = Time()
    monkeypatch.setattr(clock, "monotonic", moment)
    return moment


@pytest.fixture
def house(app: Flask, far_end: FarEnd, add_provider: Callable[..., int]) -> Iterator[House]:
    provider_id = add_provider(far_end.base_url, key=FIRST)
    with app.app_context(), writing() as session:
        provider = session.get_one(Provider, provider_id)
        add_key(session, provider, Secret(SECOND), KeyInput("Reserve", 0))
        session.add(Model(provider_id=provider_id, model_id="ok", id_hash=id_hash("ok"), search_text="ok"))
    yield House(app, far_end, program(app, "owner", "chat"), provider_id)
    with app.app_context():
        keybook.write()


@pytest.fixture
def gateway(app: Flask, admin: Person) -> Iterator[FarEnd]:
    """A LiteLLM server, for us called office, which wants KEY."""
    with FarEnd(key=KEY, text="The gateway says so.") as server:
        wanted = {"name": "Office", "base_url": server.root, "api_key": KEY, "allow_private": "y"}
        assert admin.post("/gateways", wanted).status_code == 303
        with app.app_context(), writing() as session:
            session.get_one(Gateway, 1).models = OFFERED
        server.calls.clear()
        yield server
        server.release.set()
        settle()


@pytest.fixture
def add_model(app: Flask, add_provider: Callable[..., int], far_end: FarEnd, gateway: FarEnd) -> Iterator[AddModel]:
    """Adds a provider called far-end with one model that plays a script, at 1 and 2 dollars; returns its key."""

    def add(script: str = "ok", **more: Any) -> int:
        provider_id = add_provider(more.pop("base_url", far_end.base_url), **more)
        with app.app_context(), writing() as session:
            row = Model(provider_id=provider_id, model_id=script, id_hash=id_hash(script), search_text=script)
            session.add(row)
            session.flush()
            override(row, {"input_price": 1.0, "output_price": 2.0})
            return row.id

    yield add
    far_end.release.set()
    settle()
