"""The page of one's own API tokens."""

import html
import re

import pytest

from tests.conftest import Person
from webapp.accounts.api_token import ApiToken
from webapp.core.database import db

NEW = {"name": "Batch worker", "scopes": "chat"}


def shown_token(text: str) -> str:
    found = re.search(r'id="new-token"[^>]*>(jf_\w{36})<', text)
    assert found, text
    return found[1]


def rows(person: Person) -> list[ApiToken]:
    with person.client.application.app_context():
        return list(db.session.query(ApiToken).filter_by(user_id=person.user_id))


@pytest.mark.parametrize("htmx", [False, True])
def test_a_new_token_is_shown_once_and_works(owner: Person, htmx: bool) -> None:
    response = owner.post("/tokens", NEW, htmx=htmx)
    token = shown_token(response.text)
    assert response.headers["Cache-Control"] == "no-store"
    assert ("<!doctype" in response.text) is not htmx
    assert token not in owner.get("/tokens").text
    assert f"jf_…{token[-4:]}" in owner.get("/tokens").text
    answer = owner.client.application.test_client().get("/v1/models", headers={"x-api-key": token})
    assert answer.status_code == 200
    [row] = rows(owner)
    assert (row.name, row.scopes, row.expires_at) == ("Batch worker", ["chat"], None)
    assert token not in (row.hint, row.token_hash)


def test_scopes_and_expiry_are_kept(owner: Person) -> None:
    owner.post("/tokens", {"name": "CI", "scopes": ["chat", "manage"], "days": "30"})
    [row] = rows(owner)
    assert row.scopes == ["chat", "manage"]
    assert row.expires_at
    assert (row.expires_at - row.created_at).days in (29, 30)
    assert "Manage providers" in owner.get("/tokens").text


@pytest.mark.parametrize("htmx", [False, True])
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": "root"}, "scopes"),
        ({"days": "0"}, "days"),
        ({"days": "soon"}, "days"),
        ({"days": "9" * 400}, "days"),
        ({"days": "9" * 5000}, "days"),
    ],
)
def test_bad_input_comes_back_beside_its_field(
    owner: Person, changes: dict[str, object], field: str, htmx: bool
) -> None:
    response = owner.post("/tokens", NEW | changes, htmx=htmx)
    assert response.status_code == 422
    assert f'id="{field}-error"' in response.text
    assert rows(owner) == []


@pytest.mark.parametrize("htmx", [False, True])
def test_revoking_takes_the_token_off_the_page(owner: Person, htmx: bool) -> None:
    owner.post("/tokens", NEW)
    [row] = rows(owner)
    response = owner.post(f"/tokens/{row.id}/delete", htmx=htmx)
    assert response.status_code == (200 if htmx else 303)
    assert "No tokens yet" in owner.get("/tokens").text
    assert rows(owner) == []


def test_a_stranger_neither_sees_nor_revokes_it(owner: Person, stranger: Person) -> None:
    owner.post("/tokens", NEW)
    [row] = rows(owner)
    assert "Batch worker" not in stranger.get("/tokens").text
    assert stranger.post(f"/tokens/{row.id}/delete").status_code == 404
    assert stranger.post("/tokens/999999999999999999999/delete").status_code == 404
    assert len(rows(owner)) == 1


def test_a_name_is_only_text(owner: Person) -> None:
    name = '<img src=x onerror="alert(1)">“js:”'
    owner.post("/tokens", NEW | {"name": name})
    text = owner.get("/tokens").text
    assert "<img" not in text
    assert name in html.unescape(text)


def test_the_examples_name_the_address_of_this_request(owner: Person) -> None:
    text = html.unescape(owner.get("/tokens", base_url="http://localhost:8443").text)
    assert "curl http://localhost:8443/v1/chat/completions" in text
    assert 'base_url="http://localhost:8443/v1"' in text
