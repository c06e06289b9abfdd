"""Models as JSON for programs: a provider's list, what people say of its models, discovery and tests."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, g, jsonify
from flask_babel import gettext
from werkzeug.datastructures import MultiDict

from webapp.accounts.user import User
from webapp.core import clock
from webapp.core.database import db, release
from webapp.core.errors import ConflictError, CryptoError, NotFoundError
from webapp.core.runtime import runtime
from webapp.models.capability_check import CapabilityCheck
from webapp.models.capability_checks import begin_checks, run_checks
from webapp.models.discovery import refresh_now
from webapp.models.forms import ModelForm
from webapp.models.model import Model, add_model, find_model_of, load_facts, models_of
from webapp.models.model import delete_model as remove_model
from webapp.models.overlay import override
from webapp.models.parameter_forms import checked_layer
from webapp.models.shapes_api import (
    CheckShape,
    CheckWanted,
    Discovery,
    DiscoveryWanted,
    ModelChanges,
    ModelShape,
    NewModel,
    TestWanted,
    check_shape,
    listed_shape,
    model_shape,
)
from webapp.providers.api import verification
from webapp.providers.check import STOPPED
from webapp.providers.checks import begin_check
from webapp.providers.editing import draft_target
from webapp.providers.failure import failure_record
from webapp.providers.limit_forms import checked_limits
from webapp.providers.limits import times_of
from webapp.providers.provider import Provider, find_own_provider, find_provider
from webapp.providers.shapes_api import ProviderDraft, Verification, explained, wanted_provider
from webapp.upstream import list_models as read_list
from webapp.upstream.failures import UpstreamError
from webapp.upstream.messages import ModelList
from webapp.web.asked import InvalidInputError, checked, read_body, read_object
from webapp.web.openapi import documented
from webapp.web.places import waiting

models_api = Blueprint("models_api", __name__, url_prefix="/api")


@models_api.get("/providers/<int:provider_id>/models")
@documented({200: list[ModelShape]})
def list_provider_models(provider_id: int) -> Response:
    """List a provider's models, also those that are switched off, in the order of its list."""
    provider = find_provider(db.session, g.user, provider_id)
    return jsonify(_shapes(provider))


@models_api.post("/providers/<int:provider_id>/models")
@documented({201: ModelShape}, body=NewModel)
def create_provider_model(provider_id: int) -> tuple[Response, int]:
    """Add a model that the provider's list lacks."""
    provider = find_own_provider(db.session, g.user, provider_id)
    fields = read_body(NewModel)
    _check_texts(fields["model_id"], fields)
    try:
        row = add_model(db.session, provider, fields["model_id"])
    except ConflictError:
        raise InvalidInputError({"model_id": [gettext("This model is listed already.")]}) from None
    return _changed(row, provider, fields), 201


@models_api.patch("/providers/<int:provider_id>/models/<text:model>")
@documented({200: ModelShape}, body=ModelChanges)
def update_provider_model(provider_id: int, model: str) -> Response:
    """Say better what a model is, switch it on or off, make it the default; kept through every refresh."""
    provider = find_own_provider(db.session, g.user, provider_id)
    row = find_model_of(db.session, provider, model)
    fields = read_body(ModelChanges)
    _check_texts(model, fields)
    return _changed(row, provider, fields)


@models_api.delete("/providers/<int:provider_id>/models/<text:model>")
@documented({204: None}, refusals=(409,))
def delete_provider_model(provider_id: int, model: str) -> Response:
    """Remove a model that was added by hand; one of the provider's list can only be switched off (409)."""
    provider = find_own_provider(db.session, g.user, provider_id)
    try:
        remove_model(db.session, find_model_of(db.session, provider, model))
    except ConflictError:
        raise ConflictError(gettext("This model comes from the provider’s list. It can be switched off.")) from None
    db.session.commit()
    return Response(status=204)


@models_api.post("/models/capability-checks")
@documented({200: CheckShape}, body=CheckWanted, refusals=(404, 409, 429, 503))
def create_capability_check() -> Response:
    """Check by a real call whether a model can do one thing, and keep what it shows; 30 seconds a call at most."""
    wanted = read_body(CheckWanted)
    provider = find_provider(db.session, g.user, wanted["provider_id"])
    row = find_model_of(db.session, provider, wanted["model"])
    try:
        target = provider.target(db.session)
    except CryptoError as error:
        raise ConflictError(str(error)) from None
    with waiting(runtime().settings.stream_places):
        ids = begin_checks(db.session, g.user, row, [wanted["capability"]])
        if not ids:
            raise ConflictError(gettext("This is being checked already."))
        release()  # no connection is held while the provider is awaited
        run_checks(ids, target)
    ended = db.session.get(CapabilityCheck, ids[0])
    if ended is None:  # deleted with its model meanwhile
        raise NotFoundError
    return jsonify(check_shape(ended))


