"""Addresses: what a typed one will become, the search for the right one, and the private ones that admins opened."""

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, g, render_template, request, url_for
from flask_babel import gettext
from sqlalchemy import select

from webapp.core.database import db, release
from webapp.core.errors import BusyError, NotFoundError
from webapp.core.ids import random_text
from webapp.core.runtime import runtime
from webapp.providers.address_search import Tries, admit, save_address, target_elsewhere, tries
from webapp.providers.check_routes import key_trouble_told
from webapp.providers.editing import draft_target
from webapp.providers.forms import ProviderForm, checked_input
from webapp.providers.private_address import PrivateAddress
from webapp.providers.provider import Provider, find_own_provider
from webapp.providers.routes import form_again
from webapp.providers.vendors import vendor
from webapp.upstream.target import Target
from webapp.web.guard import admin_only
from webapp.web.places import stream_place
from webapp.web.render import fragment, go_to, page, wants_fragment
from webapp.web.requests import record_id
from webapp.web.sse import event, event_stream

addresses = Blueprint("addresses", __name__)


@addresses.post("/providers/address")
def show_address() -> Response:
    """Say what is recognised in the typed address and key; no network is touched. A POST, as it may hold a key."""
    form = _draft_form(_own_provider())
    return fragment("providers/_address.html", form=form, is_typing=True)


@addresses.post("/providers/key")
def show_key() -> Response:
    """Say when the typed key looks like one of another vendor."""
    return fragment("providers/_key_hint.html", form=_draft_form(_own_provider()))


@addresses.post("/providers/drafts")
def create_draft() -> Response:
    """Put an address that was found into the form; what else is typed stays, and nothing is saved."""
    provider = _own_provider()
    form = _draft_form(provider)
    form.base_url.data = request.form.get("address", "")
    if wants_fragment() and not form.pasted.is_more_than_an_address:
        if not form.is_key_typed:
            form.keep_key(g.user.id)
        return fragment("providers/_base_url.html", form=form, is_replaced=True)
    form.is_key_typed = False  # all fields are drawn anew
    response = form_again(form, provider, 200)
    if wants_fragment():
        response.headers["HX-Reswap"] = "outerHTML"
    return response


@addresses.post("/providers/address-searches")
def create_draft_search() -> Response:
    """Look for the address of what is typed in the form; with `address`, there alone, as the user agreed."""
    provider = _own_provider()
    form = ProviderForm(is_address_fixed=bool(provider and provider.is_builtin))
    name, form.name.data = form.name.data, form.name.data or "-"  # a search needs none
    wanted = checked_input(form, g.user, provider)
    form.name.data = name
    if wanted is None:
        return form_again(form, provider)
    with key_trouble_told():
        target = draft_target(db.session, wanted, provider)
    return _search(target, form.model.data or next(iter(vendor(wanted.vendor_id).models), None), provider, form)


@addresses.post("/providers/<int:provider_id>/address-searches")
def create_search(provider_id: int) -> Response:
    """Look for the address of a saved provider; with `address`, there alone, as the user agreed."""
    provider = find_own_provider(db.session, g.user, provider_id)
    with key_trouble_told():
        target = provider.target(db.session)
    return _search(target, request.form.get("model") or provider.default_model, provider)


@addresses.post("/providers/<int:provider_id>/address")
def update_address(provider_id: int) -> Response:
    """Save the address that was found, with the key."""
    provider = find_own_provider(db.session, g.user, provider_id)
    copy_name = gettext("%(name)s, copy", name=provider.name)
    with key_trouble_told():
        saved = save_address(db.session, g.user, provider, request.form.get("address", ""), copy_name)
    db.session.commit()
    return go_to(url_for("providers.show_provider", provider_id=saved.id))


@addresses.get("/providers/private-addresses")
@admin_only
def list_private_addresses() -> Response:
    """What may be reached on this machine and its networks."""
    rows = db.session.scalars(select(PrivateAddress).order_by(PrivateAddress.host, PrivateAddress.port)).all()
    values: dict[str, Any] = {"rows": rows, "fixed": sorted(runtime().settings.allowed_private)}
    if wants_fragment():
        return fragment("providers/_private_addresses.html", **values)
    return page("providers/private_addresses.html", **values)


@addresses.post("/providers/private-addresses/<int:address_id>/delete")
@admin_only
def delete_private_address(address_id: int) -> Response:
    """Close an address; providers there stop working until it is opened again."""
    row = db.session.get(PrivateAddress, address_id)
    if row is None:
        raise NotFoundError
    db.session.delete(row)
    db.session.commit()
    return list_private_addresses()


def _own_provider() -> Provider | None:
    """The saved provider whose form is open; None for a new one."""
    provider_id = request.form.get("provider_id", type=record_id)
    return find_own_provider(db.session, g.user, provider_id) if provider_id else None


def _draft_form(provider: Provider | None) -> ProviderForm:
    """What is typed, before it is checked."""
    form = ProviderForm(is_address_fixed=bool(provider and provider.is_builtin))
    if provider:
        form.vendor.data = provider.vendor_id
    form.recognise(g.user.id)
    return form


def _search(target: Target, model: str | None, provider: Provider | None, form: ProviderForm | None = None) -> Response:
    """Search while the page watches; without htmx, search first and draw a page then."""
    values: dict[str, Any] = {
        "current": target.base_url,
        "is_elsewhere": bool(request.form.get("address")),
        "provider_id": provider.id if provider and not form else None,
        "is_builtin": bool(provider and provider.is_builtin),
        "name": provider.name if provider else target.base_url,
        "key": random_text(6),
    }
    if values["is_elsewhere"]:
        target = target_elsewhere(db.session, g.user, target, request.form["address"])
    admit(db.session, g.user, values["name"])  # commits: no connection is held while a provider is awaited
    place = stream_place(runtime().settings.stream_places)
    if place is None:
        raise BusyError
    frames = tries(target, model, is_elsewhere=values["is_elsewhere"])
    if wants_fragment():
        db.session.refresh(g.user)  # the texts are drawn in this user's language when the session is gone
        release()
        response = event_stream(_drawn(frames, values))
        response.call_on_close(place.leave)
        return response
    try:
        *_, last = frames
    finally:
        place.leave()
    if form:
        return form_again(form, provider, 200, search=values | {"tries": last, "is_over": True})
    return page("providers/address_search.html", search=values | {"tries": last, "is_over": True}, provider=provider)


def _drawn(frames: Iterator[Tries], values: dict[str, Any]) -> Iterator[str]:
    shown: Tries = []
    for shown in frames:
        yield event(render_template("providers/_address_search.html", search=values | {"tries": shown}))
    yield event(render_template("providers/_address_search.html", search=values | {"tries": shown, "is_over": True}))
