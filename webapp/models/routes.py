"""Pages of models: the lists by provider, refreshing them, the picker, and one model with what is known of it."""

from typing import Any

from flask import Blueprint, Response, g, request, url_for
from flask_babel import gettext

from webapp.core.database import db
from webapp.core.errors import ConflictError
from webapp.models.discovery import start_refresh
from webapp.models.facts import merged
from webapp.models.forms import ModelForm
from webapp.models.model import Model, add_model, find_known_model, find_model, models_of
from webapp.models.picker import search_models
from webapp.models.quirk import forget, quirks_of, remember
from webapp.providers.provider import Provider, find_own_provider, find_provider
from webapp.upstream.repair import is_word
from webapp.web.render import fragment, go_to, page, wants_fragment
from webapp.web.requests import record_id

models = Blueprint("models", __name__)

SHOWN = 60


@models.get("/models")
def list_models() -> Response:
    """All models as a page, or one provider's as a section of its page."""
    provider_id = request.args.get("provider", type=record_id)
    if provider_id and wants_fragment():
        return _section(provider_id)
    query, offset = request.args.get("q", ""), request.args.get("offset", 0, record_id)
    choice = search_models(db.session, g.user, query, offset)
    if offset and wants_fragment():
        return fragment("models/_rows.html", choice=choice)
    section = find_provider(db.session, g.user, provider_id) if provider_id else None
    return page("models/list.html", choice=choice, section=section, **_section_values(section))


@models.get("/models/picker")
def show_picker() -> Response:
    """The results of the picker dialog, as somebody types."""
    choice = search_models(db.session, g.user, request.args.get("q", ""), request.args.get("offset", 0, record_id))
    chosen = request.args.get("chosen", type=record_id)
    template = "models/_more.html" if choice.offset else "models/_options.html"
    return fragment(template, choice=choice, chosen=chosen)


@models.post("/models/refreshes")
def create_refresh() -> Response:
    """Read a provider's list again, in the background."""
    provider = find_provider(db.session, g.user, request.args.get("provider", 0, record_id))
    start_refresh(db.session, provider)
    return _section(provider.id)


@models.post("/models")
def create_model() -> Response:
    """Add a model by its id, for providers whose list lacks it."""
    provider = find_own_provider(db.session, g.user, request.args.get("provider", 0, record_id))
    form = ModelForm()
    if not form.validate():
        return _section(provider.id, form, 422)
    try:
        add_model(db.session, provider, form.model_id.data)
    except ConflictError:
        form.reject(form.model_id, gettext("This model is listed already."))
        return _section(provider.id, form, 422)
    db.session.commit()
    return _section(provider.id)


@models.post("/models/<int:model_pk>/default")
def update_default(model_pk: int) -> Response:
    """Make a model its provider's default: tests and new chats begin with it."""
    model = find_model(db.session, g.user, model_pk)
    find_own_provider(db.session, g.user, model.provider_id).default_model = model.model_id
    db.session.commit()
    if "model-page" in request.form:
        return go_to(url_for("models.show_model", model_pk=model_pk))
    return _section(model.provider_id)


@models.get("/models/<int:model_pk>")
def show_model(model_pk: int) -> Response:
    """One model: what it can do, who says so, and how requests to it are changed."""
    model = find_known_model(db.session, g.user, model_pk)
    return page("models/show.html", provider=model.provider, **_known_values(model))


@models.post("/models/<int:model_pk>/quirks")
def create_quirk(model_pk: int) -> Response:
    """Remember how every request to this model is to be changed."""
    model = _own_model(model_pk)
    word = request.form.get("word", "")
    remember(g.user, model, word)
    return _changed(model_pk, word)


@models.post("/models/<int:model_pk>/quirks/delete")
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
        return go_to(url_for("models.show_model", model_pk=model_pk))
    if (note_id := request.form.get("note", "")) and is_word(word):
        return fragment("models/_note.html", model=model, word=word, note_id=note_id, provider_name=model.provider.name)
    return fragment("models/_known.html", **_known_values(model))


def _known_values(model: Model) -> dict[str, Any]:
    return {"model": model, "facts": merged(model.facts, model.overrides), "quirks": quirks_of(model)}


def _section(provider_id: int, form: ModelForm | None = None, status: int = 200) -> Response:
    if not wants_fragment() and status == 200:
        return go_to(url_for("providers.show_provider", provider_id=provider_id))
    provider = find_provider(db.session, g.user, provider_id)
    draw = fragment if wants_fragment() else page
    name = "models/_section.html" if wants_fragment() else "models/section.html"
    return draw(name, status=status, section=provider, **_section_values(provider, form))


def _section_values(provider: Provider | None, form: ModelForm | None = None) -> dict[str, Any]:
    if provider is None:
        return {}
    return {
        "rows": models_of(db.session, provider.id, None if "all" in request.args else SHOWN),
        "total": provider.models_count,
        "form": form or ModelForm(formdata=None),
    }
