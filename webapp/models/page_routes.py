"""The page of one model: what is known of it and checked, what people say of it, how requests to it are changed."""

from typing import Any

from flask import Blueprint, Response, abort, g, request, url_for

from webapp.core.database import db, release
from webapp.core.errors import ConflictError
from webapp.models.capability_check import CHECKED, latest_checks_of
from webapp.models.capability_checks import start_checks
from webapp.models.facts import merged
from webapp.models.mark import Mark, set_favourite
from webapp.models.model import Model, find_known_model
from webapp.models.model import delete_model as remove_model
from webapp.models.overlay import FIELDS, inherited, override
from webapp.models.page_forms import OverlayForm, overlay_form
from webapp.models.preset import Preset, visible_presets
from webapp.models.quirk import forget, quirks_of, remember
from webapp.models.replacement import proposals
from webapp.providers.check_routes import key_trouble_told
from webapp.providers.provider import ALIAS, find_own_provider
from webapp.upstream.repair import is_word
from webapp.web.render import fragment, go_to, page, wants_fragment

model_page = Blueprint("model_page", __name__)


@model_page.get("/models/<int:model_pk>")
def show_model(model_pk: int) -> Response:
    """One model: what it can do and who says so, what it costs, where it is used."""
    model = find_known_model(db.session, g.user, model_pk)
    if model.provider.dialect == ALIAS:
        return go_to(url_for("routes.list_routes"))
    return _page(model)


@model_page.get("/models/<int:model_pk>/facts")
def show_facts(model_pk: int) -> Response:
    """What is known as it stands: the table asks for itself while something is checked."""
    model = find_known_model(db.session, g.user, model_pk)
    return fragment("models/_facts.html", **_values(model)) if wants_fragment() else _page(model)


@model_page.post("/models/<int:model_pk>/capability-checks")
def create_capability_check(model_pk: int) -> Response:
    """Check by a real call whether it can do one thing, or all that can be checked."""
    model = find_known_model(db.session, g.user, model_pk)
    asked = request.form.get("capability")
    if asked and asked not in CHECKED:
        abort(422)
    if not _may_be_asked(model):
        raise ConflictError
    with key_trouble_told():
        target = model.provider.target(db.session)
    start_checks(db.session, g.user, model, target, [asked] if asked else CHECKED)
    return fragment("models/_facts.html", **_values(model)) if wants_fragment() else _go_to(model_pk)


@model_page.post("/models/<int:model_pk>/overlay")
def update_overlay(model_pk: int) -> Response:
    """Say better what it is; `take_back` names one field that is to be as others say it."""
    model = _own_model(model_pk)
    form = OverlayForm()
    if (field := request.form.get("take_back")) in FIELDS:
        override(model, {field: None})
    elif not form.validate():
        return _overlay(model, form, 422) if wants_fragment() else _page(model, form, 422)
    else:
        override(model, form.said)
        model.is_enabled = form.is_offered.data
    db.session.commit()
    return _overlay(model) if wants_fragment() else _go_to(model_pk)


@model_page.post("/models/<int:model_pk>/favourite")
def update_favourite(model_pk: int) -> Response:
    """Give it this person's star, or take it away."""
    model = find_known_model(db.session, g.user, model_pk)
    set_favourite(db.session, g.user.id, model.id, request.form.get("favourite") == "1")
    db.session.commit()
    return fragment("models/_head.html", **_values(model)) if wants_fragment() else _go_to(model_pk)


@model_page.post("/models/<int:model_pk>/delete")
def delete_model(model_pk: int) -> Response:
    """Remove a model that was added by its id."""
    model = _own_model(model_pk)
    provider_id = model.provider_id
    remove_model(db.session, model)
    db.session.commit()
    return go_to(url_for("providers.show_provider", provider_id=provider_id))


@model_page.post("/models/<int:model_pk>/quirks")
def create_quirk(model_pk: int) -> Response:
    """Remember how every request to this model is to be changed."""
    model = _own_model(model_pk)
    word = request.form.get("word", "")
    release()  # what writes takes a connection of its own
    remember(g.user, model, word)
    return _changed(model_pk, word)


@model_page.post("/models/<int:model_pk>/quirks/delete")
def delete_quirk(model_pk: int) -> Response:
    """Send requests to this model as they are again."""
    model = _own_model(model_pk)
    word = request.form.get("word", "")
    release()
    forget(model, word)
    return _changed(model_pk, word)


def _own_model(model_pk: int) -> Model:
    model = find_known_model(db.session, g.user, model_pk)
    find_own_provider(db.session, g.user, model.provider_id)
    return model


def _may_be_asked(model: Model) -> bool:
    return model.kind == "chat" and model.vanished_at is None and model.provider.is_enabled


def _go_to(model_pk: int) -> Response:
    return go_to(url_for("model_page.show_model", model_pk=model_pk))


def _page(model: Model, form: OverlayForm | None = None, status: int = 200) -> Response:
    return page("models/show.html", status, form=form or overlay_form(model), **_values(model))


def _overlay(model: Model, form: OverlayForm | None = None, status: int = 200) -> Response:
    """Draw the form; once it is saved also all that follows from it."""
    values = {"form": form or overlay_form(model), "is_saved": form is None}
    return fragment("models/_overlay.html", status=status, **values, **_values(model))


def _changed(model_pk: int, word: str) -> Response:
    """Draw what was clicked anew: the note under an answer, or the model's page."""
    db.session.expire_all()
    model = find_known_model(db.session, g.user, model_pk)
    if not wants_fragment():
        return _go_to(model_pk)
    if (note_id := request.form.get("note", "")) and is_word(word):
        return fragment("models/_note.html", model=model, word=word, note_id=note_id, provider_name=model.provider.name)
    return fragment("models/_known.html", **_values(model))


def _values(model: Model) -> dict[str, Any]:
    mark = db.session.get(Mark, (g.user.id, model.id))
    return {
        "model": model,
        "provider": model.provider,
        "facts": merged(model.facts or {}, model.overrides or {}),
        "inherited": inherited(model),
        "checks": latest_checks_of(db.session, model.id),
        "checked": CHECKED if _may_be_asked(model) else (),
        "quirks": quirks_of(model),
        "presets": db.session.scalars(visible_presets(g.user).where(Preset.model_pk == model.id)).all(),
        "replacements": [] if model.is_enabled and not model.vanished_at else proposals(db.session, g.user, model),
        "is_favourite": bool(mark and mark.is_favourite),
    }
