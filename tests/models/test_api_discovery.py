"""Discovery, tests and search of models by programs."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests import far_end_lists
from tests.conftest import Person
from tests.far_end import FarEnd
from tests.models.test_api import at
from tests.program import Program
from webapp.core import clock
from webapp.core.database import writing
from webapp.models.mark import set_favourite
from webapp.models.model import DISCOVERED, Model, id_hash
from webapp.providers.schedule import COOL_DOWN

Add = Callable[..., int]


def test_many_who_discover_at_once_cost_the_provider_one_call(
    app: Flask, manager: Program, add_provider: Add, far_end: FarEnd
) -> None:
    provider = add_provider(far_end.at("hold"))
    answers: list[Any] = []

    def discover() -> None:
        client = app.test_client()
        answers.append(client.post("/api/models/discover", json={"provider_id": provider}, headers=manager.headers))

    threads = [threading.Thread(target=discover) for _ in range(4)]
    for thread in threads:
        thread.start()
    far_end.wait_for_calls(1)
    far_end.release.set()
    for thread in threads:
        thread.join(30)
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len(far_end.calls) == 1


def test_discovery_reads_once_then_answers_from_what_is_stored_until_a_refresh_is_wanted(
    manager: Program, add_provider: Add, far_end: FarEnd, later: Callable[[timedelta], None]
) -> None:
    provider = add_provider(far_end.base_url)
    first = manager.post("/api/models/discover", {"provider_id": provider}).json
    assert (first["cached"], first["error"], len(first["models"])) == (False, None, 5)
    again = manager.post("/api/models/discover", {"provider_id": provider}).json
    assert again == first | {"cached": True}
    assert len(far_end.calls) == 1
    wanted = {"provider_id": provider, "refresh": True}
    assert manager.post("/api/models/discover", wanted).json == again
    assert len(far_end.calls) == 1
    later(COOL_DOWN)
    fresh = manager.post("/api/models/discover", wanted).json
    assert fresh["fetched_at"] > first["fetched_at"]
    assert (fresh["cached"], len(far_end.calls)) == (False, 2)


def test_a_failed_discovery_says_why_and_keeps_what_is_known(
    manager: Program, add_provider: Add, far_end: FarEnd
) -> None:
    provider = add_provider(far_end.at("500"))
    manager.post(at(provider), {"model_id": "typed"})
    failed = manager.post("/api/models/discover", {"provider_id": provider})
    assert failed.status_code == 200
    assert (failed.json["cached"], failed.json["fetched_at"]) == (True, None)
    assert [row["model_id"] for row in failed.json["models"]] == ["typed"]
    assert all(isinstance(failed.json[name], str) and failed.json[name] for name in ("error", "category", "hint"))


def test_an_unsaved_provider_is_discovered_and_nothing_of_it_is_kept(manager: Program) -> None:
    count = len(manager.get("/api/providers").json)
    with FarEnd(key="sk-right-0123456789") as far_end:
        fields = {"type": "custom", "base_url": far_end.base_url, "api_key": "sk-right-0123456789"}
        assert list(manager.post("/api/models/discover", fields).json["errors"]) == ["allow_private"]
        found = manager.post("/api/models/discover", fields | {"allow_private": True})
        assert [row["model_id"] for row in found.json["models"]] == list(far_end_lists.IDS)
        assert (found.json["cached"], found.json["error"]) == (False, None)
        refused = manager.post("/api/models/discover", fields | {"api_key": "sk-wrong-0123456789"})
        assert (refused.json["models"], refused.json["category"]) == ([], "auth_invalid")
        assert "sk-" not in refused.text
    assert len(manager.get("/api/providers").json) == count


def test_an_unsaved_provider_is_waited_for_as_long_as_its_limits_say(manager: Program, far_end: FarEnd) -> None:
    fields = {"type": "custom", "base_url": far_end.at("hold"), "allow_private": True}
    late = manager.post("/api/models/discover", fields | {"limits": {"first_byte_seconds": 1}})
    assert (late.json["models"], late.json["category"]) == ([], "timeout")
    refused = manager.post("/api/models/discover", fields | {"limits": {"first_byte_seconds": 0}})
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["limits.first_byte_seconds"])


@pytest.mark.parametrize("fields", [{}, {"provider_id": "1"}, {"provider_id": 1, "refresh": 1}, {"type": "nobody"}])
def test_what_cannot_be_discovered_is_refused_by_field(manager: Program, fields: dict[str, Any]) -> None:
    refused = manager.post("/api/models/discover", fields)
    assert refused.status_code == 422
    assert refused.json["errors"]


def test_one_model_is_tested_on_the_path_of_chats(manager: Program, add_provider: Add, far_end: FarEnd) -> None:
    provider = add_provider(far_end.base_url)
    good = manager.post("/api/models/test", {"provider_id": provider, "model": "ok"}).json
    assert good["success"]
    bad = manager.post("/api/models/test", {"provider_id": provider, "model": "500"}).json
    assert (bad["success"], bad["error"] is None) == (False, False)
    assert manager.post("/api/models/test", {"provider_id": 999, "model": "ok"}).status_code == 404
    assert list(manager.post("/api/models/test", {"provider_id": provider}).json["errors"]) == ["model"]


def test_models_are_searched_by_words_capability_and_provider_page_by_page(manager: Program, add_provider: Add) -> None:
    first, second = (add_provider("http://127.0.0.1:9/v1", name=name) for name in ("First Hall", "Second Hall"))
    for number in range(3):
        manager.post(at(first), {"model_id": f"mô-hình-{number}", "capabilities": {"vision": number == 1}})
    manager.post(at(second), {"model_id": "mo-hinh-x", "kind": "embedding", "capabilities": {"vision": True}})

    def found(query: str) -> list[tuple[str, list[str]]]:
        groups = manager.get(f"/api/models?{query}").json["providers"]
        return [(group["slug"], [row["model_id"] for row in group["models"]]) for group in groups]

    everything = [("first-hall", ["mô-hình-0", "mô-hình-1", "mô-hình-2"]), ("second-hall", ["mo-hinh-x"])]
    assert found("q=MO+HINH") == everything
    assert found("q=mo+hinh&capability=vision") == [("first-hall", ["mô-hình-1"]), ("second-hall", ["mo-hinh-x"])]
    assert found(f"q=mo+hinh&provider={second}") == everything[1:]
    assert found("q=mo+hinh&limit=1&offset=2") == [("first-hall", ["mô-hình-2"])]
    page = manager.get("/api/models?q=mo+hinh&limit=2&offset=1").json
    assert (page["total"], page["offset"], page["next_offset"]) == (4, 1, 3)
    assert manager.get("/api/models?q=mo+hinh&limit=2&offset=2").json["next_offset"] is None
    manager.patch(f"/api/providers/{first}", {"enabled": False})
    assert found("q=mo+hinh") == everything[1:]


def test_models_are_filtered_as_on_the_page_of_all_models(
    app: Flask, people: dict[str, Person], manager: Program, add_provider: Add
) -> None:
    provider = add_provider("http://127.0.0.1:9/v1", name="Hall")
    models: dict[str, dict[str, Any]] = {
        "plain": {},
        "both": {"capabilities": {"vision": True, "tools": True}, "price": {"input": 2.5}},
        "eyes": {"capabilities": {"vision": True, "tools": False}, "price": {"input": 0}},
        "off": {"enabled": False},
    }
    for name, more in models.items():
        manager.post(at(provider), {"model_id": name, **more})
    with app.app_context(), writing() as session:
        rows = {row.model_id: row for row in session.scalars(select(Model).filter_by(provider_id=provider))}
        user_id = people["admin"].user_id
        assert user_id
        set_favourite(session, user_id, rows["both"].id, True)
        rows["eyes"].source = DISCOVERED
        for name, is_on in (("was", True), ("was-off", False)):
            gone = Model(provider_id=provider, model_id=name, id_hash=id_hash(name), search_text=name)
            gone.is_enabled, gone.vanished_at = is_on, clock.now()
            session.add(gone)

    def found(query: str) -> list[str]:
        groups = manager.get(f"/api/models?provider={provider}&{query}").json["providers"]
        return [row["model_id"] for group in groups for row in group["models"]]

    assert sorted(found("")) == ["both", "eyes", "plain"]
    assert sorted(found("capability=vision")) == ["both", "eyes"]
    assert found("capability=vision&capability=tools") == ["both"]
    assert found("hidden=true") == ["off"]
    assert sorted(found("hidden=false&gone=false")) == ["both", "eyes", "plain"]
    assert sorted(found("gone=true")) == ["was", "was-off"]
    assert found("custom=false") == ["eyes"]
    assert sorted(found("custom=true")) == ["both", "plain"]
    assert found("favourite=true") == ["both"]
    assert sorted(found("favourite=false")) == ["eyes", "plain"]
    assert sorted(found("max_price=2.5")) == ["both", "eyes"]
    assert found("max_price=2.49&capability=vision") == ["eyes"]
    assert found("max_price=0") == ["eyes"]


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=501", "limit=x", "offset=-1", "provider=x", "q=%00", "q=" + "x" * 201),
        *("capability=flight", "capability=vision&capability=flight", "hidden=1", "gone=", "favourite=maybe"),
        *("max_price=-0.01", "max_price=cheap", "max_price=nan", "max_price=1e999"),
    ],
)
def test_a_search_that_cannot_be_is_refused_by_field(manager: Program, query: str) -> None:
    refused = manager.get(f"/api/models?{query}")
    assert refused.status_code == 422
    assert list(refused.json["errors"]) == [query.partition("=")[0]]
