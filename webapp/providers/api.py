"""Providers as JSON for programs: the same rows and the same test as the pages."""

from typing import Any

from flask import Blueprint, Response, g, jsonify, request

from webapp.core.database import db, release
from webapp.core.errors import ConflictError, CryptoError
from webapp.providers.check import GOOD, Check, latest_checks
from webapp.providers.checks import begin_check, run_check
from webapp.providers.provider import Provider, find_provider, visible_providers
from webapp.web.advice import advise

api = Blueprint("api", __name__, url_prefix="/api")


@api.get("/providers")
def list_providers() -> Response:
    """All providers of the token's user."""
    rows = db.session.scalars(visible_providers(g.user).order_by(Provider.id)).all()
    checks = latest_checks(db.session, [row.id for row in rows])
    return jsonify([_described(row, checks.get(row.id)) for row in rows])


@api.get("/providers/<int:provider_id>")
def show_provider(provider_id: int) -> Response:
    """One provider."""
    row = find_provider(db.session, g.user, provider_id)
    return jsonify(_described(row, latest_checks(db.session, [row.id]).get(row.id)))


@api.post("/providers/<int:provider_id>/verify")
def create_verification(provider_id: int) -> Response:
    """Run the connection test and answer with its rungs, 60 seconds at most."""
    provider = find_provider(db.session, g.user, provider_id)
    try:
        target = provider.target(db.session)
    except CryptoError as error:
        raise ConflictError(str(error)) from None
    wanted = request.get_json(silent=True) or {}
    model = wanted.get("model") if isinstance(wanted, dict) and isinstance(wanted.get("model"), str) else None
    check = begin_check(
        db.session, g.user, name=provider.name, provider=provider, model=model or provider.default_model
    )
    check_id, name, host, model, is_admin = check.id, provider.name, provider.host, check.model, g.user.is_admin
    release()  # no connection is held while the provider is awaited
    run_check(check_id, target, model)
    check = db.session.get_one(Check, check_id)
    steps = [_step(rung, name, host, is_admin) for rung in check.rungs]
    failed = next((step for step in steps if step["verdict"] == "bad"), None)
    return jsonify(
        success=check.status == GOOD,
        latency_ms=check.latency_ms,
        error=failed.get("message") if failed else None,
        steps=steps,
    )


def _described(row: Provider, check: Check | None) -> dict[str, Any]:
    return {
        "id": row.id,
        "slug": row.slug,
        "name": row.name,
        "type": row.vendor_id,
        "protocol": row.dialect,
        "base_url": row.base_url,
        "route": "direct",
        "auth": row.auth_style,
        "has_api_key": bool(row.credential or row.environment_key),
        "api_key_masked": row.credential.hint if row.credential else None,
        "is_builtin": row.is_builtin,
        "enabled": row.is_enabled,
        "models_count": row.models_count,
        "status": check.status if check else "untested",
    }


def _step(rung: dict[str, Any], provider: str, host: str, is_admin: bool) -> dict[str, Any]:
    step = {"name": rung["name"], "verdict": rung["verdict"], "latency_ms": rung["latency_ms"]}
    if failure := rung["failure"]:
        advice = advise(failure, provider=provider, host=host, is_admin=is_admin)
        hint = " ".join([str(advice.cause), *map(str, advice.steps)])
        step |= {"category": failure["category"], "message": str(advice.title), "hint": hint}
    return step
