"""Rows are written in batches, by one thread, and none is lost or doubled: not by a lock, not by a signal."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import event, insert, select

from tests.chat.conftest import in_parallel
from tests.chat.test_runs_restart import ask, browser
from tests.chat.test_writer import locked
from tests.far_end import FarEnd
from tests.serving import Server
from tests.usage.conftest import Chat, Ledger
from webapp.core import clock
from webapp.core.database import db, reading, writing
from webapp.monitor import sweep
from webapp.usage import recorder
from webapp.usage.event import OK, Call, UsageEvent
from webapp.usage.recorder import COLUMNS, KEPT, record, write_waiting

THREADS, EACH = 8, 1250


def call(model_id: str = "m", **more: object) -> Call:
    made = Call(None, "p", "P", model_id, None, "api")
    made.end(OK, latency_ms=1.0)
    for name, value in more.items():
        setattr(made, name, value)
    return made


@contextmanager
def counted_commits(app: Flask) -> Iterator[list[object]]:
    """The transactions that end within the block."""
    commits: list[object] = []
    with app.app_context():
        engine = db.engine

    def count(connection: object) -> None:
        commits.append(connection)

    event.listen(engine, "commit", count)
    try:
        yield commits
    finally:
        event.remove(engine, "commit", count)


def test_ten_thousand_calls_of_eight_threads_are_all_written_once(app: Flask, ledger: Ledger) -> None:
    is_over = threading.Event()

    def write_meanwhile() -> None:
        with app.app_context():
            while not is_over.wait(0.02):
                write_waiting()

    def tell(number: int) -> None:
        for index in range(EACH):
            record(call(f"{number}-{index}"))

    writer = threading.Thread(target=write_meanwhile)
    writer.start()
    in_parallel(THREADS, tell)
    is_over.set()
    writer.join(30)
    names = [row.model_id for row in ledger.rows()]
    assert sorted(names) == sorted(f"{number}-{index}" for number in range(THREADS) for index in range(EACH))
    for number in range(THREADS):  # each thread's calls in their order
        assert [name for name in names if name.startswith(f"{number}-")] == [f"{number}-{i}" for i in range(EACH)]


def test_all_that_waits_is_written_in_one_transaction(app: Flask, ledger: Ledger) -> None:
    for number in range(THREADS * EACH):
        record(call(str(number)))
    with app.app_context(), counted_commits(app) as commits:
        write_waiting()
        write_waiting()
    assert len(commits) == 1
    assert len(ledger.rows()) == THREADS * EACH


def test_a_locked_database_loses_nothing(chat: Chat, ledger: Ledger, data_dir: Path) -> None:
    record(call("first"))
    record(call("second"))
    with locked(chat, data_dir):
        with chat.app.app_context():
            write_waiting()
            record(call("third"))
            write_waiting()
        with chat.app.app_context(), reading() as session:
            assert session.scalars(select(UsageEvent)).all() == []
    assert [row.model_id for row in ledger.rows()] == ["first", "second", "third"]


def test_a_queue_that_overflows_loses_the_oldest_and_tells_how_many(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recorder, "MOST_WAITING", 100)
    for number in range(250):
        record(call(str(number)))
    with caplog.at_level(logging.WARNING):
        rows = ledger.rows()
    assert [row.model_id for row in rows] == [str(number) for number in range(150, 250)]
    assert [line.__dict__["calls"] for line in caplog.records if "was lost" in line.message] == [150]


def test_a_call_keeps_its_figures_when_its_owner_is_gone(ledger: Ledger, chat: Chat) -> None:
    record(call("gone", user_id=999, token_id=999, provider_id=999, input_tokens=5))
    record(call("here", user_id=chat.person.user_id, provider_id=chat.provider_id))
    gone, here = ledger.rows()
    assert (gone.user_id, gone.token_id, gone.provider_id, gone.input_tokens) == (None, None, None, 5)
    assert (here.user_id, here.provider_id) == (chat.person.user_id, chat.provider_id)


def test_a_row_is_kept_for_four_hundred_days(app: Flask, ledger: Ledger) -> None:
    ages = {"old": KEPT + timedelta(minutes=1), "kept": KEPT - timedelta(minutes=1), "new": timedelta(0)}
    calls = [call(name, at=clock.now() - age) for name, age in ages.items()]
    with app.app_context(), writing() as session:
        session.execute(insert(UsageEvent), [{name: getattr(made, name) for name in COLUMNS} for made in calls])
        sweep(session)
    assert [row.model_id for row in ledger.rows()] == ["kept", "new"]


def test_a_server_that_ends_writes_what_was_used(
    chat: Chat, far_end: FarEnd, ledger: Ledger, serve: Callable[..., Server], data_dir: Path
) -> None:
    server = serve(data_dir)
    with browser(server, chat) as client:
        first = ask(client, chat, "ok")
        wait_for_rows(ledger, 1)  # the monitor wrote it, a second later at most
        asked = [ask(client, chat, "ok") for _ in range(3)]
        hanging = ask(client, chat, "stall-mid")
        for one in (first, *asked):
            client.get(f"{one.at}/events")
        far_end.wait_for_calls(5)
        assert server.stop() == 0
    assert [row.outcome for row in ledger.rows()] == ["ok"] * 4 + ["interrupted"]
    assert chat.run(hanging).status == "interrupted"


def wait_for_rows(ledger: Ledger, count: int) -> None:
    deadline = time.monotonic() + 10
    while len(ledger.rows()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)
