"""The keys of a provider: several with weights, each with an end, a rest and a fault of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.errors import ConflictError, NotFoundError
from webapp.core.secret import Secret
from webapp.providers.credential import Credential
from webapp.providers.provider import UNDO_TIME, Provider
from webapp.providers.schedule import note_change
from webapp.upstream.addresses import origin

MOST_KEYS, MOST_WEIGHT = 20, 100

KeyState = Literal["unreadable", "refused", "disabled", "expired", "resting", "expiring", "good"]

# Set once at start by the wiring: `webapp.routing` stands to our right and must not be imported here.
seconds_to_rest: Callable[[int, int], float] | None = None  # of a provider and its key: how long it is left alone
forget_faults: Callable[[int], None] | None = None  # of a key that was mended


@dataclass(frozen=True, slots=True)
class KeyInput:
    """What somebody says of a key; all of it was checked."""

    label: str = ""
    weight: int = 1
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key as pages and programs show it. `until` is the end of its rest."""

    row: Credential
    state: KeyState
    until: datetime | None = None


def change_address(session: Session, provider: Provider, base_url: str, key: Secret | None) -> None:
    """Set address and key. Stored keys stay only while the origin does: another one drops them, and sealed headers."""
    if provider.is_builtin and base_url != provider.base_url:
        raise ConflictError
    if provider.base_url and base_url and origin(base_url) != origin(provider.base_url):
        provider.credentials.clear()
        session.flush()
        session.execute(delete(Credential).where(Credential.provider_id == provider.id))  # and those that could return
        provider.headers = []
    provider.base_url = base_url
    session.flush()
    if key:
        store_key(session, provider, key, provider.credential)


def store_key(session: Session, provider: Provider, key: Secret, replaced: Credential | None = None) -> Credential:
    """Keep one more key, or another one in the place of `replaced`; it is bound to owner and address."""
    row = replaced or Credential(provider_id=provider.id, origin="", sealed="", hint="")
    if replaced is None:
        provider.credentials.append(row)
        session.flush()
    row.seal(key, provider.owner_id, origin(provider.base_url))
    row.is_enabled, row.is_replaced, row.expires_at, row.last_failure = True, False, None, None
    _mend(row)
    return row


def add_key(session: Session, provider: Provider, key: Secret, wanted: KeyInput) -> Credential:
    """Add a key beside the others."""
    row = store_key(session, provider, key)
    change_key(row, wanted)
    note_change(provider)
    return row


def change_key(row: Credential, wanted: KeyInput) -> None:
    """Say something else of a key."""
    row.label, row.weight = wanted.label, wanted.weight
    if row.expires_at != wanted.expires_at:
        row.expires_at, row.is_replaced = wanted.expires_at, False


def replace_key(session: Session, provider: Provider, row: Credential, key: Secret) -> None:
    """Put another key in the place of one; label and weight stay."""
    store_key(session, provider, key, row)
    note_change(provider)


def rotate_key(session: Session, provider: Provider, old: Credential, key: Secret, ends_at: datetime | None) -> None:
    """Let a new key take over from an old one, which stands in for it until its end, or until it is deleted."""
    add_key(session, provider, key, KeyInput(old.label, max(old.weight, 1)))
    old.is_replaced, old.weight = True, 0
    if ends_at and not old.is_expired:
        old.expires_at = ends_at if old.expires_at is None else min(ends_at, old.expires_at)


def switch_key(provider: Provider, row: Credential, on: bool) -> None:
    """Enable or disable a key; one that was refused begins anew."""
    row.is_enabled = on
    _mend(row)
    if on:
        note_change(provider)


def delete_key(provider: Provider, row: Credential) -> None:
    """Delete a key; it can be brought back for 30 seconds, then the monitor removes it."""
    row.deleted_at = clock.now()
    note_change(provider)


def restore_key(session: Session, provider: Provider, key_id: int) -> None:
    """Undo a deletion, while it can be undone. Raises NotFoundError, and ConflictError when others took its place."""
    row = next((row for row in deleted_keys(session, provider) if row.id == key_id), None)
    if row is None:
        raise NotFoundError
    if len(provider.credentials) >= MOST_KEYS:
        raise ConflictError
    row.deleted_at = None
    note_change(provider)


def find_key(provider: Provider, key_id: int) -> Credential:
    """Return one of a provider's keys; raise NotFoundError for anybody else's."""
    found = next((row for row in provider.credentials if row.id == key_id), None)
    if found is None:
        raise NotFoundError
    return found


def deleted_keys(session: Session, provider: Provider) -> list[Credential]:
    """Return what can be brought back."""
    mine = (Credential.provider_id == provider.id, Credential.deleted_at > clock.now() - UNDO_TIME)
    return list(session.scalars(select(Credential).where(*mine).order_by(Credential.id)))


def key_views(provider: Provider) -> list[KeyView]:
    """Return a provider's keys with the state of each."""
    return [key_view(provider, row) for row in provider.credentials]


def key_view(provider: Provider, row: Credential) -> KeyView:
    """Return how a key stands; what somebody must mend goes before what passes by itself."""
    if not row.may_open(origin(provider.base_url)):
        return KeyView(row, "unreadable")
    if not row.is_enabled:
        return KeyView(row, "refused" if row.disabled_because else "disabled")
    if row.is_expired:
        return KeyView(row, "expired")
    if (seconds := seconds_to_rest(provider.id, row.id) if seconds_to_rest else 0.0) > 0:
        return KeyView(row, "resting", clock.now() + timedelta(seconds=seconds))
    return KeyView(row, "expiring" if row.is_ending else "good")


def _mend(row: Credential) -> None:
    row.disabled_because = None
    if forget_faults:
        forget_faults(row.id)
