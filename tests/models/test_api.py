"""Models as JSON for programs: what is known of them, what people say of them, and discovery."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from flask import Flask

from tests import far_end_lists
from tests.far_end import FarEnd
from tests.models.test_refresh import ODD_IDS
from tests.program import Program, program
from tests.serving import Server
from webapp.core.database import db
from webapp.models.model import Model
from webapp.providers.schedule import COOL_DOWN

Add = Callable[..., int]
Later = Callable[[timedelta], None]
UNKNOWN = dict.fromkeys(("vision", "tools", "reasoning", "structured_output", "audio_input", "streaming"))
HARD_IDS = [*ODD_IDS, "a//b", "//a", "/", "a/", "a?b=c#d", "..", "a/../b", "%2F", "a;b,c", "模" * 2_000]


def at(provider_id: int, model_id: str = "") -> str:
    path = f"/api/providers/{provider_id}/models"
    return f"{path}/{quote(model_id, safe='')}" if model_id else path


def serve_list(monkeypatch: pytest.MonkeyPatch, entries: list[dict[str, Any]]) -> str:
    """Let the far end serve this list; return the script's name."""
    body = json.dumps({"data": entries}).encode()
    monkeypatch.setitem(far_end_lists.SCRIPTS, "mine", lambda play: play.send(200, body))
    return "mine"


def test_a_model_is_added_listed_changed_and_removed(manager: Program, add_provider: Add) -> None:
    provider = add_provider("http://127.0.0.1:9/v1")
    said = {"display_name": "Mine", "kind": "embedding", "context_length": 8192, "max_output_tokens": 512}
    made = manager.post(at(provider), {"model_id": "vendor/x:1", **said, "capabilities": {"vision": True}})
    assert made.status_code == 201, made.text
    expected = {"provider_id": provider, "model_id": "vendor/x:1", **said, "is_default": False, "enabled": True}
    assert expected.items() <= made.json.items()
    assert made.json["capabilities"] == UNKNOWN | {"vision": True}
    assert made.json["sources"]["context_length"] == made.json["sources"]["vision"] == "people"
    assert manager.get(at(provider)).json == [made.json]
    assert manager.get(f"/api/providers/{provider}").json["models_count"] == 1

    changed = manager.patch(at(provider, "vendor/x:1"), {"is_default": True, "context_length": None, "enabled": False})
    assert (changed.json["is_default"], changed.json["context_length"], changed.json["enabled"]) == (True, None, False)
    assert changed.json["display_name"] == "Mine"
    assert manager.get(f"/api/providers/{provider}").json["default_model"] == "vendor/x:1"

    assert manager.delete(at(provider, "vendor/x:1")).status_code == 204
    assert manager.get(at(provider)).json == []
    assert manager.get(f"/api/providers/{provider}").json["default_model"] is None
    for answer in (manager.patch(at(provider, "vendor/x:1"), {}), manager.delete(at(provider, "vendor/x:1"))):
        assert answer.status_code == 404
        assert answer.json["error"]


@pytest.mark.parametrize("model_id", HARD_IDS)
def test_any_id_can_be_part_of_an_address(manager: Program, add_provider: Add, model_id: str) -> None:
    provider = add_provider("http://127.0.0.1:9/v1")
    made = manager.post(at(provider), {"model_id": model_id})
    assert made.json["model_id"] == model_id
    changed = manager.patch(at(provider, model_id), {"display_name": "Odd"})
    assert (changed.status_code, changed.json["model_id"]) == (200, model_id), changed.text
    assert manager.delete(at(provider, model_id)).status_code == 204


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "model_id"),
        ({"model_id": ""}, "model_id"),
        ({"model_id": "  "}, "model_id"),
        ({"model_id": "a\x07"}, "model_id"),
        ({"model_id": "x" * 2_001}, "model_id"),
        ({"model_id": 7}, "model_id"),
        ({"model_id": "known"}, "model_id"),
        ({"model_id": "x", "display_name": "x" * 201}, "display_name"),
        ({"model_id": "x", "display_name": "a\x07"}, "display_name"),
        ({"model_id": "x", "context_length": 0}, "context_length"),
        ({"model_id": "x", "context_length": 2**31}, "context_length"),
        ({"model_id": "x", "context_length": 1.5}, "context_length"),
        ({"model_id": "x", "max_output_tokens": True}, "max_output_tokens"),
        ({"model_id": "x", "kind": "cat"}, "kind"),
        ({"model_id": "x", "capabilities": {"vision": "yes"}}, "capabilities.vision"),
        ({"model_id": "x", "capabilities": {"sight": True}}, "capabilities.sight"),
        ({"model_id": "x", "price": 1}, "price"),
    ],
)
def test_what_cannot_be_a_model_is_refused_by_field(
    manager: Program, add_provider: Add, fields: dict[str, Any], field: str
) -> None:
    provider = add_provider("http://127.0.0.1:9/v1")
    manager.post(at(provider), {"model_id": "known"})
    refused = manager.post(at(provider), fields)
    assert refused.status_code == 422, refused.text
    assert list(refused.json["errors"]) == [field]
    assert [row["model_id"] for row in manager.get(at(provider)).json] == ["known"]


