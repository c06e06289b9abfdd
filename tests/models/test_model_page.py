"""The page of a model says how it stands and what to do, to those who may change its provider and to all others."""

from collections.abc import Callable

import pytest
from flask import Flask

from tests.conftest import Person
from webapp.chat.conversation import Conversation
from webapp.core.database import db, writing
from webapp.models.facts import ABILITIES
from webapp.models.model import Model
from webapp.models.preset import Preset

NOTHING = dict.fromkeys(("kind", *ABILITIES), "")  # what the form sends when nothing is filled in


@pytest.fixture
def model_pk(app: Flask, add_provider: Callable[..., int], offer: Callable[..., None]) -> int:
    """A model that everybody may use and only the admin may change."""
    provider = add_provider("http://127.0.0.1:9/v1")
    offer(provider, "able-1", "able-2")
    with app.app_context():
        return db.session.query(Model.id).filter_by(provider_id=provider, model_id="able-1").one()[0]


def test_a_hidden_model_stays_hidden_and_its_page_says_so(
    app: Flask, admin: Person, stranger: Person, model_pk: int, offer: Callable[..., None]
) -> None:
    assert admin.post(f"/models/{model_pk}/overlay", NOTHING, htmx=True).status_code == 200
    with app.app_context():
        provider = db.session.get_one(Model, model_pk).provider_id
    offer(provider, "able-1", "able-2")
    assert "This model is hidden" in admin.get(f"/models/{model_pk}").text
    seen = stranger.get(f"/models/{model_pk}").text
    assert "This model is hidden" in seen
    assert "Offer it again" not in seen
    assert "Chat with it" not in seen
    assert "able-2" in seen


def test_a_vanished_model_tells_what_to_do(
    app: Flask, admin: Person, model_pk: int, offer: Callable[..., None]
) -> None:
    with app.app_context():
        provider = db.session.get_one(Model, model_pk).provider_id
    offer(provider, "able-2", "other")
    shown = admin.get(f"/models/{model_pk}").text
    assert "Far End does not list this model any more" in shown
    assert "Refresh list" in shown
    assert "Check all" not in shown
    assert "able-2" in shown


def test_whoever_may_only_use_the_provider_says_nothing_but_has_a_star_of_their_own(
    app: Flask, stranger: Person, admin: Person, model_pk: int
) -> None:
    assert stranger.post(f"/models/{model_pk}/overlay", NOTHING).status_code == 403
    assert stranger.post(f"/models/{model_pk}/delete").status_code == 403
    assert "Only an admin can change this provider." in stranger.get(f"/models/{model_pk}").text
    stranger.post(f"/models/{model_pk}/favourite", {"favourite": "1"}, htmx=True)
    assert 'aria-pressed="true"' in stranger.get(f"/models/{model_pk}").text
    assert 'aria-pressed="true"' not in admin.get(f"/models/{model_pk}").text
    stranger.post(f"/models/{model_pk}/favourite", {"favourite": "0"}, htmx=True)
    assert 'aria-pressed="true"' not in stranger.get(f"/models/{model_pk}").text


def test_the_page_tells_where_a_model_is_used(app: Flask, admin: Person, owner: Person, model_pk: int) -> None:
    admin.post(f"/models/{model_pk}/default")
    with app.app_context(), writing() as session:
        session.add(Preset(owner_id=admin.user_id, slug="poet", name="Poet", model_pk=model_pk))
        session.add(Conversation(owner_id=admin.user_id, title="Odes", model_pk=model_pk))
    shown = admin.get(f"/models/{model_pk}").text
    assert "Default of Far End" in shown
    assert "preset/poet" in shown
    talks = admin.get(f"/chat/models/{model_pk}", headers={"HX-Request": "true"}).text
    assert "1 conversation of yours" in talks
    assert "Odes" in talks
    assert "preset/poet" not in owner.get(f"/models/{model_pk}").text
    assert "No conversation of yours." in owner.get(f"/chat/models/{model_pk}").text
