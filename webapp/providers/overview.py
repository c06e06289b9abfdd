"""What the provider list shows: every provider with its newest test, sorted into tabs. No provider is asked."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import case
from sqlalchemy.orm import Session

from webapp.accounts.user import User
from webapp.core.memory import memory
from webapp.core.words import searchable
from webapp.providers.check import BAD, Check, latest_checks, latest_verdict
from webapp.providers.credential import Credential, have_trouble
from webapp.providers.provider import Provider, visible_providers

TABS = ("all", "attention", "disabled")

is_down: Callable[[int, str], bool] | None = None  # of `webapp.routing`: by the calls made by its route


@dataclass(frozen=True, slots=True)
class Overview:
    """The rows of one tab that match a search."""

    tab: str
    query: str
    rows: list[tuple[Provider, Check | None]]


def overview(session: Session, user: User, tab: str, query: str) -> Overview:
    """Load the providers that this user may see and that the tab and the search leave; what needs attention first."""
    found = session.execute(
        visible_providers(user)
        .add_columns(Check.status)
        .outerjoin(Check, Check.id == latest_verdict())
        .order_by(case((Provider.vendor_id == "demo", 1), else_=0), Provider.name)
    ).all()
    bad = {
        provider.id
        for provider, verdict in found
        if needs_attention(provider.is_enabled, provider.has_key_trouble or _is_down(provider), verdict)
    }
    counts = _counts([provider.is_enabled for provider, _ in found], len(bad))
    memory.get(_key(user), lambda: counts, waits=False)  # the rail of this page need not count anew
    words = searchable(query).split()
    shown = [
        provider
        for provider, _ in found
        if (tab != "attention" or provider.id in bad)
        and (tab != "disabled" or not provider.is_enabled)
        and all(word in searchable(provider.name, provider.base_url) for word in words)
    ]
    shown.sort(key=lambda provider: (not provider.is_enabled, provider.id not in bad, provider.needs_key))
    checks = latest_checks(session, [provider.id for provider in shown])
    return Overview(tab, query, [(provider, checks.get(provider.id)) for provider in shown])


def tab_counts(session: Session, user: User) -> dict[str, int]:
    """How many providers each tab has; one query, remembered for a second. Every page shows how many need attention."""
    return memory.get(_key(user), lambda: _count_tabs(session, user), waits=False)


def _count_tabs(session: Session, user: User) -> dict[str, int]:
    columns = (Provider.id, Provider.is_enabled, Provider.base_url, Provider.auth_style, Provider.route)
    rows = session.execute(
        visible_providers(user)
        .with_only_columns(*columns, Check.status, Credential)
        .outerjoin(Check, Check.id == latest_verdict())
        .outerjoin(Provider.credentials)
        .order_by(Provider.id)
    ).all()
    found: list[list[Any]] = [list(group) for _, group in groupby(rows, key=lambda row: row.id)]
    attention = sum(
        needs_attention(own[0].is_enabled, _has_key_trouble(own) or _is_down(own[0]), own[0].status) for own in found
    )
    return _counts([own[0].is_enabled for own in found], attention)


def _key(user: User) -> tuple[str, int]:
    return "tabs of providers", user.id


def _counts(are_enabled: list[bool], attention: int) -> dict[str, int]:
    return {"all": len(are_enabled), "attention": attention, "disabled": are_enabled.count(False)}


def needs_attention(is_enabled: bool, has_trouble: bool, verdict: str | None) -> bool:
    """Whether an enabled provider failed the newest test that came to an end, is down, or has trouble with its keys."""
    return is_enabled and (verdict == BAD or has_trouble)


def _is_down(provider: Any) -> bool:
    """Also of a row that holds some of a provider's columns."""
    return is_down is not None and is_down(provider.id, provider.route)


def _has_key_trouble(own: list[Any]) -> bool:
    """The same as the provider's property, from columns: a row for each key."""
    return have_trouble(own[0].auth_style, own[0].base_url, [row.Credential for row in own if row.Credential])
