"""The first account: only with the printed link, only once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from tests.conftest import PASSWORD, Person
from webapp.accounts.setup import SETTING, setup_path
from webapp.accounts.user import User
from webapp.core.config import Settings
from webapp.core.database import db, reading
from webapp.settings.setting import Setting

FORM = {"name": "Ann", "email": "Ann@Example.org", "password": PASSWORD}


@pytest.fixture
def app(make_app: Callable[[Settings], Flask], tmp_path: Path) -> Flask:
    return make_app(Settings(data_dir=tmp_path / "new", threads=64))


@pytest.fixture
def token(app: Flask) -> str:
    with app.app_context():
        path = setup_path()
    assert path
    return path.partition("token=")[2]


def accounts(app: Flask) -> list[tuple[str, str]]:
    with app.app_context(), reading() as session:
        return [tuple(row) for row in session.execute(select(User.email, User.role))]


def set_up(person: Person, **changes: str) -> int:
    person.get("/setup")
    return person.post("/setup", {**FORM, **changes}).status_code


def test_the_link_makes_an_admin_who_is_signed_in(app: Flask, visitor: Person, token: str) -> None:
    page = visitor.get(f"/setup?token={token}")
    assert token in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert visitor.post("/setup", {**FORM, "token": token}).status_code == 303
    assert accounts(app) == [("ann@example.org", "admin")]
    assert visitor.get("/settings/workspace").status_code == 200


def test_the_token_is_kept_as_a_hash_only_and_forgotten_when_used(app: Flask, visitor: Person, token: str) -> None:
    with app.app_context(), reading() as session:
        assert token not in str(session.scalar(select(Setting.value).filter_by(name=SETTING)))
    set_up(visitor, token=token)
    with app.app_context(), reading() as session:
        assert session.scalar(select(Setting).filter_by(name=SETTING)) is None


@pytest.mark.parametrize("wrong", ["", "x", "0" * 24, "%", "' OR 1=1 --", "é", "x" * 100])
def test_without_the_token_nobody_gets_in(app: Flask, visitor: Person, token: str, wrong: str) -> None:
    assert set_up(visitor, token=wrong) in (403, 422)
    assert accounts(app) == []


@pytest.mark.parametrize(
    "change",
    [
        {"password": "short"},
        {"password": "x" * 257},
        {"password": "x" * 1_000_000},
        {"email": ""},
        {"email": "x" * 201},
        {"email": "a\x00b"},
        {"name": "a\x00b"},
        {"email": " "},
    ],
    ids=lambda change: "-".join(f"{name}{len(value)}" for name, value in change.items()),
)
def test_a_form_that_does_not_do_leaves_the_link_usable(
    app: Flask, visitor: Person, token: str, change: dict[str, str]
) -> None:
    assert set_up(visitor, token=token, **change) == 422
    assert accounts(app) == []
    assert set_up(visitor, token=token) == 303


def test_role_and_id_in_the_form_are_not_bound(app: Flask, visitor: Person, token: str) -> None:
    assert set_up(visitor, token=token, id="77", role="member", is_disabled="1") == 303
    assert accounts(app) == [("ann@example.org", "admin")]


def test_of_parallel_valid_forms_exactly_one_makes_the_admin(app: Flask, token: str) -> None:
    def try_it(number: int) -> int:
        return set_up(Person(app.test_client()), token=token, email=f"ann{number}")

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(try_it, range(8)))
    assert sorted(found) == [303] + [404] * 7
    assert len(accounts(app)) == 1


def test_a_newer_link_replaces_the_older_one(app: Flask, visitor: Person, token: str) -> None:
    with app.app_context():
        newer = str(setup_path()).partition("token=")[2]
        db.session.remove()  # type: ignore[attr-defined]
    assert set_up(visitor, token=token) == 403
    assert set_up(visitor, token=newer) == 303


def test_the_page_is_gone_once_an_admin_exists(app: Flask, visitor: Person, token: str) -> None:
    set_up(visitor, token=token)
    other = Person(app.test_client())
    other.get("/login")
    assert other.get(f"/setup?token={token}").status_code == 404
    assert other.post("/setup", {**FORM, "token": token, "email": "eve"}).status_code == 404
    with app.app_context():
        assert setup_path() is None
    assert len(accounts(app)) == 1


def test_the_sign_in_page_says_where_the_link_is(visitor: Person) -> None:
    assert "The server printed a link" in visitor.get("/login").text
