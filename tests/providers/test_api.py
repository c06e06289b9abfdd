"""Providers as JSON, for programs with a token: the same rules as the forms, and always JSON."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Person
from tests.far_end import FarEnd
from tests.program import Program
from tests.providers.conftest import KEY, SECRET_HEADER
from webapp.providers.provider import Provider

Stored = Callable[[int], Provider]
NEW = {"name": "Workshop", "type": "custom", "base_url": "https://api.example.com/v1", "api_key": KEY}


def test_a_provider_is_added_shown_changed_and_deleted(app: Flask, manager: Program, stored: Stored) -> None:
    made = manager.post("/api/providers", NEW | {"auth": "header", "auth_name": "x-key", "headers": {"X-Org": "a"}})
    assert made.status_code == 201, made.text
    expected = {"name": "Workshop", "slug": "workshop", "type": "custom", "protocol": "openai", "route": "direct"}
    expected |= {"base_url": "https://api.example.com/v1", "auth": "header", "auth_name": "x-key", "shared": True}
    expected |= {"has_api_key": True, "api_key_masked": f"…{KEY[-4:]}", "headers": {"X-Org": ""}, "enabled": True}
    expected |= {"is_builtin": False, "status": "untested", "models_count": 0, "default_model": None}
    assert expected.items() <= made.json.items()

    address = f"/api/providers/{made.json['id']}"
    assert manager.get(address).json == made.json
    changed = manager.patch(address, {"name": "Hall", "enabled": False})
    assert changed.json == made.json | {"name": "Hall", "enabled": False}
    row = stored(made.json["id"])
    with app.app_context():
        assert row.key().reveal() == KEY
        assert row.open_header(row.headers[0]) == "a"

    assert manager.delete(address).status_code == 204
    for answer in (manager.get(address), manager.patch(address, {}), manager.delete(address)):
        assert answer.status_code == 404
        assert answer.json["error"]


def test_the_rest_comes_from_the_template(manager: Program) -> None:
    made = manager.post("/api/providers", {"name": "Claude", "type": "anthropic", "api_key": KEY})
    assert made.json["base_url"] == "https://api.anthropic.com/v1"
    assert (made.json["protocol"], made.json["auth"], made.json["auth_name"]) == ("anthropic", "header", "x-api-key")


def test_addresses_are_repaired_as_in_the_form(manager: Program) -> None:
    made = manager.post("/api/providers", NEW | {"base_url": "api.example.com/v1/chat/completions "})
    assert made.json["base_url"] == "https://api.example.com/v1"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x01b"}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": None}, "name"),
        ({"name": 7}, "name"),
        ({"type": "nobody"}, "type"),
        ({"base_url": ""}, "base_url"),
        ({"base_url": "ftp://example.com"}, "base_url"),
        ({"base_url": "https://user:word@example.com"}, "base_url"),
        ({"base_url": "http://169.254.169.254/v1"}, "base_url"),
        ({"base_url": ["https://api.example.com"]}, "base_url"),
        ({"base_url": "http://127.0.0.1:9/v1"}, "allow_private"),
        ({"base_url": "http://127.0.0.1:9/v1", "allow_private": "yes"}, "allow_private"),
        ({"protocol": "smoke"}, "protocol"),
        ({"auth": "header"}, "auth_name"),
        ({"auth": "header", "auth_name": "a b"}, "auth_name"),
        ({"auth": "header", "auth_name": "cookie"}, "auth_name"),
        ({"auth": True}, "auth"),
        ({"api_key": "two words"}, "api_key"),
        ({"api_key": "x" * 8_001}, "api_key"),
        ({"headers": {"Host": "x"}}, "headers"),
        ({"headers": {"X-A": "b\nX-C: d"}}, "headers"),
        ({"headers": {"X-A": 7}}, "headers.X-A"),
        ({"headers": {f"X-{number}": "x" for number in range(21)}}, "headers"),
        ({"headers": [["X-A", "b"]]}, "headers"),
        ({"route": "gateway"}, "route"),
        ({"enabled": "no"}, "enabled"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_the_form_refuses_is_refused_by_field(manager: Program, fields: dict[str, Any], field: str) -> None:
    count = len(manager.get("/api/providers").json)
    refused = manager.post("/api/providers", NEW | fields)
    assert refused.status_code == 422, refused.text
    assert list(refused.json["errors"]) == [field]
    assert all(isinstance(text, str) and text for text in refused.json["errors"][field])
    assert len(manager.get("/api/providers").json) == count
    assert KEY not in refused.text


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"null", "application/json", 400),
        (b'{"name": NaN}', "application/json", 400),
        (b'{"name": "\\ud800"}', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"name=x&type=custom", "application/x-www-form-urlencoded", 415),
        (b"{}", "text/plain", 415),
        (b'{"name": "' + b"x" * 8_000_000 + b'"}', "application/json", 413),
        (b"", "application/json", 422),
        (b"{}", "application/json", 422),
    ],
)
def test_a_body_that_is_no_json_object_is_refused_as_json(
    manager: Program, body: bytes, content_type: str, status: int
) -> None:
    for call, address in ((manager.client.post, "/api/providers"), (manager.client.post, "/api/models/discover")):
        answer = call(address, data=body, content_type=content_type, headers=manager.headers)
        assert answer.status_code == status, answer.text
        assert answer.is_json
        assert answer.json.keys() == ({"errors"} if status == 422 else {"error"})


def test_a_private_address_needs_an_admin_who_confirms(app: Flask, manager: Program, member: Program) -> None:
    private = NEW | {"base_url": "http://127.0.0.1:9/v1"}
    assert list(member.post("/api/providers", private | {"allow_private": True}).json["errors"]) == ["base_url"]
    assert list(manager.post("/api/providers", private).json["errors"]) == ["allow_private"]
    assert manager.post("/api/providers", private | {"allow_private": True}).status_code == 201
    assert member.post("/api/providers", private).status_code == 201  # it is open now


def test_a_key_stays_with_its_address_and_is_never_shown(app: Flask, manager: Program, stored: Stored) -> None:
    made = manager.post("/api/providers", NEW | {"headers": {"X-Org": SECRET_HEADER}})
    address, provider_id = f"/api/providers/{made.json['id']}", made.json["id"]
    moved = manager.patch(address, {"base_url": "https://api.example.com/v2", "headers": {"X-Org": "", "X-New": "n"}})
    assert moved.json["has_api_key"]
    row = stored(provider_id)
    with app.app_context():
        assert {header["name"]: row.open_header(header) for header in row.headers} == {
            "X-Org": SECRET_HEADER,
            "X-New": "n",
        }
    elsewhere = manager.patch(address, {"base_url": "https://other.example.com/v1"})
    assert not elsewhere.json["has_api_key"]
    assert elsewhere.json["headers"] == {}
    assert manager.patch(address, {"api_key": KEY}).json["has_api_key"]
    forgotten = manager.patch(address, {"api_key": None})
    assert (forgotten.json["has_api_key"], forgotten.json["api_key_masked"]) == (False, None)
    for answer in (made, moved, manager.get(address), manager.get("/api/providers")):
        assert KEY not in answer.text
        assert SECRET_HEADER not in answer.text


@pytest.mark.parametrize(
    "change", [{"base_url": "https://evil.example.com/v1"}, {"protocol": "anthropic"}, {"auth": "none"}]
)
def test_a_builtin_keeps_its_address_and_cannot_be_deleted(manager: Program, change: dict[str, str]) -> None:
    builtin = next(row for row in manager.get("/api/providers").json if row["slug"] == "openai")
    address = f"/api/providers/{builtin['id']}"
    for refused in (manager.patch(address, change | {"name": "Mine"}), manager.delete(address)):
        assert refused.status_code == 409
        assert "built-in" in refused.json["error"]
    assert manager.get(address).json == builtin
    assert manager.patch(address, {"base_url": builtin["base_url"], "enabled": False}).json["enabled"] is False


def test_a_member_has_providers_of_their_own_and_changes_no_others(
    manager: Program, member: Program, add_provider: Callable[..., int]
) -> None:
    shared = add_provider("http://127.0.0.1:9/v1")
    assert member.get(f"/api/providers/{shared}").status_code == 200
    for refused in (member.patch(f"/api/providers/{shared}", {"name": "x"}), member.delete(f"/api/providers/{shared}")):
        assert refused.status_code == 403
        assert refused.json["error"]
    own = member.post("/api/providers", NEW | {"shared": True}).json
    assert own["shared"] is False
    assert manager.get(f"/api/providers/{own['id']}").status_code == 404


def test_many_who_add_the_same_name_at_once_all_get_a_provider(app: Flask, manager: Program) -> None:
    answers: list[Any] = []
    begin = threading.Barrier(6)

    def add() -> None:
        begin.wait(10)
        client = app.test_client()
        answers.append(client.post("/api/providers", json=NEW, headers=manager.headers))

    threads = [threading.Thread(target=add) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [answer.status_code for answer in answers] == [201] * 6
    assert len({answer.json["slug"] for answer in answers}) == 6


def test_a_browser_writes_with_its_csrf_token_only(admin: Person) -> None:
    assert admin.client.post("/api/providers", json=NEW).status_code == 400
    made = admin.client.post("/api/providers", json=NEW, headers={"X-CSRFToken": admin.csrf})
    assert made.status_code == 201
    address = f"/api/providers/{made.json['id']}"
    assert admin.client.patch(address, json={"name": "x"}).status_code == 400
    assert admin.client.delete(address).status_code == 400
    assert admin.client.delete(address, headers={"X-CSRFToken": admin.csrf}).status_code == 204


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [("PUT", "/api/providers", 405), ("GET", "/api/nothing", 404), ("GET", "/api/providers/x", 404)],
)
def test_every_refusal_is_json(manager: Program, method: str, address: str, status: int) -> None:
    answer = manager.client.open(address, method=method, headers=manager.headers)
    assert answer.status_code == status
    assert answer.json["error"]


def test_a_far_end_is_added_and_proved_by_a_program_alone(manager: Program, far_end: FarEnd) -> None:
    fields = {"name": "Far End", "type": "custom", "base_url": far_end.base_url, "auth": "none", "allow_private": True}
    made = manager.post("/api/providers", fields)
    proof = manager.post(f"/api/providers/{made.json['id']}/verify", {"model": "ok"})
    assert proof.json["success"], proof.text
    assert manager.get(f"/api/providers/{made.json['id']}").json["status"] == "good"
