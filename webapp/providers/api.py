"""Providers as JSON for programs: the same rows, the same checks of input and the same test as the pages."""

from typing import Any

from flask import Blueprint, Response, g, jsonify
from flask_babel import gettext

from webapp.core.database import db, release
from webapp.core.errors import ConflictError, CryptoError, NotFoundError
from webapp.core.runtime import runtime
from webapp.providers.check import GOOD, Check, latest_checks
from webapp.providers.checks import begin_check, run_check
from webapp.providers.editing import create_provider as add_provider
from webapp.providers.editing import update_provider as change_provider
from webapp.providers.parameters_api import take_over
from webapp.providers.provider import Provider, find_own_provider, find_provider, visible_providers
from webapp.providers.provider import delete_provider as mark_deleted
from webapp.providers.schedule import note_change, set_hours
from webapp.providers.shapes_api import (
    FIXED,
    NewProvider,
    ProviderChanges,
    ProviderShape,
    Verification,
    VerificationWanted,
    provider_shape,
    step_shape,
    wanted_provider,
)
from webapp.providers.ways import target_by, usual_way
from webapp.web.asked import InvalidInputError, read_body
from webapp.web.openapi import documented
from webapp.web.places import waiting

api = Blueprint("api", __name__, url_prefix="/api")


@api.get("/providers")
@documented({200: list[ProviderShape]})
def list_providers() -> Response:
    """List the providers that you may use."""
    rows = db.session.scalars(visible_providers(g.user).order_by(Provider.id)).all()
    checks = latest_checks(db.session, [row.id for row in rows])
    return jsonify([provider_shape(row, checks.get(row.id)) for row in rows])


@api.post("/providers")
@documented({201: ProviderShape}, body=NewProvider)
def create_provider() -> tuple[Response, int]:
    """Add a provider; a member's is their own."""
    fields = read_body(NewProvider)
    provider = add_provider(db.session, g.user, wanted_provider(fields, g.user))
    provider.is_enabled = fields.get("enabled", True)
    take_over(provider, fields)
    set_hours(provider, fields.get("refresh_hours", provider.refresh_hours))
    db.session.commit()
    return _shown(provider), 201


@api.get("/providers/<int:provider_id>")
@documented({200: ProviderShape})
def show_provider(provider_id: int) -> Response:
    """Show one provider."""
    return _shown(find_provider(db.session, g.user, provider_id))


@api.patch("/providers/<int:provider_id>")
@documented({200: ProviderShape}, body=ProviderChanges, refusals=(409,))
def update_provider(provider_id: int) -> Response:
    """Change a provider; what is left out stays. A built-in keeps its address and its way of signing in (409)."""
    provider = find_own_provider(db.session, g.user, provider_id)
    fields = read_body(ProviderChanges)
    if provider.is_builtin:
        _refuse_fixed(provider, fields)
    change_provider(db.session, g.user, provider, wanted_provider(fields, g.user, provider))
    if fields.get("api_key", "") is None and provider.credential:
        provider.credentials.remove(provider.credential)
        note_change(provider)
    provider.is_enabled = fields.get("enabled", provider.is_enabled)
    take_over(provider, fields)
    set_hours(provider, fields.get("refresh_hours", provider.refresh_hours))
    db.session.commit()
    return _shown(provider)


@api.delete("/providers/<int:provider_id>")
@documented({204: None}, refusals=(409,))
def delete_provider(provider_id: int) -> Response:
    """Delete a provider; the page of providers can bring it back for 30 seconds. Built-ins stay (409)."""
    provider = find_own_provider(db.session, g.user, provider_id)
    if provider.is_builtin:
        raise ConflictError(gettext("A built-in provider can be switched off, not deleted."))
    mark_deleted(provider)
    db.session.commit()
    return Response(status=204)


@api.post("/providers/<int:provider_id>/verify")
@documented({200: Verification}, body=VerificationWanted, refusals=(409, 429, 503))
def create_verification(provider_id: int) -> Response:
    """Run the connection test, on the path that chats take, and answer with its steps; 60 seconds at most."""
    provider = find_provider(db.session, g.user, provider_id)
    wanted = read_body(VerificationWanted)
    return jsonify(verification(provider, wanted.get("model"), wanted.get("route")))


def verification(provider: Provider, model: str | None, way: str | None = None) -> Verification:
    """Test a provider with one of its models, the default one if none is named, by the way that chats take."""
    way = way or usual_way(db.session, provider)
    try:
        target = target_by(db.session, provider, way)
    except NotFoundError:
        raise InvalidInputError({"route": [gettext("This must be direct or a gateway that is on.")]}) from None
    except CryptoError as error:
        raise ConflictError(str(error)) from None
    with waiting(runtime().settings.stream_places):
        check = begin_check(db.session, g.user, name=provider.name, provider=provider, model=model, way=way)
        check_id, name, host, model, is_admin = check.id, provider.name, provider.host, check.model, g.user.is_admin
        release()  # no connection is held while the provider is awaited
        run_check(check_id, target, model)
    ended = db.session.get(Check, check_id)
    if ended is None:  # the provider was deleted meanwhile, and its tests with it
        raise NotFoundError
    steps = [step_shape(rung, name, host, is_admin) for rung in ended.rungs]
    failed = next((step for step in steps if step["verdict"] == "bad"), None)
    return {
        "success": ended.status == GOOD,
        "route": ended.route,
        "latency_ms": ended.latency_ms,
        "error": failed.get("message") if failed else None,
        "steps": steps,
    }


def _shown(provider: Provider) -> Response:
    return jsonify(provider_shape(provider, latest_checks(db.session, [provider.id]).get(provider.id)))


def _refuse_fixed(provider: Provider, fields: ProviderChanges) -> None:
    stored: dict[str, Any] = dict(provider_shape(provider, None))
    if any(name in fields and fields[name] != stored[name] for name in FIXED):  # type: ignore[literal-required]
        raise ConflictError(gettext("A built-in provider keeps its address and its way of signing in."))
