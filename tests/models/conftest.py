"""What tests of models share: refreshing as the button does, and what is stored afterwards."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Person
from tests.program import manager, member
from webapp.core.database import db, writing
from webapp.models.discovery import store_list
from webapp.models.model import Model
from webapp.upstream.messages import ModelInfo, ModelList

__all__ = ["manager", "member"]


@pytest.fixture
def refresh() -> Callable[..., None]:
    """Presses the button and waits until the list was read."""

    def press(person: Person, provider_id: int) -> None:
        assert person.post(f"/providers/{provider_id}/models/refreshes", htmx=True).status_code == 200
        for thread in threading.enumerate():
            if thread.name == "refresh":
                thread.join(20)

    return press


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
