"""What is done to many providers at once: for each either done, or a reason why not."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy.orm import Session

from webapp.accounts.user import User
from webapp.core.errors import NotFoundError
from webapp.providers.provider import Provider, delete_provider, restore_provider, visible_providers

Reason = Literal["foreign", "builtin", "already", "off", "no_key", "no_list", "recent", "gone"]


@dataclass(slots=True)
class Outcome:
    """The providers that it was done to, and how many were left out for which reason."""

    done: list[Provider] = field(default_factory=list)
    left_out: dict[Reason, int] = field(default_factory=dict)

    def leave_out(self, reason: Reason) -> None:
        """Count one that it was not done to."""
        self.left_out[reason] = self.left_out.get(reason, 0) + 1


def chosen_providers(session: Session, user: User, ids: Iterable[int] | None = None) -> list[Provider]:
    """Load those of these providers that the user may see, or all of them; each once."""
    found = visible_providers(user).order_by(Provider.name)
    return list(session.scalars(found if ids is None else found.where(Provider.id.in_(set(ids)))))


def callable_providers(providers: Iterable[Provider]) -> Outcome:
    """Tell those that can be called from those that are off or lack a key."""
    outcome = Outcome()
    for provider in providers:
        if not provider.is_enabled:
            outcome.leave_out("off")
        elif provider.needs_key or provider.is_key_unreadable:
            outcome.leave_out("no_key")
        else:
            outcome.done.append(provider)
    return outcome


def deletable_providers(user: User, providers: Iterable[Provider]) -> Outcome:
    """Tell those that this user may delete."""
    outcome = Outcome()
    for provider in providers:
        if not provider.may_change(user):
            outcome.leave_out("foreign")
        elif provider.is_builtin:
            outcome.leave_out("builtin")
        else:
            outcome.done.append(provider)
    return outcome


def switch_providers(user: User, providers: Iterable[Provider], on: bool) -> Outcome:
    """Enable or disable those that this user may change."""
    outcome = Outcome()
    for provider in providers:
        if not provider.may_change(user):
            outcome.leave_out("foreign")
        elif provider.is_enabled == on:
            outcome.leave_out("already")
        else:
            provider.is_enabled = on
            outcome.done.append(provider)
    return outcome


def delete_providers(user: User, providers: Iterable[Provider]) -> Outcome:
    """Mark as deleted, as `delete_provider` does."""
    outcome = deletable_providers(user, providers)
    for provider in outcome.done:
        delete_provider(provider)
    return outcome


def restore_providers(session: Session, user: User, ids: Iterable[int]) -> Outcome:
    """Bring back those that can still be brought back."""
    outcome = Outcome()
    for provider_id in sorted(set(ids)):
        try:
            outcome.done.append(restore_provider(session, user, provider_id))
        except NotFoundError:
            outcome.leave_out("gone")
    return outcome
