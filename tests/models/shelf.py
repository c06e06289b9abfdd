"""A provider with a few models that differ in all that can be looked for, and what is seen and stored of them."""

import re
from collections.abc import Callable

import pytest
from flask import Flask

from tests.conftest import Person
from webapp.core.database import db, writing
from webapp.models.model import Model

Add = Callable[..., int]
Offer = Callable[..., None]
Read = Callable[[str], Model]
PLACE = "http://127.0.0.1:9/v1"


@pytest.fixture
def shelf(app: Flask, add_provider: Add, offer: Offer) -> int:
    """A provider with five models that differ in all that can be looked for."""
    provider = add_provider(PLACE, name="Kệ sách")
    offer(provider, "plain", "seer", "solver", "mute", "vector")
    told = {
        "seer": {"capabilities": {"vision": True, "tools": True}, "context_length": 200_000, "input_price": 3.0},
        "solver": {"capabilities": {"reasoning": True, "tools": True}, "context_length": 8_000, "input_price": 0.0},
        "mute": {"is_enabled": False, "overrides": {"context_length": 1_000}, "context_length": 1_000},
        "vector": {"kind": "embedding", "input_price": 0.02},
    }
    with app.app_context(), writing() as session:
        for row in session.query(Model).filter_by(provider_id=provider):
            for name, value in told.get(row.model_id, {}).items():
                setattr(row, name, value)
    return provider


@pytest.fixture
def row(app: Flask) -> Callable[..., Model]:
    """Reads a model as it is stored."""

    def read(model_id: str) -> Model:
        with app.app_context():
            return db.session.query(Model).filter_by(model_id=model_id).one()

    return read


def listed(person: Person, **query: object) -> list[str]:
    """The ids of the models on the page, in their order."""
    response = person.get("/models", query_string=query)
    assert response.status_code == 200
    return re.findall(r'<small class="trunc mono" title="([^"]*)"', response.text)


def hidden(app: Flask, provider: int) -> set[str]:
    with app.app_context():
        return {row.model_id for row in db.session.query(Model).filter_by(provider_id=provider, is_enabled=False)}
