"""The model that new chats begin with: chosen in the settings, flagged when it is gone, never replaced by itself."""

from collections.abc import Callable

import pytest
from flask import Flask

from tests.conftest import Person
from webapp.accounts.user import find_user
from webapp.chat.model_choice import first_model
from webapp.core import clock
from webapp.core.database import db, writing
from webapp.models.model import Model, id_hash

WHERE = "/settings/model"


@pytest.fixture
def provider(app: Flask, add_provider: Callable[..., int]) -> int:
    """A shared provider with three models of one family; chats begin with the first."""
    provider_id = add_provider("http://127.0.0.1:9/v1", name="Far End")
    with app.app_context(), writing() as session:
        session.add(
            Model(provider_id=provider_id, model_id="bge", id_hash=id_hash("bge"), search_text="bge", kind="embedding")
        )
        session.add_all(
            Model(provider_id=provider_id, model_id=name, id_hash=id_hash(name), search_text=name, position=place)
            for place, name in enumerate(("qwen-3", "qwen-3-plus", "qwen-4"))
        )
    return provider_id


def first(app: Flask) -> str | None:
    with app.app_context():
        user = find_user(db.session, "owner")
        assert user
        model = first_model(db.session, user)
        return model.model_id if model else None


def test_a_chosen_model_goes_before_the_one_used_last_until_it_is_taken_back(
    app: Flask, owner: Person, provider: int
) -> None:
    before = first(app)
    saved = owner.post(WHERE, {"model": "qwen-4"}, htmx=True)
    assert "Saved." in saved.text
    assert 'value="far-end/qwen-4"' in owner.get(WHERE).text
    assert first(app) == "qwen-4"
    assert "qwen-4" in owner.get("/").text
    assert owner.post(WHERE, {"model": ""}).status_code == 303
    assert first(app) == before != "qwen-4"


@pytest.mark.parametrize("name", ["far-end/nothing", "nowhere/qwen-4", "far-end/bge", "a\x00b", "x" * 2001])
def test_what_is_no_model_is_refused_beside_the_field_and_kept_there(
    app: Flask, owner: Person, provider: int, name: str
) -> None:
    refused = owner.post(WHERE, {"model": name}, htmx=True)
    assert refused.status_code == 422
    assert 'aria-invalid="true"' in refused.text
    with app.app_context():
        user = find_user(db.session, "owner")
        assert user
        assert user.first_model is None


def test_one_that_vanished_is_flagged_and_replaced_by_one_click_only(app: Flask, owner: Person, provider: int) -> None:
    owner.post(WHERE, {"model": "far-end/qwen-3-plus"})
    with app.app_context(), writing() as session:
        session.query(Model).filter_by(model_id="qwen-3-plus").one().vanished_at = clock.now()
        other = session.query(Model).filter_by(provider_id=provider, model_id="qwen-3").one().id
    flagged = owner.get(WHERE).text
    assert "far-end/qwen-3-plus cannot answer" in flagged
    assert f'name="model" value="{other}"' in flagged
    assert "they begin with far-end/qwen-3-plus" in owner.get("/models/drift").text
    assert first(app) != "qwen-3-plus"
    taken = owner.post(WHERE, {"model": str(other), "proposed": "y"}, htmx=True)
    assert "cannot answer" not in taken.text
    assert first(app) == "qwen-3"


def test_nobody_begins_with_a_model_of_somebody_else(
    app: Flask, owner: Person, stranger: Person, add_provider: Callable[..., int]
) -> None:
    private = add_provider("http://127.0.0.1:9/v1", by="stranger", name="Riêng")
    with app.app_context(), writing() as session:
        session.add(Model(provider_id=private, model_id="mine", id_hash=id_hash("mine"), search_text="mine"))
    assert owner.post(WHERE, {"model": "rieng/mine"}).status_code == 422
    with app.app_context():
        pk = db.session.query(Model).filter_by(model_id="mine").one().id
    assert owner.post(WHERE, {"model": str(pk), "proposed": "y"}).status_code == 404
    assert stranger.post(WHERE, {"model": "rieng/mine"}).status_code == 303
