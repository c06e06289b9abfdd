"""Reading a provider's list: one call however often it is asked for, and never less known than before."""

import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests import far_end_lists
from tests.conftest import Person
from tests.far_end import FarEnd
from webapp.core import clock
from webapp.core.database import db, writing
from webapp.models.listed import MOST_MODELS
from webapp.models.model import Model
from webapp.providers.provider import LONGEST_REFRESH, Provider

Add = Callable[..., int]
Refresh = Callable[[Person, int], None]
Ids = Callable[[int], list[str]]

ODD_IDS = [
    "vendor/family/model:free",
    "  leading and trailing  ",
    "Đại-mô-hình",
    "模型-7b",
    "🦊",
    "<script>alert(1)</script>",
    "a" * 2_000,
    "100%_\\",
    "same",
    "Same",
    "' OR 1=1 --",
    "line\tbreak",
]


def serve_list(monkeypatch: pytest.MonkeyPatch, value: Any) -> str:
    """Let the far end serve this list; return the script's name."""
    monkeypatch.setitem(far_end_lists.SCRIPTS, "mine", lambda play: play.send(200, json.dumps(value).encode()))
    return "mine"


def test_two_clicks_cost_the_provider_one_call(owner: Person, add_provider: Add, far_end: FarEnd) -> None:
    provider = add_provider(far_end.at("hold"))
    for _ in range(5):
        response = owner.post(f"/providers/{provider}/models/refreshes", htmx=True)
        assert (response.status_code, "Reading the list" in response.text) == (200, True)
    far_end.wait_for_calls(1)
    assert owner.post(f"/providers/{provider}/models/refreshes").status_code == 303
    assert len(far_end.calls) == 1
    far_end.hang_up()


def test_a_refresh_fills_the_list_and_says_when(
    owner: Person, add_provider: Add, far_end: FarEnd, refresh: Refresh
) -> None:
    provider = add_provider(far_end.base_url)
    assert "The list was not read yet." in owner.get(f"/providers/{provider}/models").text
    refresh(owner, provider)
    section = owner.get(f"/providers/{provider}/models", headers={"HX-Request": "true"}).text
    assert "List read just now" in section
    assert "whisper-1" in section
    assert "whisper-1" not in owner.get("/models/picker?q=whisper").text.replace("“whisper”", "")


@pytest.mark.parametrize("script", ["401", "500", "html", "badjson", "silent", "429", "deep", "no-list"])
def test_a_failure_keeps_the_old_list_and_shows_the_cause(
    app: Flask, owner: Person, add_provider: Add, far_end: FarEnd, refresh: Refresh, ids: Ids, script: str
) -> None:
    provider = add_provider(far_end.base_url)
    refresh(owner, provider)
    before = ids(provider)
    with app.app_context(), writing() as session:
        session.get_one(Provider, provider).base_url = far_end.at(script)
    refresh(owner, provider)
    assert before == ids(provider) == list(far_end_lists.IDS)
    section = owner.get(f"/providers/{provider}/models").text
    assert f'id="refresh-failure-{provider}" role="alert"' in section
    assert "Refresh list" in section
    assert ("Wait 7 s" in section) == (script == "429")


def test_a_later_success_takes_the_failure_away(
    app: Flask, owner: Person, add_provider: Add, far_end: FarEnd, refresh: Refresh, ids: Ids
) -> None:
    provider = add_provider(far_end.at("500"))
    refresh(owner, provider)
    assert ids(provider) == []
    with app.app_context(), writing() as session:
        session.get_one(Provider, provider).base_url = far_end.base_url
    refresh(owner, provider)
    assert "refresh-failure" not in owner.get(f"/providers/{provider}/models").text
    assert ids(provider) == list(far_end_lists.IDS)