def test_what_people_say_survives_every_refresh_and_can_be_taken_back(
    monkeypatch: pytest.MonkeyPatch, manager: Program, add_provider: Add, far_end: FarEnd, later: Later
) -> None:
    entries = [{"id": "one", "display_name": "Uno", "context_length": 1000, "capabilities": {"vision": True}}]
    provider = add_provider(far_end.at(serve_list(monkeypatch, entries)))
    asked = {"provider_id": provider, "refresh": True}
    before = manager.post("/api/models/discover", asked).json["models"][0]
    assert (before["display_name"], before["context_length"]) == ("Uno", 1000)
    assert before["sources"]["context_length"] == "provider"
    said = {"display_name": "Ours", "context_length": 5000, "enabled": False, "capabilities": {"vision": False}}
    manager.patch(at(provider, "one"), said | {"is_default": True})
    for _ in range(2):
        later(COOL_DOWN)
        after = manager.post("/api/models/discover", asked).json["models"][0]
        assert (said | {"is_default": True, "capabilities": before["capabilities"] | {"vision": False}}).items() <= (
            after.items()
        )
    manager.patch(at(provider, "one"), {"display_name": None, "context_length": None, "capabilities": {"vision": None}})
    later(COOL_DOWN)
    after = manager.post("/api/models/discover", asked).json["models"][0]
    assert after == before | {"enabled": False, "is_default": True}


def test_a_model_that_is_switched_off_is_offered_nowhere(app: Flask, manager: Program, add_provider: Add) -> None:
    provider = add_provider("http://127.0.0.1:9/v1")
    chatter = program(app, "admin", "chat")

    def offers() -> list[bool]:
        found = manager.get("/api/models?q=quite-special").json["total"] == 1
        listed = any("quite-special" in entry["id"] for entry in chatter.get("/v1/models").json["data"])
        return [found, listed, chatter.get("/v1/models/far-end/quite-special").status_code == 200]

    manager.post(at(provider), {"model_id": "quite-special"})
    assert offers() == [True] * 3
    manager.patch(at(provider, "quite-special"), {"enabled": False})
    assert offers() == [False] * 3
    manager.patch(at(provider, "quite-special"), {"enabled": True})
    assert offers() == [True] * 3


def test_a_model_of_the_providers_list_is_not_removed(
    app: Flask, manager: Program, add_provider: Add, far_end: FarEnd
) -> None:
    provider = add_provider(far_end.base_url)
    manager.post("/api/models/discover", {"provider_id": provider})
    refused = manager.delete(at(provider, "ok"))
    assert (refused.status_code, "switched off" in refused.json["error"]) == (409, True)
    with app.app_context():
        assert db.session.query(Model).filter_by(provider_id=provider, model_id="ok").count() == 1


def test_members_change_only_models_of_their_own_providers(
    app: Flask, manager: Program, member: Program, add_provider: Add
) -> None:
    shared, other = add_provider("http://127.0.0.1:9/v1"), add_provider("http://127.0.0.1:9/v1", by="stranger")
    manager.post(at(shared), {"model_id": "x"})
    assert len(member.get(at(shared)).json) == 1
    assert member.post(at(shared), {"model_id": "y"}).status_code == 403
    assert member.patch(at(shared, "x"), {"enabled": False}).status_code == 403
    assert member.delete(at(shared, "x")).status_code == 403
    assert member.get(at(other)).status_code == 404
    assert member.post("/api/models/discover", {"provider_id": other}).status_code == 404
    assert member.post("/api/models/test", {"provider_id": other, "model": "x"}).status_code == 404
    assert member.get(f"/api/models?provider={other}").status_code == 404


def test_long_and_odd_ids_reach_a_serving_process(
    manager: Program, add_provider: Add, serve: Callable[..., Server], data_dir: Path
) -> None:
    provider, server = add_provider("http://127.0.0.1:9/v1"), serve(data_dir)
    for model_id in ("x" * 2_000, "a b/" * 500, "模型/" * 300, "//../a?b#c%2F"):
        assert manager.post(at(provider), {"model_id": model_id}).status_code == 201
        url = server.url + at(provider, model_id)
        changed = httpx2.patch(url, json={"display_name": "Odd"}, headers=manager.headers)
        assert (changed.status_code, changed.json()["model_id"]) == (200, model_id), changed.text
        assert httpx2.delete(url, headers=manager.headers).status_code == 204


def test_many_who_add_the_same_model_at_once_add_it_once(app: Flask, manager: Program, add_provider: Add) -> None:
    provider, begin = add_provider("http://127.0.0.1:9/v1"), threading.Barrier(6)
    answers: list[int] = []

    def add() -> None:
        begin.wait(10)
        answer = app.test_client().post(at(provider), json={"model_id": "same"}, headers=manager.headers)
        answers.append(answer.status_code)

    threads = [threading.Thread(target=add) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == [201, *[422] * 5]
    assert len(manager.get(at(provider)).json) == 1
