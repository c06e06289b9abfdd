"""Takes the calls that are over, from any thread, and writes them in batches: the monitor asks for that each second."""

import logging
import threading
from collections import Counter, deque
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.orm import Session

from webapp.accounts.api_token import ApiToken
from webapp.accounts.user import User
from webapp.core import clock
from webapp.core.database import writing
from webapp.models.preset import count_uses
from webapp.providers.provider import Provider
from webapp.usage.event import Call, UsageEvent

MOST_WAITING = 50_000  # under 20 MB
KEPT = timedelta(days=400)
PRUNED_AT_ONCE = 1000
COLUMNS = [column.name for column in UsageEvent.__table__.columns if column.name != "id"]
OWNERS = {"user_id": User.id, "token_id": ApiToken.id, "provider_id": Provider.id}

log = logging.getLogger(__name__)

_waiting: deque[Call] = deque()
_dropped = 0
_lock = threading.Lock()  # calls end in any thread


def record(call: Call) -> None:
    """Keep a call that is over until it is written. Takes about a microsecond and never waits for the database."""
    _keep([call])


def write_waiting() -> None:
    """Write all that waits in one transaction. What a busy database does not take waits for the next time."""
    global _dropped
    with _lock:
        calls, dropped = list(_waiting), _dropped
        _waiting.clear()
        _dropped = 0
    if dropped:
        log.warning("Usage was lost: the database did not take it in time", extra={"calls": dropped})
    if not calls:
        return
    try:
        with writing() as session:
            session.execute(insert(UsageEvent), _rows(session, calls))
            count_uses(session, Counter(call.preset_id for call in calls if call.preset_id))
    except (OperationalError, NoConnectionError, IntegrityError):  # the last: an owner was deleted this very moment
        _keep(calls, are_older=True)
        log.warning("Usage waits: the database is busy", extra={"calls": len(calls)})


def prune_usage(session: Session) -> None:
    """Delete what is too old, looking at the oldest rows only; the monitor calls it often enough."""
    oldest = select(UsageEvent.id).order_by(UsageEvent.id).limit(PRUNED_AT_ONCE)
    session.execute(delete(UsageEvent).where(UsageEvent.id.in_(oldest), UsageEvent.at < clock.now() - KEPT))


def _keep(calls: list[Call], *, are_older: bool = False) -> None:
    global _dropped
    with _lock:
        if are_older:
            _waiting.extendleft(reversed(calls))
        else:
            _waiting.extend(calls)
        while len(_waiting) > MOST_WAITING:
            _waiting.popleft()
            _dropped += 1


def _rows(session: Session, calls: list[Call]) -> list[dict[str, Any]]:
    """Return the rows; what was deleted since the call is left out of them."""
    rows = [{name: getattr(call, name) for name in COLUMNS} for call in calls]
    for name, key in OWNERS.items():
        there = set(session.scalars(select(key).where(key.in_({row[name] for row in rows}))))
        for row in rows:
            row[name] = row[name] if row[name] in there else None
    return rows
