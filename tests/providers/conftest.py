"""What tests of providers share: a form as a browser sends it, a finished test, what is stored."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Person
from tests.program import manager, member
from webapp.core.database import db, writing
from webapp.providers.check import Check
from webapp.providers.provider import Provider

__all__ = ["manager", "member"]

KEY = "sk-canary-8f2e61d07b94a35c"
SECOND = "sk-second-canary-7d20aa41"
SECRET_HEADER = "header-canary-51c09e77"

Form = dict[str, Any]


@pytest.fixture
def form() -> Callable[..., Form]:
    """A form that is right; what is given replaces or adds fields."""

    def fill(**changes: Any) -> Form:
        filled = {
            "vendor": "custom",
            "name": "Workshop",
            "base_url": "https://api.example.com/v1",
            "dialect": "openai",
            "auth_style": "bearer",
            "auth_name": "",
            "api_key": KEY,
            "is_shared": "y",
        }
        return filled | changes

    return fill


@pytest.fixture
def create(form: Callable[..., Form]) -> Callable[..., int]:
    """Creates a provider through the form; returns its id."""

    def make(person: Person, **changes: Any) -> int:
        response = person.post("/providers", form(**changes))
        assert response.status_code == 303, response.text
        return int(response.headers["Location"].rpartition("/")[2])

    return make


@pytest.fixture
def stored(app: Flask) -> Callable[[int], Provider]:
    """Loads a provider with its key, out of any session."""

    def load(provider_id: int) -> Provider:
        with app.app_context():
            found = db.session.get_one(Provider, provider_id)
            db.session.expunge_all()
            return found

    return load


@pytest.fixture
def finished(app: Flask) -> Callable[..., Check]:
    """Waits for the end of a connection test, the latest if none is named, as its page does: by its stream."""

    def wait(person: Person, check_id: int | None = None) -> Check:
        with app.app_context():
            check_id = check_id or db.session.query(db.func.max(Check.id)).scalar()
        person.client.get(f"/providers/checks/{check_id}/events", buffered=True)
        with app.app_context():
            check = db.session.get_one(Check, check_id)
            db.session.expunge_all()
            return check

    return wait


@pytest.fixture
def provider_id(admin: Person, create: Callable[..., int]) -> int:
    return create(admin)


@pytest.fixture
def change(app: Flask, provider_id: int) -> Callable[..., None]:
    """Sets columns of one of the provider's keys."""

    def set_columns(number: int, **columns: Any) -> None:
        with app.app_context(), writing() as session:
            row = session.get_one(Provider, provider_id).credentials[number]
            for name, value in columns.items():
                setattr(row, name, value)

    return set_columns


def add_key(person: Person, provider_id: int, **fields: str) -> None:
    wanted = {"api_key": SECOND, "label": "Team B", "weight": "2", "expires_on": ""} | fields
    assert person.post(f"/providers/{provider_id}/keys", wanted).status_code == 303
