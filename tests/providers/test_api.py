"""Providers as JSON, for programs with a token."""

from collections.abc import Callable

import pytest
from flask import Flask

from tests.conftest import Person
from tests.far_end import FarEnd
from webapp.accounts.api_token import create_token
from webapp.accounts.user import find_user
from webapp.core.database import writing


@pytest.fixture
def bearer(app: Flask) -> dict[str, str]:
    with app.app_context(), writing() as session:
        user = find_user(session, "admin")
        assert user
        return {"Authorization": f"Bearer {create_token(session, user, 'test', ('manage',))}"}


def test_a_program_lists_providers_without_any_key_in_the_answer(
    app: Flask, bearer: dict[str, str], add_provider: Callable[..., int]
) -> None:
    add_provider("http://127.0.0.1:9/v1", key="sk-canary-0123456789abcdef")
    response = app.test_client().get("/api/providers", headers=bearer)
    assert [row["slug"] for row in response.json][-1] == "far-end"
    assert response.json[-1]["has_api_key"]
    assert response.json[-1]["api_key_masked"] == "…cdef"
    assert "canary" not in response.text


def test_a_program_proves_a_connection(
    app: Flask, bearer: dict[str, str], far_end: FarEnd, add_provider: Callable[..., int]
) -> None:
    provider_id = add_provider(far_end.base_url)
    response = app.test_client().post(f"/api/providers/{provider_id}/verify", headers=bearer, json={"model": "ok"})
    assert response.json["success"], response.text
    assert [step["name"] for step in response.json["steps"]][-1] == "stream"


def test_a_failed_proof_names_category_and_next_step(
    app: Flask, bearer: dict[str, str], add_provider: Callable[..., int]
) -> None:
    with FarEnd(key="sk-the-right-one-0123456789") as far_end:
        provider_id = add_provider(far_end.base_url, key="sk-the-wrong-one-0123456789")
        response = app.test_client().post(f"/api/providers/{provider_id}/verify", headers=bearer)
    step = next(step for step in response.json["steps"] if step["verdict"] == "bad")
    assert step["category"] == "auth_invalid"
    assert step["hint"]


@pytest.mark.parametrize(
    "header", ["", "Bearer jf_wrong", "Bearer ' OR '1'='1", "Basic eDp5", f"Bearer {'x' * 10_000}"]
)
def test_without_a_valid_token_there_is_401_as_json(app: Flask, header: str) -> None:
    response = app.test_client().get("/api/providers", headers={"Authorization": header} if header else {})
    assert response.status_code == 401
    assert response.json["error"]


def test_a_token_for_chats_cannot_manage(app: Flask) -> None:
    with app.app_context(), writing() as session:
        user = find_user(session, "admin")
        assert user
        token = create_token(session, user, "chat only")
    response = app.test_client().get("/api/providers", headers={"x-api-key": token})
    assert response.status_code == 401


def test_a_browser_needs_its_csrf_token_here_too(
    admin: Person, far_end: FarEnd, add_provider: Callable[..., int]
) -> None:
    provider_id = add_provider(far_end.base_url)
    assert admin.client.post(f"/api/providers/{provider_id}/verify").status_code == 400
    assert admin.post(f"/api/providers/{provider_id}/verify").status_code == 200
    assert admin.get("/api/providers").status_code == 200


def test_a_stranger_finds_nothing_of_others(
    app: Flask, far_end: FarEnd, add_provider: Callable[..., int], stranger: Person
) -> None:
    provider_id = add_provider(far_end.base_url, by="owner")
    assert stranger.get(f"/api/providers/{provider_id}").status_code == 404
    assert stranger.post(f"/api/providers/{provider_id}/verify").status_code == 404
    assert far_end.calls == []
