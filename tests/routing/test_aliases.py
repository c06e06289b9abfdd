"""Aliases: their pages without JavaScript, their JSON, what stands for them among models, and who answers for them."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.conftest import Person
from tests.program import Program, manager, member
from webapp.core.database import db, writing
from webapp.models.model import Model, id_hash
from webapp.monitor import sweep
from webapp.providers.provider import Provider
from webapp.routing.alias import AliasRecord
from webapp.routing.terms import Alias
from webapp.routing.world import subject_of

__all__ = ["manager", "member"]

Add = Callable[..., int]


@pytest.fixture
def providers(app: Flask, add_provider: Add) -> tuple[int, int]:
    """Two shared providers, `far-end` and `second`, with two models each."""
    first, second = add_provider("http://127.0.0.1:9/v1"), add_provider("http://127.0.0.1:9/v1", name="Second")
    with app.app_context(), writing() as session:
        for provider_id in (first, second):
            session.add_all(listed(provider_id, name) for name in ("small", "large"))
    return first, second


def listed(provider_id: int, name: str) -> Model:
    return Model(provider_id=provider_id, model_id=name, id_hash=id_hash(name), search_text=name)


def form(*targets: str, **more: str) -> dict[str, str]:
    named = targets or ("far-end/small", "second/large")
    rows = {f"targets-{place}-model": name for place, name in enumerate(named)}
    weights = {f"targets-{place}-weight": str(3 - place) for place in range(len(named))}
    return {"name": "best", "strategy": "ordered", "after_first": "stop", "is_sticky": "y", **rows, **weights} | more


def change(app: Flask, name: str, **values: Any) -> None:
    """Change a model, by the short name of its provider and its id."""
    slug, _, model_id = name.partition("/")
    with app.app_context(), writing() as session:
        provider = session.query(Provider).filter_by(slug=slug).one()
        row = session.query(Model).filter_by(provider_id=provider.id, model_id=model_id).one()
        for field, value in values.items():
            setattr(row, field, value)


def number(app: Flask, name: str = "best") -> int:
    with app.app_context():
        return db.session.scalars(select(AliasRecord.model_pk).join(Model).where(Model.model_id == name)).one()


def subject(app: Flask) -> Alias:
    with app.app_context():
        model = db.session.query(Model).filter_by(model_id="best").one()
        found = subject_of(db.session, model)
        assert isinstance(found, Alias)
        return found


def test_an_alias_is_made_shown_and_changed(app: Flask, admin: Person, owner: Person, providers: object) -> None:
    assert admin.post("/routes/aliases", form()).headers["Location"] == "/routes"
    page = owner.get("/routes").text
    for text in ("best", "far-end/small", "second/large", "In order", "Why this route?"):
        assert text in page
    address = f"/routes/aliases/{number(app)}"
    edited = admin.get(f"{address}/edit").text
    assert 'value="far-end/small"' in edited
    assert 'value="3"' in edited
    admin.post(address, form("second/small", name="finest", strategy="weighted", after_first="continue"))
    page = owner.get("/routes").text
    for text in ("finest", "second/small", "By weight", "weight 3", "is continued by the next one"):
        assert text in page
    assert "far-end/small" not in page


def test_the_list_of_targets_is_put_in_order_without_saving(app: Flask, admin: Person, providers: object) -> None:
    for command, order in (
        ("down:0", ["second/large", "far-end/small"]),
        ("up:1", ["second/large", "far-end/small"]),
        ("remove:0", ["second/large"]),
        ("add", ["far-end/small", "second/large", ""]),
        ("up:99", ["far-end/small", "second/large"]),
        ("nonsense", ["far-end/small", "second/large"]),
    ):
        for htmx in (False, True):
            response = admin.post("/routes/aliases", form(do=command), htmx=htmx)
            assert response.status_code == 200
            rows = [f'name="targets-{place}-model" value="{name}"' for place, name in enumerate(order)]
            assert all(row in response.text for row in rows), command
            assert f"targets-{len(order)}-model" not in response.text
    with app.app_context():
        assert db.session.query(AliasRecord).count() == 0


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        (form(name=" "), "Give it a name."),
        (form(name="two words"), "without spaces"),
        (form(name="with/slash"), "without spaces"),
        (form(name="far-end"), "A provider has this short name"),
        (form("far-end/none"), "There is no such model."),
        (form("small"), "Several providers have this model."),
        (form("far-end/small", "far-end/small"), "A model is in the list twice."),
        (form("mine/own"), "Only you can use this provider"),
        (form("first"), "This is an alias itself"),
        (form(name="first"), "There is an alias of this name already."),
        (form("", "second/large"), "Choose a model, or remove the row."),
        (form() | {"targets-0-weight": "1001"}, "Type a whole number from 0 to 1000."),
        (form() | {"targets-0-weight": "much"}, "Type a whole number from 0 to 1000."),
        (form(strategy="best"), "Not a valid choice"),
    ],
)
def test_wrong_input_is_told_beside_its_field(
    app: Flask, admin: Person, providers: object, add_provider: Add, typed: dict[str, str], reason: str
) -> None:
    own = add_provider("http://127.0.0.1:9/v1", name="Mine", is_shared=False)
    with app.app_context(), writing() as session:
        session.add(listed(own, "own"))
    admin.post("/routes/aliases", form(name="first"))
    for htmx in (False, True):
        response = admin.post("/routes/aliases", typed, htmx=htmx)
        assert response.status_code == 422
        assert reason in response.text
    with app.app_context():
        assert db.session.query(AliasRecord).count() == 1


def test_members_see_aliases_and_change_none(app: Flask, admin: Person, owner: Person, providers: object) -> None:
    admin.post("/routes/aliases", form())
    page = owner.get("/routes").text
    assert "best" in page
    assert "New alias" not in page
    assert "/edit" not in page
    address = f"/routes/aliases/{number(app)}"
    for path in ("/routes/aliases", address, f"{address}/delete", f"{address}/restore"):
        assert owner.post(path, form()).status_code == 403
    assert owner.get(f"{address}/edit").status_code == 403


def test_an_alias_can_do_what_all_its_targets_can(app: Flask, admin: Person, providers: object) -> None:
    facts = {"provider": {"vision": True, "tools": True, "context_length": 8000}}
    change(app, "far-end/small", capabilities={"vision": True, "tools": True, "reasoning": True}, context_length=8000)
    change(app, "second/large", capabilities={"vision": True, "tools": False}, context_length=4000, facts=facts)
    admin.post("/routes/aliases", form())

    def row() -> Model:
        with app.app_context():
            return db.session.query(Model).filter_by(model_id="best").one()

    made = row()
    assert (made.kind, made.source, made.context_length) == ("chat", "user", 4000)
    said = {name: made.capabilities[name] for name in ("vision", "tools", "reasoning")}
    assert said == {"vision": True, "tools": False, "reasoning": None}
    change(app, "second/large", is_enabled=False)
    with app.app_context(), writing() as session:
        sweep(session)
    settled = row()
    assert (settled.capabilities["tools"], settled.context_length) == (True, 8000)


def test_the_picker_offers_an_alias_to_everybody(app: Flask, admin: Person, owner: Person, providers: object) -> None:
    admin.post("/routes/aliases", form())
    assert "best" in owner.get("/models/picker?q=best", headers={"HX-Request": "true"}).text


def test_a_model_of_the_same_id_is_pointed_out(admin: Person, providers: object) -> None:
    admin.post("/routes/aliases", form(name="small"))
    assert "the model is still there as far-end/small, second/small" in admin.get("/routes").text


def test_programs_manage_aliases_with_the_same_checks(
    app: Flask, manager: Program, member: Program, providers: object
) -> None:
    wanted = {"name": "best", "targets": [{"model": "far-end/small", "weight": 2}, {"model": "second/large"}]}
    made = manager.post("/api/aliases", wanted)
    assert made.status_code == 201
    assert made.json == {
        "id": number(app),
        "name": "best",
        "strategy": "ordered",
        "targets": [
            {"model": "far-end/small", "weight": 2, "offered": True},
            {"model": "second/large", "weight": 1, "offered": True},
        ],
        "after_first": "stop",
        "sticky": True,
    }
    address = f"/api/aliases/{number(app)}"
    changed = manager.patch(address, {"strategy": "fastest", "sticky": False}).json
    assert changed == made.json | {"strategy": "fastest", "sticky": False}
    assert member.get("/api/aliases").json == [changed]
    assert member.get(address).json == changed
    refused = manager.patch(address, {"name": "a b", "targets": [{"model": "far-end/none"}]})
    assert refused.status_code == 422
    assert refused.json
    assert set(refused.json["errors"]) == {"name", "targets.0.model"}
    assert manager.post("/api/aliases", wanted).status_code == 422
    for response in (member.post("/api/aliases", wanted), member.patch(address, {}), member.delete(address)):
        assert response.status_code == 403
    assert manager.delete(address).status_code == 204
    assert manager.get(address).status_code == 404
