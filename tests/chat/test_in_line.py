"""Chats with a provider that is limited: each sees its place in line, may stop there, and begins when it is due."""

import re
import threading
from collections.abc import Callable

import pytest
from flask import Flask

from tests.chat.conftest import Asked, Chat
from tests.conftest import Person
from tests.far_end import FarEnd
from webapp.chat import asking
from webapp.chat.live import hang_up_all
from webapp.chat.run import DONE, FAILED, INTERRUPTED, STOPPED
from webapp.core.database import writing
from webapp.providers.provider import Provider

WAITING = "Waiting for a free place at Far End: number {} in line."


@pytest.fixture
def limited(chat: Chat) -> Chat:
    """The provider takes one call at once."""
    limit(chat, concurrent=1)
    return chat


def limit(chat: Chat, **limits: int) -> None:
    with chat.app.app_context(), writing() as session:
        session.get_one(Provider, chat.provider_id).limits = limits


def in_line(chat: Chat, far_end: FarEnd, count: int = 1) -> list[Asked]:
    """One chat holds the only place; then so many more are asked. Return all of them."""
    first = chat.ask(model="hold")
    far_end.wait_for_calls(1)
    waiting = []
    for number in range(count):
        waiting.append(chat.ask(f"Question {number}"))
        wait_until_said(chat, waiting[-1], number + 1)
    return [first, *waiting]


def wait_until_said(chat: Chat, asked: Asked, place: int, person: Person | None = None) -> None:
    with chat.watch(asked, person) as events:
        assert any(WAITING.format(place) in event for event in events), "the answer is over"


def test_the_place_in_line_is_shown_live_and_after_a_reload(limited: Chat, far_end: FarEnd) -> None:
    first, second, third = in_line(limited, far_end, 2)
    page = limited.person.get(third.page).text
    assert WAITING.format(2) in page
    assert re.search(rf'id="run-{third.run}-state">Waiting<', page)
    with limited.watch(third) as events:
        assert WAITING.format(2) in next(events)
        limited.twin().post(f"{second.at}/stop")
        assert WAITING.format(1) in next(events)
        far_end.release.set()
        rest = "".join(events)
    assert ">Writing<" in rest
    assert [limited.run(asked).status for asked in (first, second, third)] == [DONE, STOPPED, DONE]
    assert len(far_end.calls) == 2


def test_stop_works_in_line_and_asks_nobody(limited: Chat, far_end: FarEnd) -> None:
    first, second = in_line(limited, far_end)
    limited.person.post(f"{second.at}/stop")
    limited.wait(second)
    run = limited.run(second)
    assert (run.status, run.message.text, run.failure) == (STOPPED, "", None)
    far_end.release.set()
    limited.wait(first)
    assert limited.run(limited.answer()).status == DONE
    assert [call.json["model"] for call in far_end.calls] == ["hold", "ok"]


def test_the_wait_in_line_is_no_wait_for_the_provider(limited: Chat, far_end: FarEnd) -> None:
    _, second = in_line(limited, far_end)
    threading.Event().wait(0.5)
    far_end.release.set()
    limited.wait(second)
    assert (limited.run(second).duration_ms or 9999) < 500


def test_whoever_waits_too_long_is_told_so_and_may_try_again(
    limited: Chat, far_end: FarEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = limited.ask(model="hold")
    far_end.wait_for_calls(1)
    monkeypatch.setattr(asking, "CHAT_SECONDS", 0.1)
    second = limited.answer()
    run = limited.run(second)
    assert run.status == FAILED
    assert run.failure
    assert (run.failure["category"], run.failure["code"]) == ("rate_limit", "own_limit")
    page = limited.person.get(second.page).text
    assert "No place at Far End came free" in page
    assert "Retry with" in page
    far_end.release.set()
    limited.wait(first)
    assert limited.run(limited.again(second)).question_id == run.question_id


@pytest.mark.parametrize("model", ["401", "500", "cut", "error-mid", "length", "ok"])
def test_every_end_of_an_answer_gives_its_turn_back(limited: Chat, model: str) -> None:
    limited.answer(model=model)
    assert limited.run(limited.answer()).status == DONE


def test_a_minute_that_is_full_makes_the_next_one_wait(chat: Chat, far_end: FarEnd) -> None:
    limit(chat, requests_per_minute=2)
    for _ in range(2):
        assert chat.run(chat.answer()).status == DONE
    third = chat.ask()
    wait_until_said(chat, third, 1)
    chat.person.post(f"{third.at}/stop")
    chat.wait(third)
    assert len(far_end.calls) == 2


def test_other_providers_are_not_waited_for(limited: Chat, far_end: FarEnd, add_provider: Callable[..., int]) -> None:
    in_line(limited, far_end)
    other = Chat(limited.app, limited.person, add_provider(far_end.base_url, name="Other"))
    assert other.run(other.answer()).status == DONE
    far_end.release.set()


def test_an_answer_in_line_is_interrupted_when_the_process_ends(limited: Chat, far_end: FarEnd, app: Flask) -> None:
    _, second = in_line(limited, far_end)
    app.extensions["jackfield"].background.is_closing.set()
    hang_up_all()
    app.extensions["jackfield"].background.close(10)
    run = limited.run(second)
    assert (run.status, run.failure) == (INTERRUPTED, None)
