"""An answer comes all the same when who is asked first fails: silently before the first word, with a seam after it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from tests.chat.conftest import Asked, Chat
from tests.chat.test_runs_restart import ask, browser, kill, wait_for_saved_text
from tests.far_end import TEXT, FarEnd
from tests.serving import Server
from webapp.chat.request import GO_ON
from webapp.chat.run import DONE, FAILED, INCOMPLETE, INTERRUPTED, STOPPED, Run
from webapp.core.database import db, writing
from webapp.models.model import Model, id_hash
from webapp.providers.provider import ALIAS, Provider
from webapp.routing.alias import AliasRecord
from webapp.usage.event import UsageEvent
from webapp.usage.recorder import write_waiting

MakeAlias = Callable[..., Chat]


@pytest.fixture
def alias(app: Flask, chat: Chat) -> MakeAlias:
    """Somebody who chats with the alias `best`, served by the far end's scripts of these names, in this order."""

    def make(*scripts: str, after_first: str = "stop", strategy: str = "ordered") -> Chat:
        with app.app_context():
            slug = db.session.get_one(Provider, chat.provider_id).slug
        targets = [{"model": chat.model(script), "name": f"{slug}/{script}", "weight": 1} for script in scripts]
        with app.app_context(), writing() as session:
            provider = session.scalars(select(Provider).filter_by(dialect=ALIAS)).one()
            model = Model(provider_id=provider.id, model_id="best", id_hash=id_hash("best"), search_text="best")
            session.add(model)
            session.flush()
            values = {"targets": targets, "after_first": after_first, "strategy": strategy}
            session.add(AliasRecord(model_pk=model.id, is_sticky=True, **values))
            number = provider.id
        return Chat(app, chat.person, number)

    return make


def trail(run: Run) -> list[str]:
    return [f"{tried['model']} {tried['outcome']}" for tried in run.attempts or []]


def answered(chat: Chat, text: str = "Hello", after: Asked | None = None) -> tuple[Asked, Run]:
    asked = chat.answer(text, "best", after)
    return asked, chat.run(asked)


def test_before_the_first_word_the_next_one_answers_and_nobody_notices(alias: MakeAlias, far_end: FarEnd) -> None:
    chat = alias("503", "500", "ok", "never")
    asked, run = answered(chat)
    assert (run.status, run.message.text, run.failure) == (DONE, TEXT, None)
    assert trail(run) == ["503 overloaded", "500 server_error", "ok ok"]
    assert run.seams is None
    page = chat.person.get(asked.page).text
    assert "Asked 3 times" in page
    assert "ok at " in page


def test_a_fault_of_the_question_is_not_asked_of_others(alias: MakeAlias, far_end: FarEnd) -> None:
    chat = alias("400", "ok")
    _, run = answered(chat)
    assert run.status == FAILED
    assert len(trail(run)) == 1
    assert len(far_end.calls) == 1


def test_when_all_fail_the_last_failure_is_told_with_the_whole_trail(alias: MakeAlias) -> None:
    chat = alias("503", "500")
    asked, run = answered(chat)
    assert run.status == FAILED
    assert run.failure
    assert run.failure["category"] == "server_error"
    assert trail(run) == ["503 overloaded", "500 server_error"]
    assert "Asked 2 times" in chat.person.get(asked.page).text


def test_what_broke_off_stays_as_it_is_when_the_alias_says_stop(alias: MakeAlias) -> None:
    _, run = answered(alias("cut", "ok"))
    assert run.status == INCOMPLETE
    assert trail(run) == ["cut stream_cut"]


def test_another_one_goes_on_after_a_seam_when_the_alias_says_so(alias: MakeAlias, far_end: FarEnd) -> None:
    chat = alias("cut", "ok", after_first="continue")
    asked, run = answered(chat)
    assert run.status == DONE
    [seam] = run.seams or []
    begun = run.message.text[: seam["at"]]
    assert begun
    assert run.message.text == begun + TEXT
    assert seam["category"] == "stream_cut"
    told = far_end.calls[-1].json["messages"]
    assert told[-2:] == [{"role": "assistant", "content": begun}, {"role": "user", "content": GO_ON}]
    page = chat.person.get(asked.page).text
    assert "broke off here" in page
    assert trail(run) == ["cut stream_cut", "ok ok"]


