"""What the provider list shows: every provider with its newest test, sorted into tabs. No provider is asked."""

from dataclasses import dataclass

from sqlalchemy import case
from sqlalchemy.orm import Session

from webapp.accounts.user import User
from webapp.providers.check import BAD, Check, latest_checks
from webapp.providers.provider import Provider, visible_providers

TABS = ("all", "attention", "disabled")


@dataclass(frozen=True, slots=True)
class Overview:
    """The rows of one tab, and how many each tab has."""

    tab: str
    query: str
    rows: list[tuple[Provider, Check | None]]
    counts: dict[str, int]


def overview(session: Session, user: User, tab: str, query: str) -> Overview:
    """Load the providers that this user may see; those that need attention come first."""
    found = session.scalars(
        visible_providers(user).order_by(case((Provider.vendor_id == "demo", 1), else_=0), Provider.name)
    ).all()
    checks = latest_checks(session, [provider.id for provider in found])
    words = query.casefold().split()
    rows = [
        (provider, checks.get(provider.id))
        for provider in found
        if all(word in f"{provider.name} {provider.base_url}".casefold() for word in words)
    ]
    by_tab = {
        "all": sorted(rows, key=lambda row: (not row[0].is_enabled, not needs_attention(*row), row[0].needs_key)),
        "attention": [row for row in rows if needs_attention(*row)],
        "disabled": [row for row in rows if not row[0].is_enabled],
    }
    return Overview(tab, query, by_tab[tab], {name: len(rows) for name, rows in by_tab.items()})


def needs_attention(provider: Provider, check: Check | None) -> bool:
    """Whether an enabled provider failed its newest test, or its key cannot be read."""
    return provider.is_enabled and (provider.is_key_unreadable or (check is not None and check.status == BAD))
