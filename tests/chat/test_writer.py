"""What the writer tells the model, and that its answer survives a locked database, a deleted provider, a full house."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, update

from tests.chat.conftest import Chat
from tests.conftest import Person
from tests.far_end import TEXT, FarEnd
from webapp.chat import writer
from webapp.chat.elements import Labels
from webapp.chat.live import LiveAnswer, close_live, open_live
from webapp.chat.message import Message
from webapp.chat.request import GO_ON
from webapp.chat.run import DONE, FAILED, INTERRUPTED, RUNNING, Run, renew_leases
from webapp.chat.writer import save_live_texts
from webapp.core import clock
from webapp.core.database import db, writing
from webapp.monitor import sweep
from webapp.providers.provider import Provider

LABELS = Labels(icon_url="/icons.svg#copy", copy_code="Copy", code="Code", table="Table")


def told(far_end: FarEnd, number: int = -1) -> list[tuple[str, str]]:
    """What a call carried, as role and text."""
    return [(turn["role"], turn["content"]) for turn in far_end.calls[number].json["messages"]]


def test_the_model_is_told_the_whole_story_across_a_switch_of_models(chat: Chat, far_end: FarEnd) -> None:
    first = chat.answer("One")
    second = chat.answer("Two", "another", after=first)
    chat.answer("Three", "ok", after=second)
    story = [("user", "One"), ("assistant", TEXT), ("user", "Two"), ("assistant", TEXT), ("user", "Three")]
    assert told(far_end) == story
    assert [call.json["model"] for call in far_end.calls] == ["ok", "another", "ok"]
    assert "Switched from ok to another" in chat.person.get(first.page).text


def test_of_several_answers_to_a_question_the_model_is_told_the_last_with_a_text(chat: Chat, far_end: FarEnd) -> None:
    first = chat.answer("One", "cut")
    chat.wait(chat.again(first, model="ok"))
    failed = chat.again(first, model="500")
    chat.wait(failed)
    chat.answer("Two", after=failed)
    assert told(far_end) == [("user", "One"), ("assistant", TEXT), ("user", "Two")]


def test_a_question_without_an_answer_is_told_all_the_same(chat: Chat, far_end: FarEnd) -> None:
    first = chat.answer("One", "401")
    chat.answer("Two", after=first)
    assert told(far_end) == [("user", "One"), ("user", "Two")]


def test_a_retry_asks_the_same_question_with_what_came_before_it(chat: Chat, far_end: FarEnd) -> None:
    first = chat.answer("One")
    chat.answer("Two", after=first)
    chat.wait(chat.again(first, model="another"))
    assert told(far_end) == [("user", "One")]
    assert far_end.calls[-1].json["model"] == "another"
    assert chat.count(Message) == 5


def test_continuing_sends_the_cut_text_and_the_wish_to_go_on(chat: Chat, far_end: FarEnd) -> None:
    cut = chat.answer("One", "cut")
    chat.wait(chat.again(cut, "continuations"))
    assert told(far_end) == [("user", "One"), ("assistant", "Half of it"), ("user", GO_ON)]
    assert "Continued with cut" in chat.person.get(cut.page).text


def test_what_was_continued_is_told_as_one_answer(chat: Chat, far_end: FarEnd) -> None:
    cut = chat.answer("One", "cut")
    again = chat.again(cut, "continuations")
    chat.wait(again)
    third = chat.again(again, "continuations")
    chat.wait(third)
    assert told(far_end) == [("user", "One"), ("assistant", "Half of itHalf of it"), ("user", GO_ON)]
    chat.answer("Two", after=third)
    assert told(far_end) == [("user", "One"), ("assistant", "Half of it" * 3), ("user", "Two")]


def test_a_complete_answer_cannot_be_continued(chat: Chat, far_end: FarEnd) -> None:
    asked = chat.answer()
    response = chat.person.post(f"{asked.at}/continuations", htmx=True)
    assert response.status_code == 409
    assert "cannot be continued" in response.text
    assert len(far_end.calls) == 1


def test_a_checkpoint_that_comes_late_does_not_undo_the_end_of_an_answer(chat: Chat) -> None:
    asked = chat.answer()
    live = open_live(asked.run, LABELS)
    live.add("text", TEXT[:7])
    with chat.app.app_context(), writing() as session:
        save_live_texts(session)
    close_live(asked.run)
    assert chat.run(asked).message.text == TEXT


def test_a_checkpoint_keeps_what_has_come(chat: Chat) -> None:
    asked = chat.ask(model="stall-mid")
    with chat.watch(asked) as events:
        assert any("Half" in event for event in events)
        with chat.app.app_context(), writing() as session:
            save_live_texts(session)
        assert (chat.run(asked).status, chat.run(asked).message.text) == (RUNNING, "Half ")
    chat.person.post(f"{asked.at}/stop")


def test_what_only_programs_read_is_not_shown() -> None:
    live = LiveAnswer(1, LABELS)
    for kind in ("more", "call", "arguments"):
        live.add(kind, "{}")
    assert (live.text, live.first_piece_at) == ("", None)
    for kind in ("text", "reasoning", "refusal"):
        live.add(kind, f"{kind} ")
    assert (live.text, live.thought) == ("text refusal ", "reasoning ")


def test_the_cost_of_an_answer_grows_no_faster_than_its_length() -> None:
    live, began = LiveAnswer(1, LABELS), time.thread_time()
    for _ in range(200_000):
        live.add("text", "đề x ")
    assert time.thread_time() - began < 10  # when every piece copied all before it, this took a minute
    assert live.text == "đề x " * 200_000


@contextmanager
def locked(chat: Chat, folder: Path) -> Iterator[None]:
    """Hold the database's write lock, and let nobody wait long for it."""
    with chat.app.app_context():
        engine = db.engine
    event.listen(engine, "checkout", _wait_shortly)
    other = sqlite3.connect(folder / "jackfield.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()
        event.remove(engine, "checkout", _wait_shortly)


def _wait_shortly(connection: Any, *_: object) -> None:
    connection.execute("PRAGMA busy_timeout=20")


def test_an_answer_that_cannot_be_stored_at_once_is_stored_later(
    chat: Chat, far_end: FarEnd, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = threading.Event()
    monkeypatch.setattr(writer, "STORE_AGAIN_SECONDS", (0.05,) * 100)
    monkeypatch.setattr(writer.log, "exception", lambda *_, **__: failed.set())
    asked = chat.ask(model="hold")
    with locked(chat, data_dir):
        far_end.release.set()
        assert failed.wait(10)
    chat.wait(asked)
    assert (chat.run(asked).status, chat.run(asked).message.text) == (DONE, TEXT)


def test_a_run_whose_end_can_never_be_stored_is_ended_by_the_monitor(
    chat: Chat, far_end: FarEnd, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "STORE_AGAIN_SECONDS", ())
    asked = chat.ask(model="hold")
    with locked(chat, data_dir):
        far_end.release.set()
        for thread in threading.enumerate():
            if thread.name == "write":
                thread.join(10)
    with chat.app.app_context(), writing() as session:
        renew_leases(session, [])
        assert session.get_one(Run, asked.run).status == RUNNING  # its lease still runs
        session.execute(update(Run).values(lease_until=clock.now() - timedelta(seconds=1)))
        renew_leases(session, [])
    assert chat.run(asked).status == INTERRUPTED
    assert chat.answer("Two", after=asked).run != asked.run


@pytest.mark.parametrize("how", ["delete", "switch"])
def test_a_provider_that_goes_while_it_answers_lets_the_answer_finish(
    chat: Chat, far_end: FarEnd, admin: Person, how: str
) -> None:
    asked = chat.ask(model="hold")
    far_end.wait_for_calls(1)
    assert admin.post(f"/providers/{chat.provider_id}/{how}").status_code in (200, 303)
    far_end.release.set()
    chat.wait(asked)
    assert (chat.run(asked).status, chat.run(asked).message.text) == (DONE, TEXT)
    assert TEXT[:9] in chat.person.get(asked.page).text


def test_a_provider_that_is_purged_while_it_answers_leaves_the_story(chat: Chat, far_end: FarEnd) -> None:
    asked = chat.ask(model="hold")
    far_end.wait_for_calls(1)
    with chat.app.app_context(), writing() as session:
        session.get_one(Provider, chat.provider_id).deleted_at = clock.now() - timedelta(minutes=1)
        session.flush()
        sweep(session)
    far_end.release.set()
    chat.wait(asked)
    assert (chat.run(asked).status, chat.run(asked).message.text) == (DONE, TEXT)
    page = chat.person.get(asked.page).text
    assert "Far End" in page
    response = chat.person.post(f"{asked.page}/messages", {"text": "Two", "send_key": "k" * 20}, htmx=True)
    assert response.status_code == 422
    assert "Two</textarea>" in response.text


def test_a_switched_off_provider_is_not_called(chat: Chat, far_end: FarEnd, admin: Person) -> None:
    model = chat.model()
    admin.post(f"/providers/{chat.provider_id}/switch")
    asked = chat.answer()
    run = chat.run(asked)
    assert (run.status, run.model_pk, far_end.calls) == (FAILED, model, [])
    assert f'action="{asked.at}/retries"' in chat.person.get(asked.page).text


def test_a_full_house_is_said_and_leaves_nothing_running(chat: Chat, far_end: FarEnd) -> None:
    with chat.app.app_context():
        background = chat.app.extensions["jackfield"].background
        for _ in range(background.places):
            background.start(far_end.release.wait)
    asked = chat.ask()
    assert chat.run(asked).status == FAILED
    assert "places" in chat.person.get(asked.page).text
    far_end.release.set()
