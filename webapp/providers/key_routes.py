"""A provider's keys, as a card of its page: add, describe, test, switch, replace, delete and bring back."""

from typing import Any

from flask import Blueprint, Response, g, url_for
from flask_babel import gettext

from webapp.core.database import db
from webapp.core.errors import ConflictError
from webapp.providers.check import last_model
from webapp.providers.check_routes import key_trouble_told
from webapp.providers.checks import start_check
from webapp.providers.credential import Credential
from webapp.providers.key_forms import KeyFactsForm, NewKeyForm, RotationForm
from webapp.providers.keys import (
    MOST_KEYS,
    add_key,
    change_key,
    deleted_keys,
    find_key,
    key_views,
    replace_key,
    restore_key,
    rotate_key,
    switch_key,
)
from webapp.providers.keys import delete_key as mark_deleted
from webapp.providers.provider import Provider, find_own_provider, find_provider
from webapp.upstream.target import AuthStyle
from webapp.web.forms import Form
from webapp.web.render import fragment, go_to, page, wants_fragment

keys = Blueprint("keys", __name__)


@keys.get("/providers/<int:provider_id>/keys")
def list_keys(provider_id: int) -> Response:
    """The card as it stands."""
    return _card(find_provider(db.session, g.user, provider_id))


@keys.post("/providers/<int:provider_id>/keys")
def create_key(provider_id: int) -> Response:
    """Add a key beside the others."""
    provider = find_own_provider(db.session, g.user, provider_id)
    refuse_one_more(provider)
    form = NewKeyForm()
    if not form.validate():
        return _card(provider, form)
    add_key(db.session, provider, form.key, form.wanted)
    return _changed(provider)


@keys.post("/providers/<int:provider_id>/keys/<int:key_id>")
def update_key(provider_id: int, key_id: int) -> Response:
    """Say something else of a key: its label, its weight, its end."""
    provider, row = _own_key(provider_id, key_id)
    form = KeyFactsForm(row=row)
    if not form.validate():
        return _card(provider, form)
    change_key(row, form.wanted)
    return _changed(provider)


@keys.post("/providers/<int:provider_id>/keys/<int:key_id>/switch")
def update_key_switch(provider_id: int, key_id: int) -> Response:
    """Enable or disable a key."""
    provider, row = _own_key(provider_id, key_id)
    switch_key(provider, row, not row.is_enabled)
    return _changed(provider)


@keys.post("/providers/<int:provider_id>/keys/<int:key_id>/rotation")
def create_rotation(provider_id: int, key_id: int) -> Response:
    """Let a new key take over from this one, at once or with an overlap."""
    provider, row = _own_key(provider_id, key_id)
    form = RotationForm(row=row)
    if not form.validate():
        return _card(provider, form)
    if form.overlap.data == "0":
        replace_key(db.session, provider, row, form.key)
    else:
        refuse_one_more(provider)
        rotate_key(db.session, provider, row, form.key, form.ends_at)
    return _changed(provider)


@keys.post("/providers/<int:provider_id>/keys/<int:key_id>/delete")
def delete_key(provider_id: int, key_id: int) -> Response:
    """Delete a key; its row offers the way back for 30 seconds."""
    provider, row = _own_key(provider_id, key_id)
    mark_deleted(provider, row)
    return _changed(provider)


@keys.post("/providers/<int:provider_id>/keys/<int:key_id>/restore")
def create_key_restoration(provider_id: int, key_id: int) -> Response:
    """Bring a deleted key back."""
    provider = find_own_provider(db.session, g.user, provider_id)
    restore_key(db.session, provider, key_id)
    return _changed(provider)


@keys.post("/providers/<int:provider_id>/keys/<int:key_id>/checks")
def create_key_check(provider_id: int, key_id: int) -> Response:
    """Test the provider with this key. The result is told of the key alone, not of the provider."""
    provider, row = _own_key(provider_id, key_id)
    with key_trouble_told():
        target = provider.unlocked(provider.locked_target(db.session), row.id)
    model = provider.default_model or last_model(db.session, provider.id)
    name = f"{provider.name} · {row.label or row.hint}"
    check = start_check(db.session, g.user, target, name=name, provider=None, model=model)
    if not wants_fragment():
        return go_to(url_for("checks.show_check", check_id=check.id))
    return fragment("providers/_check.html", check=check, provider=None, is_alone=True)


def refuse_one_more(provider: Provider) -> None:
    """Say why no key can be added."""
    if provider.auth_style == AuthStyle.NONE:
        raise ConflictError(gettext("This provider needs no key."))
    if len(provider.credentials) >= MOST_KEYS:
        raise ConflictError(gettext("A provider has at most %(most)s keys. Delete one first.", most=MOST_KEYS))


@keys.app_template_global("key_card")
def _shown(provider: Provider) -> dict[str, Any]:
    """For the provider's page, which holds the card."""
    return _values(provider)


def _own_key(provider_id: int, key_id: int) -> tuple[Provider, Credential]:
    provider = find_own_provider(db.session, g.user, provider_id)
    return provider, find_key(provider, key_id)


def _changed(provider: Provider) -> Response:
    db.session.commit()
    if not wants_fragment():
        return go_to(
            url_for("providers.show_provider", provider_id=provider.id, _anchor=f"provider-keys-{provider.id}")
        )
    response = _card(provider)
    response.headers["HX-Reswap"] = "outerHTML"  # morphing would leave a typed key in its field
    return response


def _card(provider: Provider, form: Form | None = None) -> Response:
    """The card, with a form that has errors in its place."""
    draw, name = (fragment, "providers/_keys.html") if wants_fragment() else (page, "providers/keys.html")
    return draw(name, status=422 if form else 200, **_values(provider, form))


def _values(provider: Provider, form: Form | None = None) -> dict[str, Any]:
    """For each key its two forms, filled; `form` is one of them, or the new key's, as it was sent."""
    rows = []
    for view in key_views(provider):
        facts, rotation = KeyFactsForm(formdata=None, row=view.row), RotationForm(formdata=None, row=view.row)
        facts.show(view.row)
        if isinstance(form, KeyFactsForm | RotationForm) and form.row is view.row:
            facts, rotation = (form, rotation) if isinstance(form, KeyFactsForm) else (facts, form)
        rows.append((view, facts, rotation))
    return {
        "provider": provider,
        "rows": rows,
        "deleted": deleted_keys(db.session, provider) if provider.may_change(g.user) else [],
        "new": form if isinstance(form, NewKeyForm) else NewKeyForm(formdata=None),
    }
