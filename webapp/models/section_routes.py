"""A provider's models, as a section of its page: its list, refreshing it, adding a model, choosing the default."""

from flask import Blueprint, Response, g, request, url_for
from flask_babel import gettext

from webapp.core.database import db
from webapp.core.errors import ConflictError
from webapp.models.discovery import start_refresh
from webapp.models.forms import ModelForm
from webapp.models.model import add_model, find_model, models_of
from webapp.providers.provider import find_own_provider, find_provider
from webapp.web.render import fragment, go_to, page, wants_fragment

provider_models = Blueprint("provider_models", __name__)

SHOWN = 60


@provider_models.get("/providers/<int:provider_id>/models")
def list_models(provider_id: int) -> Response:
    """The section as it stands: it asks for itself while a refresh runs."""
    return _section(provider_id)


@provider_models.post("/providers/<int:provider_id>/models/refreshes")
def create_refresh(provider_id: int) -> Response:
    """Read a provider's list again, in the background."""
    start_refresh(db.session, find_provider(db.session, g.user, provider_id))
    return _section(provider_id)


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
    model = find_model(db.session, g.user, model_pk)
    find_own_provider(db.session, g.user, model.provider_id).default_model = model.model_id
    db.session.commit()
    if "model-page" in request.form:
        return go_to(url_for("model_page.show_model", model_pk=model_pk))
    return _section(model.provider_id)


def _section(provider_id: int, form: ModelForm | None = None, status: int = 200) -> Response:
    provider = find_provider(db.session, g.user, provider_id)
    if not wants_fragment() and status == 200 and request.method == "POST":
        return go_to(url_for("providers.show_provider", provider_id=provider_id))
    draw, name = (fragment, "models/_section.html") if wants_fragment() else (page, "models/section.html")
    rows = models_of(db.session, provider_id, None if "all" in request.args else SHOWN)
    values = {"section": provider, "rows": rows, "total": provider.models_count}
    return draw(name, status=status, form=form or ModelForm(formdata=None), **values)
