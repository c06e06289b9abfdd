"""The page of all models: the table, what is done to many of its rows, a model by hand, reading all lists again."""

from typing import Any

from flask import Blueprint, Response, g, request, url_for
from flask_babel import gettext

from webapp.core import clock
from webapp.core.database import db
from webapp.core.errors import ConflictError
from webapp.models.bulk import Chosen, Outcome, offer, packed, say, star, unpacked
from webapp.models.discovery import refresh_all
from webapp.models.list_forms import NewModelForm, OverrideForm, read_chosen, read_moment, read_wanted, where
from webapp.models.model import add_model, find_known_model
from webapp.models.overlay import override
from webapp.models.refreshing import Progress, being_read, progress
from webapp.models.table import Wanted, find_table
from webapp.providers.provider import Provider, find_own_provider, visible_providers
from webapp.web.render import fragment, go_to, page, wants_fragment

models = Blueprint("models", __name__)

TABLE = "models/_table.html"
BAR = "models/_bulk.html"
REFRESHES = "models/_refreshes.html"


@models.get("/models")
def list_models() -> Response:
    """The table, with `select=page` or `select=all` with boxes that are checked."""
    wanted = read_wanted(request.args)
    values = _values(wanted, request.args.get("select", ""))
    if not wants_fragment():
        now = being_read(values["table"].providers)
        return page("models/list.html", progress=now, of=packed(now.keys), **values)
    response = fragment(TABLE, **values)
    if "select" not in request.args:
        found = values["table"].wanted
        response.headers["HX-Push-Url"] = url_for("models.list_models", **found.address(offset=found.offset))
    return response


@models.get("/models/selection")
def show_selection() -> Response:
    """The bar of actions for the rows that are checked now."""
    chosen = read_chosen(request.args)
    return fragment(BAR, is_counted=True, **_values(chosen.wanted, chosen=chosen))


@models.post("/models/<int:model_pk>/offer")
def update_offer(model_pk: int) -> Response:
    """Offer or hide one model."""
    model = find_known_model(db.session, g.user, model_pk)
    find_own_provider(db.session, g.user, model.provider_id)
    model.is_enabled = request.form.get("offer") == "1"
    db.session.commit()
    if wants_fragment():
        return fragment("models/_switch.html", model=model, is_told=True)
    wanted = read_chosen(request.form).wanted
    return go_to(url_for("models.list_models", **wanted.address(offset=wanted.offset)))


@models.post("/models/offers")
def update_offers() -> Response:
    """Offer or hide many models; posted with the other word and the changed ones, it undoes that."""
    chosen, is_offered = read_chosen(request.form), request.form.get("offer") == "1"
    outcome = offer(db.session, g.user, chosen, is_offered)
    db.session.commit()
    return _done("offer" if is_offered else "hide", outcome, chosen)


@models.post("/models/favourites")
def update_favourites() -> Response:
    """Star many models, or take their stars away."""
    chosen, is_favourite = read_chosen(request.form), request.form.get("favourite") == "1"
    outcome = star(db.session, g.user, chosen, is_favourite)
    db.session.commit()
    return _done("star" if is_favourite else "unstar", outcome, chosen)


@models.post("/models/overrides/new")
def new_override() -> Response:
    """The form that says something of all chosen models."""
    return _override_form(OverrideForm(formdata=None), read_chosen(request.form))


@models.post("/models/overrides")
def create_override() -> Response:
    """Say it of them."""
    form, chosen = OverrideForm(), read_chosen(request.form)
    if not form.validate():
        return _override_form(form, chosen, 422)
    outcome = say(db.session, g.user, chosen, form.said) if form.said else Outcome([])
    db.session.commit()
    return _done("override", outcome, chosen)


@models.get("/models/new")
def new_model() -> Response:
    """The form of a model that its provider does not list."""
    return _new_form(NewModelForm(_own_providers(), formdata=None, data=request.args))


@models.post("/models")
def create_model() -> Response:
    """Add it."""
    form = NewModelForm(_own_providers())
    if not form.validate():
        return _new_form(form, 422)
    provider = find_own_provider(db.session, g.user, form.provider.data)
    try:
        model = add_model(db.session, provider, form.model_id.data)
    except ConflictError:
        form.reject(form.model_id, gettext("This model is listed already."))
        return _new_form(form, 422)
    override(model, form.said)
    db.session.commit()
    return go_to(url_for("model_page.show_model", model_pk=model.id))


@models.post("/models/refreshes")
def create_refreshes() -> Response:
    """Read the lists of all providers again, in the background."""
    since = clock.now()
    begun = Progress(since, refresh_all(db.session, db.session.scalars(visible_providers(g.user)).all()))
    if not wants_fragment():
        return go_to(url_for("models.list_models"))
    return fragment(REFRESHES, progress=begun, of=packed(begun.keys))


@models.get("/models/refreshes")
def show_refreshes() -> Response:
    """How far that is; at the end the table comes along, as it is now."""
    since = request.args.get("since", clock.now(), read_moment)
    now = progress(db.session, g.user, request.args.get("of", (), unpacked), since)
    if not wants_fragment():
        return go_to(url_for("models.list_models"))
    return fragment(REFRESHES, progress=now, of=packed(now.keys), is_told=True)


def _own_providers() -> list[Provider]:
    rows = db.session.scalars(visible_providers(g.user).order_by(Provider.name, Provider.id))
    return [row for row in rows if row.may_change(g.user) and row.dialect != "demo"]


def _new_form(form: NewModelForm, status: int = 200) -> Response:
    return page("models/new.html", status, form=form)


def _override_form(form: OverrideForm, chosen: Chosen, status: int = 200) -> Response:
    values = _values(chosen.wanted, chosen=chosen)
    return page("models/override.html", status, form=form, packed=packed(chosen.keys or ()), **values)


def _values(wanted: Wanted, select: str = "", chosen: Chosen | None = None) -> dict[str, Any]:
    """What the table and its bar show; `select` is none, page or all."""
    table = find_table(db.session, g.user, wanted)
    if select == "all":
        chosen = Chosen(None, table.wanted)
    elif select == "page" or chosen is None:
        chosen = Chosen(tuple(row.id for row in table.rows) if select == "page" else (), table.wanted)
    return {"table": table, "chosen": chosen, "where": where(table.wanted)}


def _done(what: str, outcome: Outcome, chosen: Chosen) -> Response:
    told: dict[str, Any] = {
        "what": what,
        "outcome": outcome,
        "packed": packed(outcome.changed),
        "is_undo": "is_undo" in request.form,
    }
    values = _values(chosen.wanted)
    if wants_fragment():
        return fragment(TABLE, "models/_done.html", **told, **values)
    return page("models/done.html", **told, **values)
