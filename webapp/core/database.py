"""The database handle, SQLite's settings, and the column for moments in UTC."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, CursorResult, DateTime, Dialect, Engine, Executable, MetaData, event, text
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

BUSY_SECONDS = 5.0  # that SQLite waits for another process
TURN_SECONDS = 30.0  # that a thread waits for those before it; each takes milliseconds
WAL_RESET_FIXED = ((3, 51, 3), (3, 50, 7), (3, 44, 6))  # sqlite.org/changes.html, entry of 3.53.0
START_TURN = 0x6A61636B  # any number that nothing else in this database locks


class Base(DeclarativeBase):
    """Names every constraint, so that migrations can drop it on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


if TYPE_CHECKING:

    class _Database(SQLAlchemy):
        session: Session  # type: ignore[assignment]  # the scoped session behaves as one

    db = _Database()
    Record = Base
else:
    db = SQLAlchemy(model_class=Base, disable_autonaming=True)
    Record = db.Model

BEGIN = "BEGIN IMMEDIATE"
TAKE_NO_LOCK = ("SELECT", "PRAGMA", "EXPLAIN", "WITH")


class UtcTime(TypeDecorator[datetime]):
    """An aware moment, stored as naive UTC (SQLite keeps no zone)."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store in UTC; a naive moment is a fault of the caller."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        return None if value is None else value.replace(tzinfo=UTC)


@contextmanager
def writing() -> Iterator[Session]:
    """A short transaction of its own, committed at the end: for jobs, and for a small write during a read request.

    On SQLite it holds the write lock from its beginning, so that what it reads is still true when it writes.
    """
    with Session(db.engine, expire_on_commit=False) as session, session.begin():
        if db.engine.dialect.name == "sqlite":
            session.execute(text(BEGIN))
        yield session


@contextmanager
def reading(beside: Session | None = None) -> Iterator[Session]:
    """A short read of its own; what it loads stays usable. It uses the connection of a session that has one already."""
    with Session(beside.connection() if beside else db.engine, expire_on_commit=False) as session:
        yield session


def release() -> None:
    """Give the request's connection back before a wait: none is held while a provider is awaited."""
    db.session.remove()  # type: ignore[attr-defined]


def take_turns(connection: Connection) -> None:
    """Wait until no other process is between this line and the end of its transaction: for what each does at start.

    SQLite needs no turns: a writing transaction is alone there.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": START_TURN})


def claim(session: Session, statement: Executable) -> bool:
    """Run a guarded UPDATE and tell whether this caller was the one whose guard held."""
    result = session.execute(statement)
    return isinstance(result, CursorResult) and result.rowcount == 1


def prepare_engine(engine: Engine) -> None:
    """Give an SQLite engine WAL, foreign keys, a busy time-out and immediate write transactions.

    A deferred BEGIN that turns into a write fails at once, whatever the busy time-out, when another writer came
    first; BEGIN IMMEDIATE waits. It is said before the first statement that writes, so that the one write lock is
    held from there to the commit, and never by somebody who only reads.
    """
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        turns = _Turns()
        event.listen(engine, "before_cursor_execute", turns.begin)
        event.listen(engine, "checkin", turns.leave)


def sqlite_warning() -> str | None:
    """Return why this SQLite library should be replaced, or None: the WAL-reset fault of 3.7.0 to 3.51.2."""
    version = sqlite3.sqlite_version_info
    if version >= WAL_RESET_FIXED[0] or any(version[:2] == fixed[:2] and version >= fixed for fixed in WAL_RESET_FIXED):
        return None
    return (
        f"SQLite {sqlite3.sqlite_version} may damage a database when several connections checkpoint at once; "
        "3.51.3, 3.50.7 and 3.44.6 are fixed. Jackfield stays with one process. Keep backups."
    )


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_SECONDS * 1000:.0f}",
        "trusted_schema=OFF",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


class _Turns:
    """Lets the threads of this process write one after the other.

    SQLite's own waiting is a poll with growing pauses: of a hundred writers at once some would wait in vain.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()

    def begin(self, connection: Connection, cursor: Any, statement: str, *_rest: Any) -> None:
        """Begin to write. Whose turn does not come asks SQLite all the same, which then fails."""
        if cursor.connection.in_transaction or statement.lstrip().upper().startswith(TAKE_NO_LOCK):
            return
        if "turn" not in connection.info and self._turn.acquire(timeout=TURN_SECONDS):
            connection.info["turn"] = self._turn
        if statement != BEGIN:
            cursor.execute(BEGIN)

    def leave(self, _connection: object, record: ConnectionPoolEntry) -> None:
        """Pass the turn on: the connection goes back to the pool, its transaction is over."""
        if "turn" in record.info:
            record.info.pop("turn").release()
