"""Pages of gateways: the cards, the form, the test, and which provider goes where."""

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from flask import Blueprint, Response, abort, g, request, url_for
from flask_babel import gettext
from sqlalchemy import select

from webapp.core.database import db, release
from webapp.core.runtime import runtime
from webapp.providers.provider import Provider, find_own_provider, find_provider, visible_providers
from webapp.routing.current import current_routes
from webapp.routing.figures import added_delays, figures_of
from webapp.routing.gateway import (
    Gateway,
    add_gateway,
    change_gateway,
    embedded_gateway,
    find_gateway,
    gateways,
    restore_gateway,
    routes,
    switch_embedded,
)
from webapp.routing.gateway import delete_gateway as mark_deleted
from webapp.routing.gateway_check import check_gateway
from webapp.routing.gateway_forms import GatewayForm
from webapp.routing.terms import AUTOMATIC, DIRECT, EMBEDDED
from webapp.web.guard import admin_only
from webapp.web.places import waiting
from webapp.web.render import fragment, go_to, page, wants_fragment
from webapp.web.requests import record_id

gateway_pages = Blueprint("gateways", __name__)


@gateway_pages.get("/gateways")
def list_gateways() -> Response:
    """All gateways, and which provider goes where."""
    rows = [row for row in gateways(db.session) if row.kind != EMBEDDED]
    providers = db.session.scalars(visible_providers(g.user).where(Provider.dialect != "demo")).all()
    providers = sorted(providers, key=lambda row: (row.route == DIRECT, row.needs_key, row.name.casefold()))
    values = _route_values(providers)
    values |= {"delays": added_delays(db.session), "deleted": _deleted(), **_sdk()}
    return page("routing/gateways.html", rows=rows, providers=providers, **values)


@gateway_pages.get("/gateways/new")
@admin_only
def new_gateway() -> Response:
    """An empty form."""
    return page("routing/gateway_form.html", form=GatewayForm(formdata=None), gateway=None)


@gateway_pages.post("/gateways")
@admin_only
def create_gateway() -> Response:
    """Save a new gateway and look at it."""
    form = GatewayForm()
    if not form.validate():
        return _form_again(form, None)
    gateway = add_gateway(db.session, g.user, form.wanted, form.key)
    db.session.commit()
    return _checked(gateway.id)


@gateway_pages.get("/gateways/<int:gateway_id>/edit")
@admin_only
def edit_gateway(gateway_id: int) -> Response:
    """The form of a saved gateway."""
    gateway = _find_remote(gateway_id)
    return page("routing/gateway_form.html", form=GatewayForm(formdata=None, obj=gateway), gateway=gateway)


@gateway_pages.post("/gateways/<int:gateway_id>")
@admin_only
def update_gateway(gateway_id: int) -> Response:
    """Save changes and look at it."""
    gateway = _find_remote(gateway_id)
    form = GatewayForm()
    if not form.validate():
        return _form_again(form, gateway)
    change_gateway(gateway, form.wanted, form.key)
    db.session.commit()
    return _checked(gateway.id)


@gateway_pages.post("/gateways/<int:gateway_id>/check")
@admin_only
def create_gateway_check(gateway_id: int) -> Response:
    """Ask it whether it lives and what it offers; it calls no model."""
    return _checked(_find_remote(gateway_id).id)


@gateway_pages.post("/gateways/<int:gateway_id>/switch")
@admin_only
def update_gateway_switch(gateway_id: int) -> Response:
    """Enable or disable."""
    gateway = find_gateway(db.session, gateway_id)
    gateway.is_enabled = not gateway.is_enabled
    db.session.commit()
    return go_to(url_for("gateways.list_gateways"))


@gateway_pages.post("/gateways/embedded")
@admin_only
def update_embedded() -> Response:
    """Switch the gateway in this process on or off."""
    if not _sdk()["sdk_version"]:
        abort(409, gettext("LiteLLM is not installed here. Start Jackfield with: bin/serve --with-gateway"))
    switch_embedded(db.session, g.user)
    db.session.commit()
    return go_to(url_for("gateways.list_gateways"))


