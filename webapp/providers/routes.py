"""Pages of providers: the list, the gallery, the form, one provider, and what its menu does."""

from typing import Any

from flask import Blueprint, Response, g, request, url_for
from flask_babel import gettext

from webapp.core.database import db
from webapp.providers.adding import duplicate_provider
from webapp.providers.batch import running_batch
from webapp.providers.check import latest_checks
from webapp.providers.editing import create_provider as add_provider
from webapp.providers.editing import update_provider as change_provider
from webapp.providers.forms import ProviderForm, checked_input, form_for
from webapp.providers.header_forms import HeaderForm
from webapp.providers.overview import TABS, overview, tab_counts
from webapp.providers.provider import (
    Provider,
    find_own_provider,
    find_provider,
    restore_provider,
)
from webapp.providers.provider import delete_provider as mark_deleted
from webapp.providers.schedule import note_change
from webapp.providers.vendors import vendor, vendors
from webapp.web.render import fragment, go_to, page, wants_fragment
from webapp.web.requests import record_id

providers = Blueprint("providers", __name__)


@providers.get("/providers")
def list_providers() -> Response:
    """All providers of this user; answers from the database alone."""
    return page("providers/list.html", **list_values())


@providers.get("/providers/new")
def new_provider() -> Response:
    """The gallery, and the form of the chosen template."""
    template = vendor(request.args.get("vendor", "custom"))
    return page("providers/new.html", form=form_for(template), template=template, gallery=_gallery())


@providers.post("/providers")
def create_provider() -> Response:
    """Save a new provider."""
    form = ProviderForm()
    wanted = checked_input(form, g.user)
    if wanted is None:
        return form_again(form, None)
    provider = add_provider(db.session, g.user, wanted)
    db.session.commit()
    return go_to(url_for("providers.show_provider", provider_id=provider.id, new=1 if wants_fragment() else None))


@providers.get("/providers/<int:provider_id>")
def show_provider(provider_id: int) -> Response:
    """One provider: its connection, its last test; its models are fetched by address."""
    provider = find_provider(db.session, g.user, provider_id)
    check = latest_checks(db.session, [provider.id]).get(provider.id)
    return page("providers/show.html", provider=provider, check=check)


@providers.get("/providers/<int:provider_id>/edit")
def edit_provider(provider_id: int) -> Response:
    """The form of a saved provider."""
    provider = find_own_provider(db.session, g.user, provider_id)
    return page("providers/edit.html", provider=provider, form=form_for(provider.vendor, provider))


@providers.post("/providers/<int:provider_id>")
def update_provider(provider_id: int) -> Response:
    """Save changes."""
    provider = find_own_provider(db.session, g.user, provider_id)
    form = ProviderForm(is_address_fixed=provider.is_builtin)
    wanted = checked_input(form, g.user, provider)
    if wanted is None:
        return form_again(form, provider)
    change_provider(db.session, g.user, provider, wanted)
    db.session.commit()
    return go_to(url_for("providers.show_provider", provider_id=provider.id))


@providers.get("/providers/<int:provider_id>/card")
def show_card(provider_id: int) -> Response:
    """One card, as it stands: a running test asks for it again and again."""
    return _card(find_provider(db.session, g.user, provider_id))


@providers.post("/providers/<int:provider_id>/switch")
def update_switch(provider_id: int) -> Response:
    """Enable or disable."""
    provider = find_own_provider(db.session, g.user, provider_id)
    provider.is_enabled = not provider.is_enabled
    db.session.commit()
    return _card(provider)


@providers.post("/providers/<int:provider_id>/duplicates")
def create_duplicate(provider_id: int) -> Response:
    """Copy a provider and open the copy's form."""
    provider = find_provider(db.session, g.user, provider_id)
    copy = duplicate_provider(db.session, provider, g.user, gettext("%(name)s, copy", name=provider.name))
    db.session.commit()
    return go_to(url_for("providers.edit_provider", provider_id=copy.id))


@providers.post("/providers/<int:provider_id>/delete")
def delete_provider(provider_id: int) -> Response:
    """Delete; the toast offers the way back for 30 seconds."""
    provider = find_own_provider(db.session, g.user, provider_id)
    mark_deleted(provider)
    db.session.commit()
    if request.headers.get("HX-Target", "").startswith("article"):
        return fragment("providers/_deleted.html", "providers/_counts.html", provider=provider)
    return page("providers/deleted.html", provider=provider)


@providers.post("/providers/<int:provider_id>/restore")
def create_restoration(provider_id: int) -> Response:
    """Bring a deleted provider back."""
    restore_provider(db.session, g.user, provider_id)
    db.session.commit()
    return go_to(url_for("providers.list_providers"))


@providers.post("/providers/<int:provider_id>/key/delete")
def delete_key(provider_id: int) -> Response:
    """Forget the stored key."""
    provider = find_own_provider(db.session, g.user, provider_id)
    if provider.credential:
        provider.credentials.remove(provider.credential)
        note_change(provider)
        db.session.commit()
    return go_to(url_for("providers.edit_provider", provider_id=provider.id))


@providers.get("/providers/headers/new")
def new_header() -> Response:
    """One more row for a custom header."""
    number = request.args.get("number", 0, record_id)
    row = HeaderForm(prefix=f"headers-{number}-")
    return fragment("providers/_header.html", row=row, number=number, is_last=True)


def form_again(form: ProviderForm, provider: Provider | None, status: int = 422, **more: object) -> Response:
    """The form with its errors. htmx morphs it in, so that the typed key stays without being sent back."""
    values = {"form": form, "provider": provider, "template": vendor(form.vendor.data or "custom"), **more}
    if not (wants_fragment() and form.is_key_typed):
        form.keep_key(g.user.id)
    if not wants_fragment():
        return page("providers/edit.html" if provider else "providers/new.html", status, gallery=_gallery(), **values)
    response = fragment("providers/_form.html", status=status, **values)
    response.headers["HX-Retarget"], response.headers["HX-Reswap"] = "#provider-form", "outerMorph"
    return response


def list_values() -> dict[str, Any]:
    """What the page of all providers shows, for the tab and the search that were sent along."""
    tab, query = request.values.get("tab", "all"), request.values.get("q", "")
    view = overview(db.session, g.user, tab if tab in TABS else "all", query)
    return {"view": view, "batch": running_batch(db.session, g.user), "gallery": _gallery()}


@providers.app_template_global("provider_counts")
def _counts() -> dict[str, int]:
    """For the tabs, and for the rail of every page."""
    return tab_counts(db.session, g.user)


def _gallery() -> list[object]:
    return [template for template in vendors().values() if not template.hidden]


def _card(provider: Provider) -> Response:
    if not wants_fragment():
        return go_to(url_for("providers.show_provider", provider_id=provider.id))
    check = latest_checks(db.session, [provider.id]).get(provider.id)
    return fragment("providers/_card.html", "providers/_counts.html", provider=provider, check=check)
