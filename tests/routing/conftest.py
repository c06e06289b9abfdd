"""What tests of routing share: a clock in the hand, a provider with two keys."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from tests.far_end import FarEnd
from tests.program import program
from tests.routing.two_keys import FIRST, SECOND, House
from webapp.core import clock
from webapp.core.database import writing
from webapp.core.secret import Secret
from webapp.models.model import Model, id_hash
from webapp.providers.keys import KeyInput, add_key
from webapp.providers.provider import Provider
from webapp.routing.keybook import keybook


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