@gateway_pages.post("/gateways/<int:gateway_id>/delete")
@admin_only
def delete_gateway(gateway_id: int) -> Response:
    """Delete; the page offers the way back for 30 seconds. Who went through it goes direct."""
    gateway = _find_remote(gateway_id)
    users = mark_deleted(db.session, gateway)
    db.session.commit()
    return go_to(url_for("gateways.list_gateways", deleted=gateway.id, provider=users))


@gateway_pages.post("/gateways/<int:gateway_id>/restore")
@admin_only
def create_gateway_restoration(gateway_id: int) -> Response:
    """Bring a deleted gateway back, for those who went through it, too."""
    restore_gateway(db.session, gateway_id, request.form.getlist("provider", record_id))
    db.session.commit()
    return go_to(url_for("gateways.list_gateways"))


@gateway_pages.get("/providers/<int:provider_id>/route")
def show_route(provider_id: int) -> Response:
    """By which way a provider is asked: a card for its page."""
    provider = find_provider(db.session, g.user, provider_id)
    return _route(provider, "routing/_route_card.html")


@gateway_pages.post("/providers/<int:provider_id>/route")
def update_route(provider_id: int) -> Response:
    """Choose the way; it counts from the next call on."""
    provider = find_own_provider(db.session, g.user, provider_id)
    wanted = request.form.get("route", "")
    if wanted not in routes(db.session):
        abort(422, gettext("There is no such gateway. Choose one of the list."))
    provider.route = wanted
    db.session.commit()
    is_row = request.headers.get("HX-Target", "").startswith("tr")
    if not wants_fragment():
        is_of_all = request.form.get("next") == "gateways"
        return go_to(url_for("gateways.list_gateways") if is_of_all else _own(provider))
    return _route(provider, "routing/_route_row.html" if is_row else "routing/_route_card.html")


def _route(provider: Provider, template: str) -> Response:
    values = {"provider": provider, **_route_values([provider])}
    if not wants_fragment():
        return page("routing/route.html", **values)
    return fragment(template, **values)


def _route_values(providers: list[Provider]) -> dict[str, Any]:
    off = {row.slug for row in gateways(db.session) if not row.is_enabled}
    words = {DIRECT: gettext("Direct"), AUTOMATIC: gettext("Automatic"), EMBEDDED: gettext("Embedded")}
    named = {slug: words.get(slug, name) for slug, name in routes(db.session).items()}
    figures = figures_of(db.session, [row.id for row in providers])
    return {"routes": named, "off": off, "figures": figures, "ways": current_routes(db.session, providers)}


@gateway_pages.app_template_global("gateway_called")
def _gateway_called(slug: str) -> str:
    """Return what people call a gateway; also of one that is gone, as long as somebody remembers."""
    if "gateway_names" not in g:
        g.gateway_names = {row.slug: row.name for row in db.session.execute(select(Gateway.slug, Gateway.name))}
    return str(g.gateway_names.get(slug, slug))


def _own(provider: Provider) -> str:
    return url_for("providers.show_provider", provider_id=provider.id)


def _sdk() -> dict[str, Any]:
    """How it is with the LiteLLM of this process; to tell, it is not loaded."""
    try:
        found = version("litellm")
    except PackageNotFoundError:
        found = ""
    is_loaded = "webapp.upstream.embedded" in sys.modules
    return {"embedded": embedded_gateway(db.session), "sdk_version": found, "is_sdk_loaded": is_loaded}


def _find_remote(gateway_id: int) -> Gateway:
    gateway = find_gateway(db.session, gateway_id)
    if gateway.kind == EMBEDDED:
        abort(404)
    return gateway


def _checked(gateway_id: int) -> Response:
    with waiting(runtime().settings.stream_places):
        release()  # no connection is held while it is awaited
        check_gateway(gateway_id)
    if request.headers.get("HX-Target", "").startswith("article"):
        return fragment("routing/_gateway_card.html", gateway=find_gateway(db.session, gateway_id))
    return go_to(url_for("gateways.list_gateways"))


def _form_again(form: GatewayForm, gateway: Gateway | None) -> Response:
    if wants_fragment():
        return fragment("routing/_gateway_form.html", status=422, form=form, gateway=gateway)
    return page("routing/gateway_form.html", 422, form=form, gateway=gateway)


def _deleted() -> Gateway | None:
    """The gateway that was deleted just now."""
    found = db.session.get(Gateway, request.args.get("deleted", 0, record_id))
    return found if found and found.deleted_at and g.user.is_admin else None
