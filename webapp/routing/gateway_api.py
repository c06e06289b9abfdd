"""Gateways as JSON for programs: the same rows and the same checks of input as the pages."""

from typing import Annotated, Any, NotRequired, TypedDict

from flask import Blueprint, Response, abort, g, jsonify
from werkzeug.datastructures import MultiDict

from webapp.core.database import db, release
from webapp.core.runtime import runtime
from webapp.providers.forms import LONGEST_NAME
from webapp.providers.shapes_api import Explanation, explained
from webapp.routing.gateway import MOST_WEIGHT, Gateway, add_gateway, change_gateway, find_gateway, gateways
from webapp.routing.gateway import delete_gateway as mark_deleted
from webapp.routing.gateway_check import check_gateway
from webapp.routing.gateway_forms import LONGEST_KEY, GatewayForm
from webapp.routing.terms import EMBEDDED
from webapp.upstream.addresses import MAX_LENGTH
from webapp.web.asked import InvalidInputError, read_body
from webapp.web.guard import admin_only
from webapp.web.openapi import documented
from webapp.web.places import waiting
from webapp.web.shapes import About

gateways_api = Blueprint("gateways_api", __name__, url_prefix="/api")


class GatewayShape(TypedDict):
    """One gateway."""

    id: int
    slug: Annotated[str, About("What a provider's route says to go through it; it stays")]
    name: str
    kind: Annotated[str, About(choices=("remote", "embedded"))]
    base_url: str
    api_key_masked: str | None
    enabled: bool
    weight: Annotated[int, About("Automatic tries heavier ones first")]
    models: Annotated[list[str], About("The names that it offers")]
    version: str
    checked_at: str | None
    latency_ms: float | None
    problem: Annotated[Explanation | None, About("What the last test found wrong")]


class _GatewayFields(TypedDict, total=False):
    api_key: Annotated[str | None, About("Never shown again; null forgets the stored one", 0, LONGEST_KEY)]
    enabled: bool
    weight: Annotated[int, About("Automatic tries heavier ones first", 1, MOST_WEIGHT)]
    allow_private: Annotated[bool, About("Your confirmation that this private address may be opened")]


class NewGateway(_GatewayFields):
    """A gateway to add."""

    name: Annotated[str, About(least=1, most=LONGEST_NAME)]
    base_url: Annotated[str, About("The root of the LiteLLM server, or its /v1", 1, MAX_LENGTH)]


class GatewayChanges(_GatewayFields):
    """What may be changed of a gateway; what is left out stays. Another host drops the key."""

    name: NotRequired[Annotated[str, About(least=1, most=LONGEST_NAME)]]
    base_url: NotRequired[Annotated[str, About("The root of the LiteLLM server, or its /v1", 1, MAX_LENGTH)]]


@gateways_api.get("/gateways")
@documented({200: list[GatewayShape]})
def list_gateways() -> Response:
    """List the gateways."""
    return jsonify([_shape(row) for row in gateways(db.session)])


@gateways_api.post("/gateways")
@admin_only
@documented({201: GatewayShape}, body=NewGateway)
def create_gateway() -> tuple[Response, int]:
    """Connect a gateway."""
    fields = read_body(NewGateway)
    form = _form(dict(fields), {"weight": 1})
    gateway = add_gateway(db.session, g.user, form.wanted, form.key)
    gateway.is_enabled = fields.get("enabled", True)
    db.session.commit()
    return jsonify(_shape(gateway)), 201


@gateways_api.get("/gateways/<int:gateway_id>")
@documented({200: GatewayShape})
def show_gateway(gateway_id: int) -> Response:
    """Show one gateway."""
    return jsonify(_shape(find_gateway(db.session, gateway_id)))


@gateways_api.patch("/gateways/<int:gateway_id>")
@admin_only
@documented({200: GatewayShape}, body=GatewayChanges)
def update_gateway(gateway_id: int) -> Response:
    """Change a gateway."""
    gateway = _find_remote(gateway_id)
    fields = read_body(GatewayChanges)
    stored = {"name": gateway.name, "base_url": gateway.base_url, "weight": gateway.weight}
    form = _form(dict(fields), stored)
    change_gateway(gateway, form.wanted, form.key)
    if fields.get("api_key", "") is None:
        gateway.seal(None)
    gateway.is_enabled = fields.get("enabled", gateway.is_enabled)
    db.session.commit()
    return jsonify(_shape(gateway))


@gateways_api.delete("/gateways/<int:gateway_id>")
@admin_only
@documented({204: None})
def delete_gateway(gateway_id: int) -> Response:
    """Delete a gateway; the providers that went through it go direct. The page can bring it back for 30 seconds."""
    mark_deleted(db.session, _find_remote(gateway_id))
    db.session.commit()
    return Response(status=204)


@gateways_api.post("/gateways/<int:gateway_id>/verify")
@admin_only
@documented({200: GatewayShape}, refusals=(503,))
def create_gateway_verification(gateway_id: int) -> Response:
    """Ask a gateway whether it lives and what it offers; it calls no model. 20 seconds at most."""
    found = _find_remote(gateway_id).id
    with waiting(runtime().settings.stream_places):
        release()  # no connection is held while it is awaited
        check_gateway(found)
    return jsonify(_shape(find_gateway(db.session, found)))


def _shape(row: Gateway) -> GatewayShape:
    return {
        "id": row.id,
        "slug": row.slug,
        "name": row.name,
        "kind": row.kind,
        "base_url": row.base_url,
        "api_key_masked": row.key_hint or None,
        "enabled": row.is_enabled,
        "weight": row.weight,
        "models": row.models,
        "version": row.version,
        "checked_at": row.checked_at.isoformat() if row.checked_at else None,
        "latency_ms": row.latency_ms,
        "problem": explained(row.failure, row.name, row.host, g.user.is_admin) if row.failure else None,
    }


def _find_remote(gateway_id: int) -> Gateway:
    gateway = find_gateway(db.session, gateway_id)
    if gateway.kind == EMBEDDED:
        abort(404)
    return gateway


def _form(fields: dict[str, Any], stored: dict[str, Any]) -> GatewayForm:
    """Check what was sent, over what is stored, by the form of the page. Raises InvalidInputError."""
    typed = {name: value for name, value in (stored | fields).items() if value not in (None, False)}
    form = GatewayForm(MultiDict(typed), meta={"csrf": False})
    if not form.validate():
        raise InvalidInputError({name: [str(text) for text in texts] for name, texts in form.errors.items()})
    return form
