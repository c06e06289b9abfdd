"""SQLite as this house sets it up: many writers wait for each other, readers wait for nobody."""

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest
from flask import Flask
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import IntegrityError, StatementError

from webapp.accounts.session import SignInSession
from webapp.accounts.user import User
from webapp.core import database
from webapp.core.database import claim, db, reading, sqlite_warning, writing
from webapp.settings.setting import Setting, read_setting, write_setting

WRITERS, ROUNDS = 8, 40


def in_threads(app: Flask, job: Callable[[int], None], count: int = WRITERS) -> None:
    """Run job(0), job(1), … at once, each with an app context; the first error is raised."""

    def run(number: int) -> None:
        with app.app_context():
            job(number)

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(run, range(count)))


def test_the_connection_is_set_up_for_safety(app: Flask) -> None:
    with app.app_context(), reading() as session:
        found = {
            name: session.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "trusted_schema")
        }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5000,
        "trusted_schema": 0,
    }


def test_eight_writers_that_read_first_lose_nothing_and_are_never_locked_out(app: Flask) -> None:
    with app.app_context(), writing() as session:
        write_setting(session, "count", "0")

    def count_up(_: int) -> None:
        for _ in range(ROUNDS):
            with writing() as session:
                write_setting(session, "count", str(int(read_setting(session, "count") or 0) + 1))

    in_threads(app, count_up)
    with app.app_context(), reading() as session:
        assert read_setting(session, "count") == str(WRITERS * ROUNDS)


def test_a_reader_waits_for_no_writer_and_sees_the_state_before(app: Flask) -> None:
    with app.app_context():
        with writing() as session:
            write_setting(session, "word", "before")
        with writing() as session:
            write_setting(session, "word", "after")
            session.flush()
            with reading() as other:
                assert read_setting(other, "word") == "before"
        with reading() as session:
            assert read_setting(session, "word") == "after"


def test_a_failed_transaction_leaves_nothing(app: Flask) -> None:
    with app.app_context():
        with contextlib.suppress(ZeroDivisionError), writing() as session:
            write_setting(session, "word", "half")
            session.flush()
            _ = 1 / 0
        with reading() as session:
            assert read_setting(session, "word") is None


def test_of_many_claims_one_wins(app: Flask) -> None:
    with app.app_context(), writing() as session:
        write_setting(session, "lease", "free")
    start, won = threading.Barrier(WRITERS), []

    def take(number: int) -> None:
        start.wait()
        with writing() as session:
            free = (Setting.name == "lease", Setting.value == "free")
            if claim(session, update(Setting).where(*free).values(value=str(number))):
                won.append(str(number))

    in_threads(app, take)
    with app.app_context(), reading() as session:
        assert won == [read_setting(session, "lease")]


def test_foreign_keys_hold_and_cascade(app: Flask) -> None:
    with app.app_context():
        with pytest.raises(IntegrityError), writing() as session:
            session.add(SignInSession(user_id=999_999, token_hash="x", browser="", address=""))
        with writing() as session:
            owner = session.scalar(select(User).filter_by(email="owner"))
            assert owner
            session.add(SignInSession(user_id=owner.id, token_hash="x", browser="", address=""))
            session.flush()
            session.execute(delete(User).where(User.id == owner.id))
            assert session.scalar(select(SignInSession).filter_by(token_hash="x")) is None


def test_moments_are_kept_in_utc_and_come_back_aware(app: Flask) -> None:
    hanoi = datetime(2026, 3, 1, 6, 30, tzinfo=timezone(timedelta(hours=7)))
    with app.app_context():
        with writing() as session:
            owner = session.scalar(select(User).filter_by(email="owner"))
            assert owner
            owner.created_at = hanoi
        with reading() as session:
            stored = session.execute(text("SELECT created_at FROM users WHERE email = 'owner'")).scalar()
            found = session.scalar(select(User.created_at).filter_by(email="owner"))
    assert str(stored).startswith("2026-02-28 23:30:00")
    assert found == hanoi
    assert found is not None
    assert found.tzinfo is UTC


def test_a_moment_without_a_zone_is_a_fault_of_the_caller(app: Flask) -> None:
    with app.app_context(), pytest.raises(StatementError, match="without a zone"), reading() as session:
        session.scalar(select(User).where(User.created_at == datetime(2026, 1, 1)))


@pytest.mark.parametrize(
    ("version", "is_warned"),
    [
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((4, 0, 0), False),
    ],
    ids=str,
)
def test_an_sqlite_with_the_wal_reset_fault_is_warned_about(
    version: tuple[int, int, int], is_warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database.sqlite3, "sqlite_version_info", version)
    assert bool(sqlite_warning()) is is_warned


def test_a_page_never_waits_for_a_writer(app: Flask) -> None:
    with app.app_context(), writing() as session:
        write_setting(session, "word", "slow")
        session.flush()
        in_threads(app, lambda _: _expect_login_page(app), 1)


def _expect_login_page(app: Flask) -> None:
    assert app.test_client().get("/login").status_code == 200
    db.session.remove()  # type: ignore[attr-defined]