@pytest.mark.parametrize("after_first", ["continue", "restart"])
def test_after_a_tool_was_called_nobody_else_is_asked_to_call_it_again(
    alias: MakeAlias, far_end: FarEnd, after_first: str
) -> None:
    _, run = answered(alias("called-then-cut", "ok", after_first=after_first))
    assert (run.status, run.message.text) == (INCOMPLETE, "I pay now. ")
    assert trail(run) == ["called-then-cut stream_cut"]
    assert len(far_end.calls) == 1


def test_another_one_begins_anew_when_the_alias_says_so(alias: MakeAlias, far_end: FarEnd) -> None:
    chat = alias("cut", "ok", after_first="restart")
    asked, run = answered(chat)
    assert (run.status, run.message.text) == (DONE, TEXT)
    assert [seam["at"] for seam in run.seams or []] == [0]
    assert [turn["role"] for turn in far_end.calls[-1].json["messages"]] == ["user"]
    assert "began anew" in chat.person.get(asked.page).text


def test_what_came_is_kept_when_nobody_can_go_on(alias: MakeAlias) -> None:
    _, run = answered(alias("cut", "503", after_first="continue"))
    assert run.status == INCOMPLETE
    assert run.message.text
    assert run.failure
    assert run.failure["category"] == "stream_cut"
    assert trail(run) == ["cut stream_cut", "503 overloaded"]


def test_whoever_watches_sees_the_answer_begin_anew(alias: MakeAlias, far_end: FarEnd) -> None:
    chat = alias("cut", "hold", after_first="restart")
    asked = chat.ask("Hello", "best")
    far_end.wait_for_calls(2)
    far_end.release.set()
    assert TEXT.split()[0] in chat.wait(asked)
    assert chat.run(asked).message.text == TEXT


def test_stop_ends_the_whole_row(alias: MakeAlias, far_end: FarEnd) -> None:
    chat = alias("503", "hold", "ok")
    asked = chat.ask("Hello", "best")
    far_end.wait_for_calls(2)
    chat.person.post(f"{asked.at}/stop")
    chat.wait(asked)
    assert chat.run(asked).status == STOPPED
    assert len(far_end.calls) == 2


def test_a_conversation_stays_with_who_answered(alias: MakeAlias) -> None:
    chat = alias("one", "two", "three", strategy="weighted")
    asked, run = answered(chat)
    first = run.attempts[-1]["model"] if run.attempts else ""
    for number in range(5):
        asked, run = answered(chat, f"Question {number}", asked)
        assert trail(run) == [f"{first} ok"]


def test_every_attempt_is_a_row_of_usage(app: Flask, alias: MakeAlias) -> None:
    answered(alias("503", "ok"))
    with app.app_context():
        write_waiting()
        rows = db.session.scalars(select(UsageEvent).order_by(UsageEvent.id)).all()
        told = [(row.model_id, row.outcome, row.attempts) for row in rows]
        assert told[-2:] == [("503", "overloaded", 1), ("ok", "ok", 2)]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    ("scripts", "text"),
    [(("503", "hold"), ""), (("cut", "stall-mid"), "Half of itHalf "), (("cut", "hold"), "Half of it")],
)
def test_a_kill_in_the_middle_of_a_failover_loses_nothing(
    alias: MakeAlias, far_end: FarEnd, serve: Callable[..., Server], data_dir: Path, scripts: tuple[str, ...], text: str
) -> None:
    chat = alias(*scripts, after_first="continue")
    server = serve(data_dir)
    with browser(server, chat) as client:
        asked = ask(client, chat, "best")
        far_end.wait_for_calls(2)
        wait_for_saved_text(chat, asked, len(text))
        kill(server)
    far_end.release.set()
    with browser(serve(data_dir), chat) as client:
        client.get(f"{asked.at}/events")
        run = chat.run(asked)
        assert (run.status, run.message.text) == (INTERRUPTED, text)
        assert trail(run)[0].split()[0] == scripts[0]
        assert bool(run.seams) == text.endswith("Half ")
        page = client.get(asked.page).text
        assert "Tell me all" in page
        assert "The server was restarted while this was written" in page


def test_an_alias_without_anybody_behind_it_says_so(alias: MakeAlias) -> None:
    _, run = answered(alias())
    assert run.status == FAILED
    assert run.failure
    assert run.failure["category"] == "model_not_found"
