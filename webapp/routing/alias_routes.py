"""Pages of routes: aliases and rules in one place, the form of an alias, and why a question goes where it goes."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, g, request, url_for
from flask_babel import gettext
from werkzeug.datastructures import MultiDict

from webapp.core.database import db
from webapp.core.errors import ConflictError, NotFoundError
from webapp.models.names import find_named
from webapp.routing.alias import (
    MOST_TARGETS,
    AliasRecord,
    add_alias,
    aliases,
    change_alias,
    find_alias,
    namesakes,
    restore_alias,
    targets_of,
)
from webapp.routing.alias import (
    delete_alias as take_away,
)
from webapp.routing.alias_forms import LONGEST_MODEL, AliasForm
from webapp.routing.explain import Explained, explain
from webapp.routing.gateway import WORDS, gateways
from webapp.routing.health import health
from webapp.routing.rule import RuleRecord
from webapp.routing.rule_routes import drawn_rules
from webapp.routing.terms import AUTOMATIC, OUT, Place, Question, State
from webapp.routing.world import read_rules, subject_of, subjects_of
from webapp.upstream.messages import CAPABILITIES
from webapp.web.guard import admin_only
from webapp.web.render import fragment, go_to, page, wants_fragment
from webapp.web.requests import record_id

routes = Blueprint("routes", __name__)


@routes.get("/routes")
def list_routes() -> Response:
    """Aliases and rules; what is missing behind them is flagged."""
    return page("routing/list.html", **drawn_aliases(), **drawn_rules(), deleted=_deleted())


@routes.get("/routes/why")
def show_decision() -> Response:
    """Why a model or alias is asked where it is asked, for any needs."""
    name = request.args.get("model", "").strip()[:LONGEST_MODEL]
    needs = frozenset(request.args.getlist("needs")) & frozenset(CAPABILITIES)
    open_gateways = gateways(db.session, enabled=True)
    route = request.args.get("route", "")
    error, explained = "", None
    if name:
        explained, error = _explained(name, needs, route)
    values = {"name": name, "needs": needs, "route": route, "error": error, "explained": explained}
    known = [(word, None) for word in WORDS] + [(row.slug, row.name) for row in open_gateways]
    status = 422 if error else 200
    if wants_fragment():
        return fragment("routing/_why.html", status=status, known_routes=known, **values)
    return page("routing/why.html", status, known_routes=known, **values)


@routes.get("/routes/aliases/new")
@admin_only
def new_alias() -> Response:
    """An empty form."""
    return _form(AliasForm(formdata=None, data={"is_sticky": True}), None)


@routes.post("/routes/aliases")
@admin_only
def create_alias() -> Response:
    """Save a new alias."""
    return _save(None)


@routes.get("/routes/aliases/<int:model_pk>/edit")
@admin_only
def edit_alias(model_pk: int) -> Response:
    """The form of a saved alias."""
    record = find_alias(db.session, model_pk)
    targets = [{"model": target["name"], "weight": target["weight"]} for target in record.targets]
    stored = {name: getattr(record, name) for name in ("name", "strategy", "after_first", "is_sticky")}
    return _form(AliasForm(alias=record, formdata=None, data=stored | {"targets": targets}), record)


@routes.post("/routes/aliases/<int:model_pk>")
@admin_only
def update_alias(model_pk: int) -> Response:
    """Save changes."""
    return _save(find_alias(db.session, model_pk))


@routes.post("/routes/aliases/<int:model_pk>/delete")
@admin_only
def delete_alias(model_pk: int) -> Response:
    """Delete; the toast offers the way back for 30 seconds."""
    take_away(db.session, find_alias(db.session, model_pk))
    db.session.commit()
    return go_to(url_for("routes.list_routes", deleted_alias=model_pk))


@routes.post("/routes/aliases/<int:model_pk>/restore")
@admin_only
def create_restoration(model_pk: int) -> Response:
    """Bring a deleted alias back."""
    restore_alias(db.session, model_pk)
    db.session.commit()
    return go_to(url_for("routes.list_routes"))


def drawn_aliases() -> dict[str, Any]:
    """Return what the cards of aliases show: who stands behind them, and how these are doing."""
    records = aliases(db.session)
    targets = targets_of(db.session, records)
    models = [target.model for rows in targets.values() for target in rows if target.model and target.is_offered]
    places = {place.model_pk: place for place in subjects_of(db.session, models).values() if isinstance(place, Place)}
    return {
        "aliases": [(record, targets[record.model_pk]) for record in records],
        "places": places,
        "states": {pk: state_of(place) for pk, place in places.items()},
        "namesakes": namesakes(db.session, [record.name for record in records]),
    }


def state_of(place: Place) -> State:
    """Return how a target is doing by the first of its routes that is not out."""
    ways = place.routes if place.route == AUTOMATIC else (place.route,)
    states = [health.state(place.provider_id, place.model_pk, way) for way in ways]
    return next((state for state in states if state not in OUT), states[0])


def moved_targets(typed: Mapping[str, str], command: str) -> MultiDict[str, str]:
    """Return a typed form with its targets in another order: `add`, or `up`, `down` or `remove` with a place."""
    fields = MultiDict({name: value for name, value in typed.items() if not name.startswith("targets-")})
    places = [n for n in range(MOST_TARGETS) if f"targets-{n}-model" in typed]
    rows = [(typed[f"targets-{n}-model"], typed.get(f"targets-{n}-weight", "1")) for n in places]
    word, _, number = command.partition(":")
    at = int(number) if number.isdecimal() and int(number) < len(rows) else -1
    if word == "add" and len(rows) < MOST_TARGETS:
        rows.append(("", "1"))
    elif at >= 0 and word in ("up", "down"):
        rows.insert(max(0, at - 1) if word == "up" else at + 1, rows.pop(at))
    elif at >= 0 and word == "remove":
        rows.pop(at)
    for place, (model, weight) in enumerate(rows):
        fields[f"targets-{place}-model"], fields[f"targets-{place}-weight"] = model, weight
    return fields


def _explained(name: str, needs: frozenset[str], route: str) -> tuple[Explained | None, str]:
    try:
        model = find_named(db.session, g.user, name)
    except NotFoundError:
        return None, gettext("There is no such model. Choose one, or write it as provider/model.")
    except ConflictError:
        return None, gettext("Several providers have this model. Write it as provider/model.")
    question = Question(subject_of(db.session, model), needs, route=route)
    return explain(db.session, question, read_rules(db.session), health), ""


def _save(record: AliasRecord | None) -> Response:
    if command := request.form.get("do"):  # a button of the list of targets: nothing is saved
        return _form(AliasForm(alias=record, formdata=moved_targets(request.form, command)), record)
    form = AliasForm(alias=record)
    if not form.validate():
        return _form(form, record, 422)
    try:
        if record:
            change_alias(db.session, record, form.wanted())
        else:
            add_alias(db.session, form.wanted())
    except ConflictError:
        form.reject(form.name, gettext("There is an alias of this name already."))
        return _form(form, record, 422)
    db.session.commit()
    return go_to(url_for("routes.list_routes"))


def _form(form: AliasForm, record: AliasRecord | None, status: int = 200) -> Response:
    if wants_fragment():
        return fragment("routing/_alias_form.html", status=status, form=form, alias=record)
    return page("routing/alias_form.html", status, form=form, alias=record)


def _deleted() -> tuple[str, str] | None:
    """Return name and way back of what was deleted just now."""
    alias = db.session.get(AliasRecord, request.args.get("deleted_alias", 0, record_id))
    if alias and alias.model.vanished_at:
        return alias.name, url_for("routes.create_restoration", model_pk=alias.model_pk)
    rule = db.session.get(RuleRecord, request.args.get("deleted_rule", 0, record_id))
    if rule and rule.deleted_at:
        return rule.name, url_for("rules.create_restoration", rule_id=rule.id)
    return None
