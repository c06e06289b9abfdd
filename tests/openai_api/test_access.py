"""Who may call /v1, with which token, and what stays out of sight."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event
from werkzeug.test import TestResponse

from tests.conftest import Person
from tests.openai_api.conftest import House
from webapp.accounts.api_token import ApiToken, create_token, tokens_of
from webapp.accounts.user import find_user
from webapp.core import clock
from webapp.core.database import db, writing
from webapp.core.ids import checked_token
from webapp.providers.provider import Provider

BODY = {"model": "private/secret", "messages": [{"role": "user", "content": "Hello"}]}


def call(house: House, headers: dict[str, str], query: str = "") -> TestResponse:
    assert house.app
    return house.app.test_client().get(f"/v1/models{query}", headers=headers)


def bearer(house: House, who: str = "owner") -> dict[str, str]:
    return {"Authorization": f"Bearer {house.tokens[who]}"}


@contextmanager
def statements(house: House) -> Iterator[list[str]]:
    """What is asked of the database meanwhile."""
    seen: list[str] = []
    assert house.app
    with house.app.app_context():
        engine = db.engine

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def test_a_token_is_taken_as_bearer_or_as_x_api_key(furnished: House) -> None:
    assert call(furnished, bearer(furnished)).status_code == 200
    assert call(furnished, {"x-api-key": furnished.tokens["owner"]}).status_code == 200


def test_a_token_in_the_query_is_nothing(furnished: House) -> None:
    for name in ("api_key", "key", "token", "access_token", "x-api-key"):
        assert call(furnished, {}, f"?{name}={furnished.tokens['owner']}").status_code == 401


@pytest.mark.parametrize(
    "text", ["", "jf_wrong", "' OR '1'='1", "x" * 10_000, "jf_" + "é" * 36, "sk-" + "a" * 40, "jf_" + "0" * 36]
)
def test_what_cannot_be_a_token_costs_no_query(furnished: House, text: str) -> None:
    with statements(furnished) as seen:
        response = call(furnished, {"Authorization": f"Bearer {text}"})
    assert response.status_code == 401
    assert response.json["error"]["code"] == "invalid_api_key"
    assert seen == []


def test_a_wrong_checksum_costs_no_query(furnished: House) -> None:
    token = furnished.tokens["owner"]
    with statements(furnished) as seen:
        assert call(furnished, {"x-api-key": token[:-1] + ("A" if token[-1] != "A" else "B")}).status_code == 401
    assert seen == []
    assert call(furnished, {"x-api-key": checked_token("jf")}).status_code == 401  # well formed, but nobody's


def test_a_token_for_managing_cannot_chat(furnished: House) -> None:
    assert call(furnished, bearer(furnished, "manager")).status_code == 401


def test_a_browser_that_is_signed_in_is_nobody_here(furnished: House, owner: Person) -> None:
    assert owner.get("/v1/models").status_code == 401
    assert owner.post("/v1/chat/completions").status_code == 401


def test_an_expired_token_and_one_of_a_disabled_user_are_refused(furnished: House) -> None:
    assert furnished.app
    with furnished.app.app_context(), writing() as session:
        user = find_user(session, "owner")
        assert user
        old = create_token(session, user, "old", expires_at=clock.now() - timedelta(seconds=1))
        user.is_disabled = True
    assert call(furnished, {"x-api-key": old}).status_code == 401
    assert call(furnished, bearer(furnished)).status_code == 401
    assert call(furnished, bearer(furnished, "stranger")).status_code == 200


def test_a_revoked_token_is_refused_at_once(furnished: House, owner: Person) -> None:
    assert call(furnished, bearer(furnished)).status_code == 200
    assert furnished.app
    with furnished.app.app_context():
        user = find_user(db.session, "owner")
        assert user
        token = next(row for row in tokens_of(db.session, user) if row.name == "owner")
        token_id = token.id
    assert owner.post(f"/tokens/{token_id}/delete").status_code == 303
    assert call(furnished, bearer(furnished)).status_code == 401


def test_the_use_of_a_token_is_noted(furnished: House) -> None:
    call(furnished, bearer(furnished))
    assert furnished.app
    with furnished.app.app_context():
        used = {row.name: row.used_at for row in db.session.query(ApiToken)}
    assert used["owner"] is not None
    assert used["stranger"] is None


def test_a_strangers_provider_is_as_if_it_were_not(furnished: House) -> None:
    assert furnished.app
    client = furnished.app.test_client()
    names = {model["id"] for model in client.get("/v1/models", headers=bearer(furnished, "stranger")).json["data"]}
    assert "far-end/ok" in names
    assert not any(name.startswith("private/") for name in names)
    for name in ("private/secret", "secret"):
        asked = client.post("/v1/chat/completions", json=BODY | {"model": name}, headers=bearer(furnished, "stranger"))
        unknown = client.post(
            "/v1/chat/completions", json=BODY | {"model": "no"}, headers=bearer(furnished, "stranger")
        )
        assert asked.status_code == 404
        assert asked.text.replace(name, "no") == unknown.text
    assert client.get("/v1/models/private/secret", headers=bearer(furnished, "stranger")).status_code == 404
    assert furnished.far_end.calls == []
    assert client.post("/v1/chat/completions", json=BODY, headers=bearer(furnished)).status_code == 200


def test_a_switched_off_provider_answers_nothing(furnished: House, admin: Person) -> None:
    assert furnished.app
    client = furnished.app.test_client()
    with furnished.app.app_context():
        provider_id = db.session.query(Provider).filter_by(slug="far-end").one().id
    admin.get(f"/providers/{provider_id}")
    assert admin.post(f"/providers/{provider_id}/switch").status_code == 303
    models = client.get("/v1/models", headers=bearer(furnished)).json["data"]
    assert not any(model["id"].startswith("far-end/") for model in models)
    response = client.post("/v1/chat/completions", json=BODY | {"model": "far-end/ok"}, headers=bearer(furnished))
    assert response.status_code == 404
    assert "switched off" in response.json["error"]["message"]
    left = client.post("/v1/chat/completions", json=BODY | {"model": "ok"}, headers=bearer(furnished))
    assert left.headers["x-jackfield-provider"] == "private"
