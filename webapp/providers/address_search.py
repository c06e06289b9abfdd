"""Looks for the address of a provider: at its own origin, or at another one to which its key may go."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from webapp.accounts.user import User
from webapp.core import clock
from webapp.core.errors import ConflictError
from webapp.core.runtime import runtime
from webapp.providers.adding import duplicate_provider
from webapp.providers.check import UNKNOWN
from webapp.providers.checks import begin_check
from webapp.providers.editing import confirm_private
from webapp.providers.failure import failure_record
from webapp.providers.keys import change_address
from webapp.providers.private_address import is_open
from webapp.providers.provider import Provider
from webapp.providers.schedule import note_change
from webapp.providers.vendors import known_addresses
from webapp.upstream.addresses import AddressError, host_port, is_denied, needs_confirmation, normalise, origin
from webapp.upstream.classify.vendors import SIBLINGS
from webapp.upstream.doctor import Try, relatives, search, search_at
from webapp.upstream.target import Target

Tries = list[dict[str, Any]]


def tries(target: Target, model: str | None = None, *, is_elsewhere: bool = False) -> Iterator[Tries]:
    """Yield all tries so far, as the page draws them, whenever one begins or ends."""
    known = [*known_addresses(), *(address for found in SIBLINGS.values() for address in found)]
    done: Tries = []
    for tried in search_at(target, model) if is_elsewhere else search(target, known):
        if done and done[-1]["verdict"] == "running":
            done.pop()
        done.append(_drawn(tried))
        yield done


def admit(session: Session, user: User, name: str) -> None:
    """Count a search among its user's tests, since both tell who answers at an address. Raises TooOftenError."""
    check = begin_check(session, user, name=name, provider=None, model=None)
    check.status, check.finished_at = UNKNOWN, clock.now()
    session.commit()


def target_elsewhere(session: Session, user: User, target: Target, address: str) -> Target:
    """Return the same call at an address that `relatives` knows, with the key: the user was asked.

    Extra headers stay behind, since they may be secret too. Raises ConflictError for any other address.
    """
    if address not in relatives(target.base_url, target.in_container):
        raise ConflictError
    _open_private(session, user, address)
    allow_private = is_open(session, *host_port(address))
    return replace(target, base_url=address, headers=(), list_path="/models", allow_private=allow_private)


def save_address(session: Session, user: User, provider: Provider, address: str, copy_name: str) -> Provider:
    """Give a provider the address that was found. Its key goes along, also to a relative that the user agreed to.

    A built-in keeps its address: a copy of it gets the other one. Returns the provider that has it now.
    """
    try:
        address = normalise(address)
    except AddressError:
        raise ConflictError from None
    is_same = origin(address) == origin(provider.base_url)
    if is_denied(address) or not (is_same or address in relatives(provider.base_url, runtime().settings.in_container)):
        raise ConflictError
    _open_private(session, user, address)
    key = None if is_same else provider.key()
    if provider.is_builtin:
        key = provider.key()
        provider = duplicate_provider(session, provider, user, copy_name)
    change_address(session, provider, address, key)
    note_change(provider)
    return provider


def _open_private(session: Session, user: User, address: str) -> None:
    if needs_confirmation(address) and not is_open(session, *host_port(address)):
        confirm_private(session, user, *host_port(address))


def _drawn(tried: Try) -> dict[str, Any]:
    failure = failure_record(tried.error) if tried.error else None
    return {"base_url": tried.base_url, "verdict": tried.verdict, "models": tried.models, "failure": failure}
