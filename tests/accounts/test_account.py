"""The page of one's own account: language, theme, password, sessions."""

import re

import pytest
from flask import Flask
from sqlalchemy import select

from tests.conftest import PASSWORD, Person
from webapp.accounts.session import SignInSession, is_live
from webapp.accounts.user import User
from webapp.core.database import reading

NEW = "a quite different password"


def row(app: Flask, email: str) -> User:
    with app.app_context(), reading() as session:
        return session.scalars(select(User).filter_by(email=email)).one()


def session_ids(app: Flask, person: Person) -> list[int]:
    with app.app_context(), reading() as session:
        return list(session.scalars(select(SignInSession.id).filter_by(user_id=person.user_id)))


def is_signed_in(person: Person) -> bool:
    return person.get("/settings").status_code == 200


def test_language_and_theme_are_kept_and_used(app: Flask, owner: Person) -> None:
    assert owner.post("/settings/look", {"language": "vi", "theme": "dark"}).status_code == 303
    page = owner.get("/settings").text
    assert '<html lang="vi" data-theme="dark">' in page
    assert (row(app, "owner").language, row(app, "owner").theme) == ("vi", "dark")


@pytest.mark.parametrize(
    "form", [{"language": "tlh", "theme": "dark"}, {"language": "en", "theme": "<b>"}, {}], ids=str
)
def test_a_language_or_theme_that_does_not_exist_is_refused(app: Flask, owner: Person, form: dict[str, str]) -> None:
    assert owner.post("/settings/look", form).status_code == 422
    assert (row(app, "owner").language, row(app, "owner").theme) == ("en", "system")


def test_the_longest_waits_for_busy_providers_are_kept(app: Flask, owner: Person) -> None:
    before = row(app, "owner")
    assert (before.chat_wait_seconds, before.program_wait_seconds) == (5, 0)
    assert owner.post("/settings/waits", {"chat_wait_seconds": "0", "program_wait_seconds": "60"}).status_code == 303
    after = row(app, "owner")
    assert (after.chat_wait_seconds, after.program_wait_seconds) == (0, 60)
    assert (
        'name="program_wait_seconds" inputmode="numeric" autocomplete="off" value="60"' in owner.get("/settings").text
    )


@pytest.mark.parametrize("typed", ["", "-1", "61", "1.5", "soon", "9" * 400])
def test_a_wait_that_is_none_is_told_beside_its_field_and_stays_as_typed(app: Flask, owner: Person, typed: str) -> None:
    response = owner.post("/settings/waits", {"chat_wait_seconds": typed, "program_wait_seconds": "7"})
    assert response.status_code == 422
    assert response.text.count("A whole number of seconds from 0 to 60.") == 1
    assert f'value="{typed}" aria-describedby="chat_wait_seconds-error chat_wait_seconds-hint"' in response.text
    assert row(app, "owner").program_wait_seconds == 0


def test_nothing_else_of_the_account_can_be_set(app: Flask, owner: Person) -> None:
    extra = {"role": "admin", "is_admin": "1", "id": "1", "owner_id": "1", "email": "x", "created_at": "2020-01-01"}
    before = row(app, "owner")
    owner.post("/settings/look", {"language": "en", "theme": "dark", **extra})
    after = row(app, "owner")
    assert (after.role, after.email, after.id) == (before.role, before.email, before.id)


def test_visitors_choose_a_language_for_themselves(visitor: Person) -> None:
    visitor.get("/login")
    assert visitor.post("/language", {"language": "zh", "next": "/login"}).headers["Location"] == "/login"
    assert '<html lang="zh"' in visitor.get("/login").text
    assert visitor.post("/language", {"language": "xx"}).status_code == 422


def test_a_new_password_ends_every_other_session(app: Flask, owner: Person) -> None:
    other = Person(app.test_client()).sign_in("owner")
    gone = set(session_ids(app, owner))
    form = {"current": PASSWORD, "password": NEW}
    assert owner.post("/settings/password", form).status_code == 200
    assert is_signed_in(owner)
    assert not is_signed_in(other)
    (left,) = session_ids(app, owner)
    with app.app_context():
        assert {id_ for id_ in gone if is_live(id_)} == {left}
    again = Person(app.test_client())
    again.get("/login")
    assert again.post("/login", {"email": "owner", "password": PASSWORD}).status_code == 422
    assert again.post("/login", {"email": "owner", "password": NEW}).status_code == 303


@pytest.mark.parametrize(
    "form",
    [
        {"current": "wrong wrong wrong", "password": NEW},
        {"current": "", "password": NEW},
        {"current": PASSWORD, "password": "short"},
        {"current": PASSWORD, "password": "x" * 257},
        {"current": PASSWORD, "password": "x" * 1_000_000},
        {"current": "x" * 1_000_000, "password": NEW},
    ],
    ids=["wrong", "empty", "short", "long", "huge", "huge-current"],
)
def test_a_password_change_that_does_not_do_changes_nothing(app: Flask, owner: Person, form: dict[str, str]) -> None:
    before = row(app, "owner").password_hash
    response = owner.post("/settings/password", form)
    assert response.status_code == 422
    assert row(app, "owner").password_hash == before
    assert "x" * 300 not in response.text
    assert NEW not in response.text


def test_another_browser_can_be_signed_out_from_here(app: Flask, owner: Person) -> None:
    other = Person(app.test_client()).sign_in("owner")
    newest = max(session_ids(app, owner))
    response = owner.post(f"/settings/sessions/{newest}/end", htmx=True)
    assert response.status_code == 200
    assert len(re.findall(r'id="end-session-', response.text)) == 0
    assert not is_signed_in(other)
    assert is_signed_in(owner)


def test_a_foreign_session_cannot_be_ended(app: Flask, owner: Person, stranger: Person, admin: Person) -> None:
    (mine,) = session_ids(app, owner)
    for person in (stranger, admin):
        assert person.post(f"/settings/sessions/{mine}/end").status_code == 404
    assert is_signed_in(owner)


def test_the_page_shows_only_ones_own_sessions(app: Flask, owner: Person, stranger: Person) -> None:
    page = owner.get("/settings").text
    assert page.count('class="setting"><div><b class="trunc browser"') == len(session_ids(app, owner))


def test_a_hostile_browser_name_is_inert(app: Flask) -> None:
    somebody = Person(app.test_client())
    somebody.client.environ_base["HTTP_USER_AGENT"] = '<script>alert(1)</script>"onload=x ' + "é" * 500
    page = somebody.sign_in("owner").get("/settings").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&#34;onload=x" in page
