"""When a provider's list of models is read again: after its time, later after failures, and never too often."""

import random
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from webapp.core import clock
from webapp.providers.provider import LONGEST_REFRESH, Provider

HOURS: Final = (0, 1, 3, 6, 12, 24, 168)  # how long a list may count as fresh; 0: read by hand only
COOL_DOWN: Final = timedelta(seconds=10)  # between two calls for one list, whoever asks
FIRST_PAUSE: Final = timedelta(minutes=1)  # after a failure; doubles until it is as long as the list's usual time
LONGEST_BLOCK: Final = timedelta(hours=1)  # that a provider's Retry-After holds back people
LONGEST_WAIT: Final = timedelta(days=1)  # that it holds back the background
ASKS_TO_WAIT: Final = (429, 503)
JITTER: Final = 0.1


def may_be_read() -> ColumnElement[bool]:
    """Return the guard of a refresh: nobody reads this list at the moment, and it was not read just now."""
    now = clock.now()
    started, blocked = Provider.refresh_started_at, Provider.refresh_blocked_until
    return or_(started.is_(None), started < now - LONGEST_REFRESH) & or_(blocked.is_(None), blocked <= now)


def due_providers(session: Session) -> list[Provider]:
    """Return the providers whose lists are to be read now, the longest overdue first."""
    due = Provider.refresh_due_at
    found = session.scalars(
        select(Provider)
        .where(Provider.is_enabled, Provider.deleted_at.is_(None), Provider.dialect != "demo")
        .where(Provider.refresh_hours > 0, or_(due.is_(None), due <= clock.now()), may_be_read())
        .order_by(due.is_not(None), due, Provider.id)
    )
    return [row for row in found if is_readable(row)]


def is_readable(provider: Provider) -> bool:
    """Whether a call for its list can succeed."""
    return provider.is_usable and provider.has_list and not provider.is_key_unreadable


def note_success(provider: Provider) -> None:
    """The list was read, or is known to be still the same."""
    now = clock.now()
    provider.refreshed_at, provider.refresh_failure, provider.refresh_failures = now, None, 0
    provider.refresh_blocked_until = now + COOL_DOWN
    provider.refresh_due_at = now + _jittered(_usual_time(provider))


def note_failure(provider: Provider, failure: dict[str, Any]) -> None:
    """The list could not be read; `failure` is the record (failure.py)."""
    now = clock.now()
    asked = timedelta(seconds=min(failure["retry_after"] or 0.0, LONGEST_WAIT.total_seconds()))
    pause = min(FIRST_PAUSE * 2 ** min(provider.refresh_failures, 20), _usual_time(provider))
    provider.refresh_failure = failure
    provider.refresh_failures += 1
    provider.refresh_due_at = now + max(_jittered(pause), asked)
    is_block = failure["status"] in ASKS_TO_WAIT
    provider.refresh_blocked_until = now + max(COOL_DOWN, min(asked, LONGEST_BLOCK) if is_block else COOL_DOWN)


def note_change(provider: Provider) -> None:
    """Key, address or headers changed: what was known of the list's times says nothing any more.

    Nor does what a refresh finds that runs now; the list may be read again beside it.
    """
    for name in ("refresh_started_at", "refresh_due_at", "refresh_blocked_until", "list_etag"):
        setattr(provider, name, None)
        flag_modified(provider, name)  # a refresh may have begun since this row was loaded
    provider.refresh_failures = 0


def set_hours(provider: Provider, hours: int) -> None:
    """Choose how long the list counts as fresh; the pause after a failure goes on."""
    if hours == provider.refresh_hours:
        return
    provider.refresh_hours = hours
    if provider.refreshed_at and not provider.refresh_failures:
        provider.refresh_due_at = provider.refreshed_at + _jittered(_usual_time(provider))


def _usual_time(provider: Provider) -> timedelta:
    return timedelta(hours=provider.refresh_hours or max(HOURS))


def _jittered(time: timedelta) -> timedelta:
    return time * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
