"""What tests of models share: refreshing as the button does, and what is stored afterwards."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Person
from tests.models.shelf import row, shelf
from tests.program import manager, member
from webapp.core import clock
from webapp.core.database import db, writing
from webapp.models.listed import store_list
from webapp.models.model import Model
from webapp.providers.provider import Provider
from webapp.upstream.messages import ModelInfo, ModelList

__all__ = ["manager", "member", "row", "shelf"]


@pytest.fixture
def refresh(app: Flask) -> Callable[..., None]:
    """Presses the button, later than the cool-down of the last time, and waits until the list was read."""

    def press(person: Person, provider_id: int) -> None:
        with app.app_context(), writing() as session:
            session.get_one(Provider, provider_id).refresh_blocked_until = None
        assert person.post(f"/providers/{provider_id}/models/refreshes", htmx=True).status_code == 200
        for thread in threading.enumerate():
            if thread.name == "refresh":
                thread.join(20)

    return press


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Lets so much time pass at once."""
    passed = [timedelta()]

    def wait(time: timedelta) -> None:
        passed.append(time)

    now = clock.now
    monkeypatch.setattr(clock, "now", lambda: now() + sum(passed, timedelta()))
    return wait


@pytest.fixture
def ids(app: Flask) -> Callable[[int], list[str]]:
    """The ids that a provider offers, in the order of its list."""

    def load(provider_id: int) -> list[str]:
        with app.app_context():
            found = db.session.query(Model).filter_by(provider_id=provider_id, vanished_at=None)
            return [row.model_id for row in found.order_by(Model.position, Model.id)]

    return load


@pytest.fixture
def offer(app: Flask) -> Callable[..., None]:
    """Gives a provider these models, as if its list had them."""

    def store(provider_id: int, *model_ids: str, **more: Any) -> None:
        with app.app_context(), writing() as session:
            session.commit()
            store_list(provider_id, ModelList(models=[ModelInfo(id=model_id, **more) for model_id in model_ids]))

    return store
