"""Proving a connection by a program, and who may call the management API at all."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Person
from tests.far_end import FarEnd
from tests.program import Program, program

Add = Callable[..., int]


def test_a_program_lists_providers_without_any_key_in_the_answer(manager: Program, add_provider: Add) -> None:
    add_provider("http://127.0.0.1:9/v1", key="sk-canary-0123456789abcdef")
    response = manager.get("/api/providers")
    assert [row["slug"] for row in response.json][-1] == "far-end"
    assert response.json[-1]["has_api_key"]
    assert response.json[-1]["api_key_masked"] == "…cdef"
    assert "canary" not in response.text


@pytest.mark.parametrize("fields", [{"model": "ok"}, {}, None, {"model": None}])
def test_a_program_proves_a_connection(
    manager: Program, far_end: FarEnd, add_provider: Add, fields: dict[str, Any] | None
) -> None:
    provider_id = add_provider(far_end.base_url)
    response = manager.post(f"/api/providers/{provider_id}/verify", fields)
    steps = {step["name"]: step["verdict"] for step in response.json["steps"]}
    assert set(steps.values()) <= {"good", "bad", "unknown", "skipped"}
    assert steps["connect"] == "good"
    assert response.json["success"] == (steps["stream"] == "good")
    assert response.json["success"] or not fields or not fields["model"]
    assert response.json["latency_ms"] > 0


def test_a_failed_proof_names_category_and_next_step(manager: Program, add_provider: Add) -> None:
    with FarEnd(key="sk-the-right-one-0123456789") as far_end:
        provider_id = add_provider(far_end.base_url, key="sk-the-wrong-one-0123456789")
        response = manager.post(f"/api/providers/{provider_id}/verify")
    step = next(step for step in response.json["steps"] if step["verdict"] == "bad")
    assert step["category"] == "auth_invalid"
    assert step["hint"]
    assert response.json["error"] == step["message"]
    assert not response.json["success"]


@pytest.mark.parametrize("fields", [{"model": 7}, {"model": ""}, {"model": "x" * 2_001}, {"modell": "ok"}])
def test_a_proof_of_nothing_sensible_is_refused_by_field(
    manager: Program, far_end: FarEnd, add_provider: Add, fields: dict[str, Any]
) -> None:
    response = manager.post(f"/api/providers/{add_provider(far_end.base_url)}/verify", fields)
    assert response.status_code == 422
    assert list(response.json["errors"]) == list(fields)
    assert far_end.calls == []


@pytest.mark.parametrize(
    "header", ["", "Bearer jf_wrong", "Bearer ' OR '1'='1", "Basic eDp5", f"Bearer {'x' * 10_000}"]
)
def test_without_a_valid_token_there_is_401_as_json(app: Flask, header: str) -> None:
    response = app.test_client().get("/api/providers", headers={"Authorization": header} if header else {})
    assert response.status_code == 401
    assert response.json["error"]


def test_a_token_for_chats_cannot_manage(app: Flask) -> None:
    chatter = program(app, "admin", "chat")
    assert chatter.get("/api/providers").status_code == 401
    token = chatter.headers["Authorization"].partition(" ")[2]
    assert app.test_client().get("/api/providers", headers={"x-api-key": token}).status_code == 401


def test_a_browser_needs_its_csrf_token_here_too(admin: Person, far_end: FarEnd, add_provider: Add) -> None:
    provider_id = add_provider(far_end.base_url)
    headers = {"X-CSRFToken": admin.csrf}
    assert admin.client.post(f"/api/providers/{provider_id}/verify").status_code == 400
    assert admin.client.post(f"/api/providers/{provider_id}/verify", headers=headers).status_code == 200
    assert admin.get("/api/providers").status_code == 200


def test_a_stranger_finds_nothing_of_others(app: Flask, far_end: FarEnd, add_provider: Add, stranger: Person) -> None:
    provider_id = add_provider(far_end.base_url, by="owner")
    assert stranger.get(f"/api/providers/{provider_id}").status_code == 404
    assert stranger.post(f"/api/providers/{provider_id}/verify").status_code == 404
    assert far_end.calls == []
