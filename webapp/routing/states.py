"""Keeps `health.py` in the database, for restarts and other processes: the monitor asks for it each second."""

import logging
import threading
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Insert, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.orm import Session

from webapp.core.database import reading, writing
from webapp.core.runtime import runtime
from webapp.providers.provider import Provider
from webapp.routing.condition import Change
from webapp.routing.health import Health, health
from webapp.routing.history import HealthChange, HealthState

MOST_WAITING: Final = 10_000
LATEST: Final = timedelta(seconds=10)  # between a change and the moment when others can read of it
LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
KEY: Final = ("kind", "subject_id", "route")
UPSERTS: Final = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}

log = logging.getLogger(__name__)


class States:
    """Writes what changed here and brings in what others wrote. `note` may be called from any thread."""

    def __init__(self, about: Health) -> None:
        self._health = about
        self._waiting: deque[Change] = deque(maxlen=MOST_WAITING)
        self._lock = threading.Lock()
        self._read_at = LONG_AGO

    def begin(self, session: Session) -> None:
        """Start with what the database knows, and with nothing else."""
        self._health.forget()
        self._waiting.clear()
        self._read_at = LONG_AGO
        self._health.told = self.note
        self.look_over(session)
        self._adopt(session, of_all=True)

    def note(self, change: Change) -> None:
        """Keep a change until it is written."""
        with self._lock:
            self._waiting.append(change)

    def exchange(self) -> None:
        """Write what changed here in one transaction, then take over what others wrote."""
        with self._lock:
            changes = list(self._waiting)
            self._waiting.clear()
        if changes:
            try:
                with writing() as session:
                    write_changes(session, changes, runtime().boot_id)
            except (OperationalError, NoConnectionError, IntegrityError):  # the last: a provider was deleted just now
                with self._lock:
                    self._waiting.extendleft(reversed(changes))
                log.warning("Changes of health wait: the database is busy", extra={"changes": len(changes)})
        with reading() as session:
            self._adopt(session)

    def look_over(self, session: Session) -> None:
        """Read from when on each provider counts as slow; forget those that are gone: a number may be given anew."""
        rows = session.execute(select(Provider.id, Provider.care)).all()
        told = {provider_id: (care or {}).get("slow_ms") for provider_id, care in rows}
        self._health.slow_ms = {provider_id: float(ms) for provider_id, ms in told.items() if ms}
        self._health.keep_only(set(told))

    def _adopt(self, session: Session, *, of_all: bool = False) -> None:
        news = select(HealthState).where(HealthState.changed_at > self._read_at - LATEST)
        rows = session.scalars(news if of_all else news.where(HealthState.boot_id != runtime().boot_id)).all()
        for row in rows:
            self._health.adopt(_seen(row))
        self._read_at = max((row.changed_at for row in rows), default=self._read_at)


def write_changes(session: Session, changes: list[Change], boot_id: str) -> None:
    """Write them; of several writers of one subject, the latest change counts."""
    there = set(session.scalars(select(Provider.id).where(Provider.id.in_({one.provider_id for one in changes}))))
    changes = [one for one in changes if one.provider_id in there]
    last = {one.subject: one for one in changes}
    if not last:
        return
    rows = [{**_state_row(one), "boot_id": boot_id} for one in last.values()]
    session.connection().execute(upsert(session.get_bind().dialect.name), rows)
    news = [_history_row(one) for one in changes if one.is_news]
    if news:
        session.execute(insert(HealthChange), news)


def upsert(dialect: str) -> Insert:
    """Return the statement that writes the state of a subject unless a later one is there."""
    statement: Any = UPSERTS[dialect](HealthState)
    new = statement.excluded
    columns = [column.name for column in HealthState.__table__.columns if column.name not in KEY]
    guarded: Insert = statement.on_conflict_do_update(
        index_elements=KEY,
        set_={name: new[name] for name in columns},
        where=new.changed_at > HealthState.changed_at,
    )
    return guarded


def _state_row(change: Change) -> dict[str, Any]:
    return {
        **_subject_columns(change),
        "streak": change.streak,
        "opened": change.opened,
        "until": change.until,
        "since": change.since,
        "changed_at": change.at,
    }


def _history_row(change: Change) -> dict[str, Any]:
    rest = (change.until - change.at).total_seconds() if change.until else None
    return {**_subject_columns(change), "rest_seconds": rest, "at": change.at}


def _subject_columns(change: Change) -> dict[str, Any]:
    kind, subject_id, route = change.subject
    return {
        "kind": kind,
        "subject_id": subject_id,
        "route": route,
        "provider_id": change.provider_id,
        "state": change.state,
        "category": change.category,
    }


def _seen(row: HealthState) -> Change:
    return Change(
        provider_id=row.provider_id,
        subject=(row.kind, row.subject_id, row.route),  # type: ignore[arg-type]
        was="unknown",
        state=row.state,  # type: ignore[arg-type]
        category=row.category,
        streak=row.streak,
        opened=row.opened,
        until=row.until,
        since=row.since,
        at=row.changed_at,
    )


states = States(health)  # of this process; it has a lock of its own
