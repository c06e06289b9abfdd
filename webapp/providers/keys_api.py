"""A provider's keys as JSON for programs: the same rows and the same rules as the card. A key is never shown again."""

from datetime import UTC, datetime
from typing import Annotated, NotRequired, TypedDict

from flask import Blueprint, Response, g, jsonify
from flask_babel import gettext
from werkzeug.datastructures import MultiDict

from webapp.core.database import db
from webapp.providers.key_forms import LONGEST_KEY, LONGEST_LABEL, NewKeyForm
from webapp.providers.key_routes import refuse_one_more
from webapp.providers.keys import (
    MOST_WEIGHT,
    KeyInput,
    KeyState,
    KeyView,
    add_key,
    change_key,
    find_key,
    key_view,
    key_views,
    replace_key,
    switch_key,
)
from webapp.providers.keys import delete_key as mark_deleted
from webapp.providers.provider import find_own_provider, find_provider
from webapp.providers.shapes_api import Explanation, explained
from webapp.web.asked import InvalidInputError, read_body
from webapp.web.openapi import documented
from webapp.web.shapes import About

keys_api = Blueprint("keys_api", __name__, url_prefix="/api")

Label = Annotated[str, About("To tell it from the others", 0, LONGEST_LABEL)]
Weight = Annotated[int, About("How often it is drawn beside the others; 0: only when no other works", 0, MOST_WEIGHT)]
Moment = Annotated[str | None, About("ISO 8601 with a zone; null: it does not end", 1, 40)]


class KeyFailure(Explanation):
    """What happened, and when."""

    at: str


class KeyShape(TypedDict):
    """One key of a provider."""

    id: int
    masked: Annotated[str, About("All that is ever shown of it")]
    label: str
    weight: Weight
    enabled: bool
    state: KeyState
    resting_until: str | None
    replaced: Annotated[bool, About("Another key took over from it; its end was meant")]
    expires_at: Moment
    saved_at: str
    last_used_at: str | None
    last_error: KeyFailure | None


class _KeyFields(TypedDict, total=False):
    label: Label
    weight: Weight
    expires_at: Moment
    enabled: bool


class NewKey(_KeyFields):
    """A key to add beside the others."""

    api_key: Annotated[str, About("Never shown again", 1, LONGEST_KEY)]


class KeyChanges(_KeyFields):
    """What may be changed of a key; what is left out stays."""

    api_key: NotRequired[Annotated[str, About("Takes the place of the stored one, which is forgotten", 1, LONGEST_KEY)]]


@keys_api.get("/providers/<int:provider_id>/keys")
@documented({200: list[KeyShape]})
def list_provider_keys(provider_id: int) -> Response:
    """List the keys of a provider, masked."""
    provider = find_provider(db.session, g.user, provider_id)
    return jsonify([_shape(view, provider.name, provider.host) for view in key_views(provider)])


@keys_api.post("/providers/<int:provider_id>/keys")
@documented({201: KeyShape}, body=NewKey, refusals=(409,))
def create_provider_key(provider_id: int) -> tuple[Response, int]:
    """Add a key beside the others."""
    provider = find_own_provider(db.session, g.user, provider_id)
    fields = read_body(NewKey)
    refuse_one_more(provider)
    expires_at = _moment(fields.get("expires_at"))
    form = _checked(fields.get("label", ""), fields["api_key"])
    row = add_key(db.session, provider, form.key, KeyInput(form.wanted.label, fields.get("weight", 1), expires_at))
    row.is_enabled = fields.get("enabled", True)
    db.session.commit()
    return jsonify(_shape(key_view(provider, row), provider.name, provider.host)), 201


@keys_api.patch("/providers/<int:provider_id>/keys/<int:key_id>")
@documented({200: KeyShape}, body=KeyChanges)
def update_provider_key(provider_id: int, key_id: int) -> Response:
    """Change a key, or replace it; what is left out stays."""
    provider = find_own_provider(db.session, g.user, provider_id)
    row, fields = find_key(provider, key_id), read_body(KeyChanges)
    expires_at = _moment(fields["expires_at"]) if "expires_at" in fields else row.expires_at
    form = _checked(fields.get("label", row.label), fields.get("api_key", "unchanged"))
    if "api_key" in fields:
        replace_key(db.session, provider, row, form.key)
        expires_at = expires_at if "expires_at" in fields else None
    change_key(row, KeyInput(form.wanted.label, fields.get("weight", row.weight), expires_at))
    if fields.get("enabled", row.is_enabled) != row.is_enabled:
        switch_key(provider, row, fields["enabled"])
    db.session.commit()
    return jsonify(_shape(key_view(provider, row), provider.name, provider.host))


@keys_api.delete("/providers/<int:provider_id>/keys/<int:key_id>")
@documented({204: None})
def delete_provider_key(provider_id: int, key_id: int) -> Response:
    """Delete a key; the provider's page can bring it back for 30 seconds."""
    provider = find_own_provider(db.session, g.user, provider_id)
    mark_deleted(provider, find_key(provider, key_id))
    db.session.commit()
    return Response(status=204)


def _checked(label: str, key: str) -> NewKeyForm:
    """Check texts by the form of the page; numbers and moments were checked. Raises InvalidInputError."""
    form = NewKeyForm(MultiDict({"label": label, "api_key": key, "weight": "1"}), meta={"csrf": False})
    if not form.validate():
        raise InvalidInputError({name: [str(text) for text in told] for name, told in form.errors.items()})
    return form


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInputError({"expires_at": [gettext("This is not a moment like 2026-12-31T23:59:00Z.")]}) from None
    return moment


def _shape(view: KeyView, provider: str, host: str) -> KeyShape:
    row = view.row
    failure = row.last_failure
    return {
        "id": row.id,
        "masked": row.hint,
        "label": row.label,
        "weight": row.weight,
        "enabled": row.is_enabled,
        "state": view.state,
        "resting_until": _text(view.until),
        "replaced": row.is_replaced,
        "expires_at": _text(row.expires_at),
        "saved_at": row.saved_at.isoformat(),
        "last_used_at": _text(row.last_used_at),
        "last_error": {**explained(failure, provider, host, g.user.is_admin), "at": failure["at"]} if failure else None,
    }


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