@pytest.mark.parametrize(
    ("script", "count"),
    [("bare", 5), ("envelope-models", 5), ("models:2000", 2000), ("pages:250", 250), ("models:11000", MOST_MODELS)],
)
def test_lists_of_every_shape_and_size_are_read(
    owner: Person, add_provider: Add, far_end: FarEnd, refresh: Refresh, ids: Ids, script: str, count: int
) -> None:
    provider = add_provider(far_end.at(script))
    refresh(owner, provider)
    assert len(ids(provider)) == count
    began = time.monotonic()
    page = owner.get(f"/providers/{provider}/models").text
    assert time.monotonic() - began < 1
    assert page.count("<tr><th scope") <= 61
    assert ("Show all" in page) == (count > 60)


def test_odd_ids_are_kept_as_they_are_and_shown_as_text(
    monkeypatch: pytest.MonkeyPatch, owner: Person, add_provider: Add, far_end: FarEnd, refresh: Refresh, ids: Ids
) -> None:
    entries = [{"id": model_id, "object": "model"} for model_id in [*ODD_IDS, "same", ODD_IDS[0]]]
    provider = add_provider(far_end.at(serve_list(monkeypatch, {"data": [*entries, {"id": 7}, {"id": None}, {}, "x"]})))
    refresh(owner, provider)
    assert [model_id for model_id in ids(provider) if model_id in ODD_IDS] == ODD_IDS
    for path in (f"/providers/{provider}/models", "/models", "/models/picker"):
        page = owner.get(path).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_model_that_left_the_list_is_hidden_and_comes_back_with_it(
    monkeypatch: pytest.MonkeyPatch, owner: Person, add_provider: Add, far_end: FarEnd, refresh: Refresh, ids: Ids
) -> None:
    provider = add_provider(far_end.at(serve_list(monkeypatch, ["one", "two"])))
    for wanted in (["one", "two"], ["two"], ["two", "one", "three"]):
        serve_list(monkeypatch, wanted)
        refresh(owner, provider)
        assert ids(provider) == wanted
        picker = owner.get("/models/picker?q=far+end", headers={"HX-Request": "true"}).text
        assert [name for name in ("one", "two", "three") if f'data-name="{name}"' in picker] == sorted(
            wanted, key=["one", "two", "three"].index
        )


def test_a_model_that_left_the_list_can_be_typed_and_stays(
    app: Flask,
    monkeypatch: pytest.MonkeyPatch,
    admin: Person,
    add_provider: Add,
    far_end: FarEnd,
    refresh: Refresh,
    ids: Ids,
) -> None:
    provider = add_provider(far_end.at(serve_list(monkeypatch, ["one", "two"])))
    refresh(admin, provider)
    serve_list(monkeypatch, ["two"])
    refresh(admin, provider)
    assert admin.post(f"/providers/{provider}/models", {"model_id": "one"}, htmx=True).status_code == 200
    refresh(admin, provider)
    assert sorted(ids(provider)) == ["one", "two"]
    with app.app_context():
        assert db.session.query(Model).filter_by(provider_id=provider).count() == 2
        assert db.session.get_one(Provider, provider).models_count == 2


def test_a_refresh_of_a_process_that_died_does_not_block_the_next(
    app: Flask, owner: Person, add_provider: Add, far_end: FarEnd, refresh: Refresh, ids: Ids
) -> None:
    provider = add_provider(far_end.base_url)
    with app.app_context(), writing() as session:
        row = session.get_one(Provider, provider)
        row.refresh_started_at = clock.now() - LONGEST_REFRESH - timedelta(seconds=1)
    assert "Reading the list" not in owner.get(f"/providers/{provider}/models").text
    refresh(owner, provider)
    assert len(ids(provider)) == 5


def test_a_provider_that_is_deleted_while_its_list_is_read_does_no_harm(
    app: Flask, owner: Person, add_provider: Add, far_end: FarEnd, caplog: pytest.LogCaptureFixture
) -> None:
    provider = add_provider(far_end.at("hold"))
    owner.post(f"/providers/{provider}/models/refreshes")
    far_end.wait_for_calls(1)
    with app.app_context(), writing() as session:
        session.execute(db.delete(Provider).where(Provider.id == provider))
    far_end.release.set()
    for thread in threading.enumerate():
        if thread.name == "refresh":
            thread.join(10)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
