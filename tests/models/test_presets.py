"""Presets: their pages without JavaScript, their JSON, whose they are, and what happens when their model goes."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Person
from tests.program import Program
from webapp.accounts.user import User
from webapp.chat.conversation import Conversation
from webapp.core import clock
from webapp.core.database import db, writing
from webapp.models.model import Model, id_hash
from webapp.models.preset import Preset, size_of
from webapp.monitor import sweep
from webapp.providers.provider import Provider

Add = Callable[..., int]
NAME = "Trả lời khách hàng"


@pytest.fixture
def provider(app: Flask, add_provider: Add) -> int:
    """A shared provider with three models of one family."""
    provider_id = add_provider("http://127.0.0.1:9/v1", name="Far End")
    with app.app_context(), writing() as session:
        session.add_all(listed(provider_id, name) for name in ("qwen-3", "qwen-3-plus", "qwen-4"))
    return provider_id


def listed(provider_id: int, name: str) -> Model:
    return Model(provider_id=provider_id, model_id=name, id_hash=id_hash(name), search_text=name)


def form(**more: str) -> dict[str, str]:
    return {"name": NAME, "system_prompt": "Lịch sự.", "model": "far-end/qwen-3", "temperature": "0.4"} | more


def stored(app: Flask, name: str = NAME) -> Preset:
    with app.app_context():
        found = db.session.query(Preset).filter_by(name=name).one()
        db.session.expunge_all()
        return found


def change(app: Flask, model_id: str, **values: Any) -> None:
    with app.app_context(), writing() as session:
        session.query(Model).filter_by(model_id=model_id).update(values)


def test_a_preset_is_made_and_shown_with_its_name_for_the_api(app: Flask, owner: Person, provider: int) -> None:
    response = owner.post("/presets", form(max_tokens="8192", extra_body='{"verbosity": "low"}', drop="seed"))
    preset = stored(app)
    assert response.headers["Location"] == f"/presets/{preset.id}/edit"
    assert (preset.slug, preset.model_name) == ("tra-loi-khach-hang", "far-end/qwen-3")
    assert preset.parameters == {
        "temperature": 0.4,
        "max_tokens": 8192,
        "extra_body": {"verbosity": "low"},
        "drop": ["seed"],
    }
    page = owner.get("/presets").text
    for text in (NAME, "temperature 0.4", "max 8,192", "verbosity", "without seed", "preset/tra-loi-khach-hang"):
        assert text in page
    assert "preset/tra-loi-khach-hang" in owner.get(f"/presets/{preset.id}/edit").text


def test_the_short_name_is_unique_and_stays_when_the_name_changes(app: Flask, owner: Person, provider: int) -> None:
    owner.post("/presets", form())
    owner.post("/presets", form(system_prompt="Another"))
    owner.post("/presets", form(name="客服知识库助手"))
    with app.app_context():
        slugs = [row.slug for row in db.session.query(Preset).order_by(Preset.id)]
    assert slugs == ["tra-loi-khach-hang", "tra-loi-khach-hang-2", "preset"]
    owner.post("/presets/1", form(name="New name"))
    assert stored(app, "New name").slug == "tra-loi-khach-hang"


def test_wrong_input_is_told_beside_its_field_and_typed_text_stays(app: Flask, owner: Person, provider: int) -> None:
    typed = form(
        name=" ", system_prompt="My own words", model="far-end/none", temperature="hot", extra_body='{"a": 1,}'
    )
    for htmx in (False, True):
        response = owner.post("/presets", typed, htmx=htmx)
        assert response.status_code == 422
        for text in (
            "Give it a name.",
            "There is no such model.",
            "Type a number.",
            "A comma before the closing brace.",
        ):
            assert text in response.text
        for text in ("My own words", 'value="far-end/none"', 'value="hot"'):
            assert text in response.text
    with app.app_context():
        assert db.session.query(Preset).count() == 0


def test_only_admins_share_and_then_only_with_a_provider_of_everybody(
    app: Flask, owner: Person, admin: Person, provider: int
) -> None:
    owner.post("/presets", form(is_shared="y"))
    assert not stored(app).is_shared
    with app.app_context(), writing() as session:
        session.get_one(Provider, provider).is_shared = False
    response = admin.post("/presets", form(name="For all", is_shared="y"))
    assert response.status_code == 422
    assert "Only you can use this provider" in response.text


def test_everybody_may_use_a_shared_preset_but_not_change_it(
    app: Flask, owner: Person, admin: Person, provider: int
) -> None:
    admin.post("/presets", form(is_shared="y"))
    assert NAME in owner.get("/presets").text
    for path in ("", "/model", "/delete"):
        assert owner.post(f"/presets/1{path}", form()).status_code == 403
    assert owner.get("/presets/1/edit").status_code == 403
    assert owner.post("/presets/1/duplicates").headers["Location"] == "/presets/2/edit"
    assert stored(app, f"{NAME}, copy").owner_id == owner.user_id


def test_a_deleted_preset_comes_back_within_half_a_minute_and_then_leaves_nothing_behind(
    app: Flask, owner: Person, provider: int
) -> None:
    owner.post("/presets", form())
    with app.app_context(), writing() as session:
        assert owner.user_id
        session.add(Conversation(owner_id=owner.user_id, title="With it", preset_id=1))
    assert "Undo" in owner.get(owner.post("/presets/1/delete").headers["Location"]).text
    assert owner.get("/presets/1/edit").status_code == 404
    owner.post("/presets/1/restore")
    assert NAME in owner.get("/presets").text
    owner.post("/presets/1/delete", htmx=True, headers={"HX-Target": "article#preset-card-1"})
    with app.app_context(), writing() as session:
        session.get_one(Preset, 1).deleted_at = clock.now() - timedelta(seconds=31)
    with app.app_context(), writing() as session:
        sweep(session)
    with app.app_context():
        assert db.session.query(Preset).count() == 0
        assert db.session.query(Conversation).one().preset_id is None
    assert owner.post("/presets/1/restore").status_code == 404


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"vanished_at": clock.now()}, "Its provider does not list it any more."),
        ({"is_enabled": False}, "It is hidden here."),
    ],
)
def test_a_preset_whose_model_is_gone_is_flagged_and_mended_with_one_click(
    app: Flask, owner: Person, provider: int, values: dict[str, Any], reason: str
) -> None:
    owner.post("/presets", form())
    change(app, "qwen-3", **values)
    page = owner.get("/presets").text
    assert "qwen-3 cannot answer" in page
    assert reason in page
    with app.app_context():
        better = db.session.query(Model).filter_by(model_id="qwen-3-plus").one().id
    assert f'name="model" value="{better}"' in page
    target = {"HX-Target": "article#preset-card-1"}
    card = owner.post("/presets/1/model", {"model": str(better)}, htmx=True, headers=target).text
    assert "cannot answer" not in card
    assert stored(app).model_name == "far-end/qwen-3-plus"


def test_a_preset_keeps_the_name_of_a_model_whose_provider_was_removed(
    app: Flask, owner: Person, provider: int
) -> None:
    owner.post("/presets", form())
    with app.app_context(), writing() as session:
        session.delete(session.get_one(Provider, provider))
    preset = stored(app)
    assert (preset.model_pk, preset.model_name) == (None, "far-end/qwen-3")
    assert "It was deleted, or its provider was." in owner.get("/presets").text
    owner.post("/presets/1", form(system_prompt="Changed"))  # what it has may stay
    assert stored(app).model_name == "far-end/qwen-3"


def test_variables_are_filled_in_once_and_nothing_else_is(app: Flask, owner: Person, provider: int) -> None:
    prompt = "{{date}} {{ user }} {{model}} {{project}}"
    with app.app_context():
        model = db.session.query(Model).filter_by(model_id="qwen-3").one()
        user = User(name="{{model}}")
        said = Preset(system_prompt=prompt).prompt_for(user, model)
    assert said == f"{clock.now():%Y-%m-%d} {{{{model}}}} qwen-3 {{{{project}}}}"


@pytest.mark.parametrize(
    ("text", "size"), [("", (0, 0)), ("You are careful.", (3, 4)), ("只根据知识库回答。", (8, 9)), ("Lịch sự", (2, 3))]
)
def test_a_prompt_is_counted_in_words_and_about_in_tokens(text: str, size: tuple[int, int]) -> None:
    assert size_of(text) == size


def test_programs_make_change_and_delete_presets(app: Flask, member: Program, provider: int) -> None:
    asked = {"name": "Engineer", "model": "far-end/qwen-3", "parameters": {"temperature": 0, "stop": ["\n\n"]}}
    made = member.post("/api/presets", asked)
    assert made.status_code == 201, made.text
    preset = made.json
    assert (preset["handle"], preset["model"], preset["problem"]) == ("preset/engineer", "far-end/qwen-3", None)
    assert preset["parameters"] == {"temperature": 0, "stop": ["\n\n"]}
    assert preset["route"] is None
    assert member.patch(f"/api/presets/{preset['id']}", {"route": "automatic"}).json["route"] == "automatic"
    changed = member.patch(f"/api/presets/{preset['id']}", {"name": "Careful", "model": None}).json
    assert changed["route"] == "automatic"
    assert (changed["name"], changed["slug"], changed["model"]) == ("Careful", "engineer", None)
    assert changed["parameters"] == preset["parameters"]
    assert [row["id"] for row in member.get("/api/presets").json] == [preset["id"]]
    assert member.delete(f"/api/presets/{preset['id']}").status_code == 204
    assert member.get(f"/api/presets/{preset['id']}").status_code == 404


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x", "model": "far-end/none"}, "model"),
        ({"name": "x", "parameters": {"temperature": 9}}, "parameters.temperature"),
        ({"name": "x", "parameters": {"stop": 5}}, "parameters.stop"),
        ({"name": "x", "parameters": {"warmth": 1}}, "parameters.warmth"),
        ({"name": "x", "parameters": {"extra_body": {"model": "y"}}}, "parameters.extra_body"),
        ({"name": "x", "prompt": "y"}, "prompt"),
        ({"name": "x", "route": "nowhere"}, "route"),
    ],
)
def test_programs_are_told_what_is_wrong_by_field(
    member: Program, provider: int, fields: dict[str, Any], field: str
) -> None:
    response = member.post("/api/presets", fields)
    assert response.status_code == 422
    assert list(response.json["errors"]) == [field]


def test_programs_see_why_a_preset_cannot_answer(app: Flask, member: Program, provider: int) -> None:
    member.post("/api/presets", {"name": "x", "model": "far-end/qwen-3"})
    change(app, "qwen-3", is_enabled=False)
    assert member.get("/api/presets").json[0]["problem"] == "hidden"
