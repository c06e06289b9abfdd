"""Brings new providers in, each under a short name of its own."""

import contextlib
import re
import unicodedata
from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session

from webapp.accounts.user import User
from webapp.core.errors import BusyError, CryptoError
from webapp.providers.keys import store_key
from webapp.providers.provider import Provider
from webapp.upstream.addresses import origin

# Set once at start by the wiring: `webapp.models` stands to our right and must not be imported here.
seed_models: Callable[[Session, Provider], None] | None = None

PRESETS = "preset"  # begins the names of presets in /v1, so no provider may have it
MOST_AT_ONCE = 50  # who add a provider of the same name
COPIED = (
    "vendor_id",
    "dialect",
    "base_url",
    "auth_style",
    "auth_name",
    "quirks",
    "refresh_hours",
    "parameters",
    "limits",
    "route",
    "care",
)


def duplicate_provider(session: Session, provider: Provider, user: User, name: str) -> Provider:
    """Copy a provider, with its key when the user may change the original, under a name of its own."""
    copy = Provider(
        owner_id=user.id,
        is_shared=provider.is_shared and user.is_admin,
        name=name,
        is_builtin=False,
        **{field: getattr(provider, field) for field in COPIED},
    )
    add_provider(session, copy)
    if provider.may_change(user):
        try:
            for row in provider.credentials:
                kept = store_key(session, copy, row.open(provider.owner_id, origin(provider.base_url)))
                kept.label, kept.weight, kept.expires_at = row.label, row.weight, row.expires_at
            copy.headers = [copy.seal_header(row["name"], provider.open_header(row)) for row in provider.headers or []]
        except CryptoError:
            copy.headers = []
    if seed_models:
        seed_models(session, copy)
    return copy


def add_provider(session: Session, provider: Provider) -> None:
    """Store a new provider under a short name of its own, also when several of that name come at once."""
    for _ in range(MOST_AT_ONCE):
        provider.slug = free_slug(session, provider.name)
        with contextlib.suppress(IntegrityError), session.begin_nested():
            session.add(provider)
            session.flush()
            return
    raise BusyError


def free_slug(
    session: Session, name: str, column: InstrumentedAttribute[str] = Provider.slug, otherwise: str = "provider"
) -> str:
    """Return a short name for the API that nobody has: `xuong-da-nang`, then `xuong-da-nang-2`."""
    plain = unicodedata.normalize("NFKD", name.replace("đ", "d").replace("Đ", "D"))
    stem = re.sub(r"[^a-z0-9]+", "-", plain.encode("ascii", "ignore").decode().lower()).strip("-")[:40] or otherwise
    taken = {*session.scalars(select(column).where(column.startswith(stem)))}
    if column is Provider.slug:
        taken.add(PRESETS)
    return next(slug for slug in (stem, *(f"{stem}-{n}" for n in range(2, 10_000))) if slug not in taken)