@models_api.post("/models/discover")
@documented({200: Discovery}, body=DiscoveryWanted | ProviderDraft, refusals=(404, 429, 503))
def create_discovery() -> Response:
    """Read the list of a saved provider, if it never was or if a refresh is wanted, or of an unsaved one.

    A list that was read within the last seconds is not read again; an unsaved provider counts as a connection test.
    """
    values = read_object()
    with waiting(runtime().settings.stream_places):
        if "type" in values:
            return jsonify(_draft_list(checked(values, ProviderDraft)))
        return jsonify(_list(checked(values, DiscoveryWanted)))


@models_api.post("/models/test")
@documented({200: Verification}, body=TestWanted, refusals=(404, 409, 429, 503))
def create_model_test() -> Response:
    """Run the connection test with one model and answer with its steps; 60 seconds at most."""
    asked = read_body(TestWanted)
    return jsonify(verification(find_provider(db.session, g.user, asked["provider_id"]), asked["model"]))


def _shapes(provider: Provider) -> list[ModelShape]:
    rows = models_of(db.session, provider.id)
    load_facts(db.session, Model.provider_id == provider.id)
    return [model_shape(row, provider) for row in rows]


def _list(asked: DiscoveryWanted) -> Discovery:
    provider = find_provider(db.session, g.user, asked["provider_id"])
    is_read = False
    if asked.get("refresh", False) or provider.refreshed_at is None:
        user_id = g.user.id
        is_read = refresh_now(db.session, provider)
        g.user = db.session.get_one(User, user_id)  # this request's connection was given back meanwhile
        provider = find_provider(db.session, g.user, asked["provider_id"])
    failure = provider.refresh_failure
    found: Discovery = {
        "models": _shapes(provider),
        "fetched_at": provider.refreshed_at.isoformat() if provider.refreshed_at else None,
        "cached": failure is not None or not is_read,
        "error": None,
    }
    return _with_failure(found, failure, provider.name, provider.host)


def _draft_list(asked: ProviderDraft) -> Discovery:
    wanted = wanted_provider(asked, g.user)
    limits = times_of(checked_limits(asked.get("limits", {})))
    target = replace(draft_target(db.session, wanted, None), limits=limits)
    # Committed with it: a private address that was confirmed, as by the form.
    check = begin_check(db.session, g.user, name=wanted.name, provider=None, model=None)
    check.status, check.finished_at = STOPPED, clock.now()
    db.session.commit()  # it counts among the tests of this minute
    user_id = g.user.id
    release()  # no connection is held while the provider is awaited
    try:
        listed = read_list(target)
    except UpstreamError as error:
        listed = ModelList(error=error)
    g.user = db.session.get_one(User, user_id)
    found: Discovery = {
        "models": [listed_shape(info) for info in listed.models],
        "fetched_at": clock.now().isoformat(),
        "cached": False,
        "error": None,
    }
    failure = failure_record(listed.error, target) if listed.error else None
    return _with_failure(found, failure, wanted.name, urlsplit(wanted.base_url).netloc)


def _with_failure(found: Discovery, failure: dict[str, Any] | None, provider: str, host: str) -> Discovery:
    if failure is None:
        return found
    words = explained(failure, provider, host, is_admin=g.user.is_admin)
    return {**found, "error": words["message"], "category": words["category"], "hint": words["hint"]}


def _check_texts(model_id: str, fields: ModelChanges | NewModel) -> None:
    texts = {"model_id": model_id, "display_name": fields.get("display_name") or ""}
    form = ModelForm(MultiDict(texts), meta={"csrf": False})
    if not form.validate():
        raise InvalidInputError({name: [str(text) for text in found] for name, found in form.errors.items()})


def _changed(row: Model, provider: Provider, fields: ModelChanges | NewModel) -> Response:
    prices = {f"{name}_price": value for name, value in fields.get("price", {}).items()}
    override(row, {**fields, **prices})
    row.is_enabled = fields.get("enabled", row.is_enabled)
    if "parameters" in fields:
        row.parameters = checked_layer(fields["parameters"], model=row)
    if fields.get("is_default"):
        provider.default_model = row.model_id
    elif "is_default" in fields and provider.default_model == row.model_id:
        provider.default_model = None
    db.session.commit()
    return jsonify(model_shape(row, provider))
