"""What the provider list shows: every provider with its newest test, sorted into tabs. No provider is asked."""

from dataclasses import dataclass

from sqlalchemy import case
from sqlalchemy.orm import Session

from webapp.accounts.user import User
from webapp.core.memory import memory
from webapp.providers.check import BAD, Check, latest_checks, latest_verdict
from webapp.providers.credential import Credential
from webapp.providers.provider import Provider, visible_providers
from webapp.upstream.addresses import origin

TABS = ("all", "attention", "disabled")


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
        provider.id for provider, verdict in found if _is_bad(provider.is_enabled, provider.is_key_unreadable, verdict)
    }
    words = query.casefold().split()
    shown = [
        provider
        for provider, _ in found
        if (tab != "attention" or provider.id in bad)
        and (tab != "disabled" or not provider.is_enabled)
        and all(word in f"{provider.name} {provider.base_url}".casefold() for word in words)
    ]
    shown.sort(key=lambda provider: (not provider.is_enabled, provider.id not in bad, provider.needs_key))
    checks = latest_checks(session, [provider.id for provider in shown])
    return Overview(tab, query, [(provider, checks.get(provider.id)) for provider in shown])


def tab_counts(session: Session, user: User) -> dict[str, int]:
    """How many providers each tab has; one query, remembered for a second. Every page shows how many need attention."""
    return memory.get(("tabs of providers", user.id), lambda: _count_tabs(session, user))


def _count_tabs(session: Session, user: User) -> dict[str, int]:
    columns = (Provider.is_enabled, Provider.base_url, Check.status, Credential)
    rows = session.execute(
        visible_providers(user)
        .with_only_columns(*columns)
        .outerjoin(Check, Check.id == latest_verdict())
        .outerjoin(Credential, Credential.provider_id == Provider.id)
    ).all()
    attention = sum(
        _is_bad(row.is_enabled, bool(row.Credential) and not row.Credential.may_open(origin(row.base_url)), row.status)
        for row in rows
    )
    return {"all": len(rows), "attention": attention, "disabled": sum(not row.is_enabled for row in rows)}


def _is_bad(is_enabled: bool, is_key_unreadable: bool, verdict: str | None) -> bool:
    """Whether an enabled provider failed the newest test that came to an end, or its key cannot be read."""
    return is_enabled and (is_key_unreadable or verdict == BAD)
