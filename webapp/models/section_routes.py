"""A provider's models, as a section of its page: its list, refreshing it, adding a model, choosing the default."""

from datetime import datetime

from flask import Blueprint, Response, abort, g, request, url_for
from flask_babel import gettext, ngettext

from webapp.core import clock
from webapp.core.database import db
from webapp.core.errors import ConflictError
from webapp.models.discovery import refresh_all, start_refresh
from webapp.models.drift import all_drifts, drifts_of, named_models
from webapp.models.forms import ModelForm
from webapp.models.model import Model, add_model, find_model, models_of
from webapp.models.replacement import flagged, replacements_of_default
from webapp.providers.bulk import callable_providers
from webapp.providers.bulk_routes import chosen, list_again, tell
from webapp.providers.provider import Provider, find_own_provider, find_provider
from webapp.providers.schedule import COOL_DOWN, HOURS, set_hours
from webapp.web.render import fragment, go_to, page, wants_fragment
from webapp.web.requests import record_id

provider_models = Blueprint("provider_models", __name__)

SHOWN = 60


@provider_models.get("/providers/<int:provider_id>/models")
def list_models(provider_id: int) -> Response:
    """The section as it stands: it asks for itself while a refresh runs."""
    return _section(provider_id)


@provider_models.post("/providers/<int:provider_id>/models/refreshes")
def create_refresh(provider_id: int) -> Response:
    """Read a provider's list again, in the background."""
    provider = find_provider(db.session, g.user, provider_id)
    began = start_refresh(db.session, provider)
    if not began and not wants_fragment():
        return go_to(url_for("provider_models.list_models", provider_id=provider_id, held=1))
    return _section(provider_id, is_held=not began)


@provider_models.post("/providers/<int:provider_id>/models/schedule")
def update_schedule(provider_id: int) -> Response:
    """Choose how often the list is read."""
    provider = find_own_provider(db.session, g.user, provider_id)
    hours = request.form.get("refresh_hours", type=int)
    if hours not in HOURS:
        abort(422)
    set_hours(provider, hours)
    db.session.commit()
    return _section(provider_id)


@provider_models.post("/providers/refreshes")
def create_refreshes() -> Response:
    """Read the lists of the chosen providers again, in the background."""
    outcome = callable_providers(chosen())
    callable_ones, outcome.done = outcome.done, refresh_all(db.session, outcome.done)
    for provider in callable_ones:
        if provider not in outcome.done:
            outcome.leave_out("recent" if provider.has_list else "no_list")
    done = ngettext("Reading %(num)s list", "Reading %(num)s lists", len(outcome.done))
    return list_again(tell(done, outcome))


@provider_models.get("/models/drift")
def list_drifts() -> Response:
    """What the refreshes of all providers changed."""
    drifts = all_drifts(db.session, g.user)
    providers, presets, first = flagged(db.session, g.user)
    links = named_models(db.session, drifts)
    return page("models/drift.html", drifts=drifts, links=links, providers=providers, presets=presets, first=first)


@provider_models.post("/providers/<int:provider_id>/models")
def create_model(provider_id: int) -> Response:
    """Add a model by its id, for providers whose list lacks it."""
    provider = find_own_provider(db.session, g.user, provider_id)
    form = ModelForm()
    if not form.validate():
        return _section(provider_id, form, 422)
    try:
        add_model(db.session, provider, form.model_id.data)
    except ConflictError:
        form.reject(form.model_id, gettext("This model is listed already."))
        return _section(provider_id, form, 422)
    db.session.commit()
    return _section(provider_id)


@provider_models.post("/models/<int:model_pk>/default")
def update_default(model_pk: int) -> Response:
    """Make a model its provider's default: tests and new chats begin with it."""
    model = _make_default(model_pk)
    if "model-page" in request.form:
        return go_to(url_for("model_page.show_model", model_pk=model_pk))
    return _section(model.provider_id)


@provider_models.post("/providers/default")
def update_chosen_default() -> Response:
    """Make `model`, which was chosen in the picker, its provider's default."""
    model = _make_default(request.form.get("model", 0, record_id))
    return _section(model.provider_id, part="models/_section_again.html")


def _make_default(model_pk: int) -> Model:
    model = find_model(db.session, g.user, model_pk)
    find_own_provider(db.session, g.user, model.provider_id).default_model = model.model_id
    db.session.commit()
    return model


def _section(
    provider_id: int,
    form: ModelForm | None = None,
    status: int = 200,
    *,
    is_held: bool = False,
    part: str = "models/_section.html",
) -> Response:
    provider = find_provider(db.session, g.user, provider_id)
    if not wants_fragment() and status == 200 and request.method == "POST":
        return go_to(url_for("providers.show_provider", provider_id=provider_id))
    draw, name = (fragment, part) if wants_fragment() else (page, "models/section.html")
    rows = models_of(db.session, provider_id, None if "all" in request.args else SHOWN)
    drifts = drifts_of(db.session, provider_id)
    values = {
        "section": provider,
        "rows": rows,
        "total": provider.models_count,
        "drifts": drifts,
        "links": named_models(db.session, drifts),
        "replacements": replacements_of_default(db.session, provider),
        **_times(provider, is_held or "held" in request.args),
    }
    return draw(name, status=status, form=form or ModelForm(formdata=None), **values)


def _times(provider: Provider, is_held: bool) -> dict[str, datetime | None]:
    """When the list may be read, for those who just tried and for those whom the provider asked to wait; and when it
    will be."""
    now, blocked, due = clock.now(), provider.refresh_blocked_until, provider.refresh_due_at
    is_told = blocked is not None and blocked > (now if is_held else now + COOL_DOWN)
    is_expected = due is not None and due > now and provider.refresh_hours > 0 and provider.is_usable
    return {"readable_at": blocked if is_told else None, "next_at": due if is_expected else None}
