"""The page of one model: what is known of it, and how requests to it are changed."""

from typing import Any

from flask import Blueprint, Response, g, request, url_for

from webapp.core.database import db
from webapp.models.facts import merged
from webapp.models.model import Model, find_known_model
from webapp.models.quirk import forget, quirks_of, remember
from webapp.providers.provider import find_own_provider
from webapp.upstream.repair import is_word
from webapp.web.render import fragment, go_to, page, wants_fragment

model_page = Blueprint("model_page", __name__)


@model_page.get("/models/<int:model_pk>")
def show_model(model_pk: int) -> Response:
    """One model: what it can do, who says so, and how requests to it are changed."""
    model = find_known_model(db.session, g.user, model_pk)
    return page("models/show.html", provider=model.provider, **_known_values(model))


@model_page.post("/models/<int:model_pk>/quirks")
def create_quirk(model_pk: int) -> Response:
    """Remember how every request to this model is to be changed."""
    model = _own_model(model_pk)
    word = request.form.get("word", "")
    remember(g.user, model, word)
    return _changed(model_pk, word)


@model_page.post("/models/<int:model_pk>/quirks/delete")
def delete_quirk(model_pk: int) -> Response:
    """Send requests to this model as they are again."""
    model = _own_model(model_pk)
    word = request.form.get("word", "")
    forget(model, word)
    return _changed(model_pk, word)


def _own_model(model_pk: int) -> Model:
    model = find_known_model(db.session, g.user, model_pk)
    find_own_provider(db.session, g.user, model.provider_id)
    return model


def _changed(model_pk: int, word: str) -> Response:
    """Draw what was clicked anew: the note under an answer, or the model's page."""
    db.session.expire_all()
    model = find_known_model(db.session, g.user, model_pk)
    if not wants_fragment():
        return go_to(url_for("model_page.show_model", model_pk=model_pk))
    if (note_id := request.form.get("note", "")) and is_word(word):
        return fragment("models/_note.html", model=model, word=word, note_id=note_id, provider_name=model.provider.name)
    return fragment("models/_known.html", **_known_values(model))


def _known_values(model: Model) -> dict[str, Any]:
    return {"model": model, "facts": merged(model.facts, model.overrides), "quirks": quirks_of(model)}
