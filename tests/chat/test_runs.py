"""From a question to its answer: what is kept, what is counted, how it can fail, and how it is stopped."""

import html
import re
import time
from contextlib import ExitStack

import pytest

from tests.chat.conftest import KEY, Chat, in_parallel
from tests.far_end import FarEnd
from webapp.chat.message import Message
from webapp.chat.run import DONE, FAILED, INCOMPLETE, STOPPED, Run
from webapp.core.database import db

TEXTS = [
    "Xin chào, đây là một câu trả lời. 你好，世界。 🦊 ﷽ \u202eright to left\u202c",
    "<script>alert(1)</script> & <b>bold</b> \"quotes\" 'too' &amp; &lt;",
    "  two spaces before, a tab\tinside, trailing spaces  \n\n\n  and empty lines\r\nCRLF\rCR\n",
    "data: not an event\n\nevent: execute\ndata: [DONE]\n\nid: 7\n: comment",
    "```python\nprint('open fence')\n",
    "$$\\frac{1}{2}$$ and {{ 7*7 }} and %s %(name)s {0}",
]


@pytest.mark.parametrize("text", TEXTS)
def test_an_answer_is_kept_to_the_last_character(chat: Chat, far_end: FarEnd, text: str) -> None:
    far_end.text = text
    asked = chat.answer()
    run = chat.run(asked)
    assert (run.status, run.message.text) == (DONE, text)
    raw = re.search(r'class="raw"[^>]*>(.*?)</div>', chat.person.get(asked.page).text, re.DOTALL)
    assert raw
    assert html.unescape(raw[1]).replace("\r\n", "\n") == text.replace("\r\n", "\n")


def test_figures_are_those_of_the_far_end_and_of_the_clock(chat: Chat) -> None:
    asked = chat.answer()
    run = chat.run(asked)
    assert (run.input_tokens, run.output_tokens, run.finish_reason) == (9, 13, "stop")
    assert run.first_token_ms
    assert run.duration_ms
    assert 0 < run.first_token_ms <= run.duration_ms
    assert "9 in · 13 out" in chat.person.get(asked.page).text


def test_the_key_goes_where_it_belongs_and_nothing_of_the_browser_does(chat: Chat, far_end: FarEnd) -> None:
    chat.person.client.set_cookie("other", "cookie-canary")
    chat.answer()
    headers = far_end.calls[-1].headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert not {"cookie", "x-csrftoken", "origin", "referer", "x-forwarded-for"} & set(headers)


def test_reasoning_is_kept_apart_from_the_text(chat: Chat) -> None:
    asked = chat.answer(model="length")
    run = chat.run(asked)
    assert (run.message.reasoning, run.message.text, run.finish_reason) == ("Hm", "", "length")
    assert "Hm</div>" in chat.person.get(asked.page).text


@pytest.mark.parametrize(
    ("model", "status", "category", "text"),
    [
        ("401", FAILED, "auth_invalid", ""),
        ("402", FAILED, "billing", ""),
        ("404", FAILED, None, ""),
        ("429", FAILED, "rate_limit", ""),
        ("500", FAILED, "server_error", ""),
        ("html", FAILED, None, ""),
        ("silent", FAILED, None, ""),
        ("cut", INCOMPLETE, "stream_cut", "Half of it"),
        ("reset", INCOMPLETE, "stream_cut", "Half of it"),
        ("badjson", INCOMPLETE, None, "Half "),
        ("deep", INCOMPLETE, None, "Half "),
        ("error-mid", INCOMPLETE, "server_error", "Half "),
    ],
)
def test_every_failure_keeps_the_text_gives_advice_and_offers_another_try(
    chat: Chat, model: str, status: str, category: str | None, text: str
) -> None:
    asked = chat.answer(model=model)
    run = chat.run(asked)
    assert (run.status, run.message.text) == (status, text)
    assert run.failure
    assert category in (None, run.failure["category"])
    page = chat.person.get(asked.page).text
    assert f'id="run-failure-{asked.run}"' in page
    assert f'action="{asked.at}/retries"' in page
    assert (f'action="{asked.at}/continuations"' in page) == bool(text)
    assert KEY not in page


def test_the_wait_that_the_provider_asked_for_is_told(chat: Chat) -> None:
    asked = chat.answer(model="429")
    assert "Wait 7 s: the provider asked for that." in chat.person.get(asked.page).text


def test_null_choices_are_no_text_and_no_crash(chat: Chat) -> None:
    run = chat.run(chat.answer(model="nullchoices"))
    assert (run.status, run.message.text) == (INCOMPLETE, "Half ")


def test_a_key_that_the_far_end_repeats_is_not_kept_even_when_it_comes_in_two_pieces(chat: Chat) -> None:
    asked = chat.answer(model="echo-key")
    assert KEY not in chat.run(asked).message.text
    assert "is fine" in chat.run(asked).message.text
    assert KEY not in chat.person.get(asked.page).text


@pytest.mark.parametrize("model", ["hold", "stall", "stall-mid", "comments-mid", "endless"])
def test_stop_frees_the_far_end_within_two_seconds(chat: Chat, far_end: FarEnd, model: str) -> None:
    asked = chat.ask(model=model)
    call = far_end.wait_for_calls(1)[0]
    began = time.monotonic()
    assert chat.person.post(f"{asked.at}/stop", htmx=True).status_code == 204
    assert call.gone.wait(2)
    chat.wait(asked)
    assert time.monotonic() - began < 2
    run = chat.run(asked)
    assert (run.status, run.failure) == (STOPPED, None)
    assert f'action="{asked.at}/retries"' in chat.person.get(asked.page).text


def test_stop_keeps_what_had_come_and_offers_to_go_on(chat: Chat, far_end: FarEnd) -> None:
    asked = chat.ask(model="stall-mid")
    with chat.watch(asked) as events:
        assert any("Half" in event for event in events)
        chat.person.post(f"{asked.at}/stop")
        assert "Stopped by you" in "".join(events)
    assert chat.run(asked).message.text == "Half "
    assert f'action="{asked.at}/continuations"' in chat.person.get(asked.page).text


def test_stopping_twice_or_after_the_end_changes_nothing(chat: Chat) -> None:
    asked = chat.answer()
    for _ in range(2):
        assert chat.person.post(f"{asked.at}/stop").status_code == 303
    assert chat.run(asked).status == DONE


def test_twenty_posts_of_one_form_make_one_conversation_and_one_call(chat: Chat, far_end: FarEnd) -> None:
    form, tabs = chat.form("Once only"), [chat.twin() for _ in range(20)]
    responses = in_parallel(20, lambda number: tabs[number].post("/chat", form).headers.get("Location"))
    assert len(set(responses)) == 1
    chat.wait(chat.latest(str(responses[0]).removeprefix("/chat/")))
    assert (chat.count(Message), chat.count(Run), len(far_end.calls)) == (2, 1, 1)


def test_twenty_posts_of_one_next_question_make_one_question_and_one_call(chat: Chat, far_end: FarEnd) -> None:
    asked = chat.answer()
    form, tabs = chat.form("Once only"), [chat.twin() for _ in range(20)]
    codes = in_parallel(20, lambda number: tabs[number].post(f"{asked.page}/messages", form).status_code)
    assert set(codes) == {303}
    chat.wait(chat.latest(asked.conversation))
    assert (chat.count(Message), chat.count(Run), len(far_end.calls)) == (4, 2, 2)


def test_a_form_that_is_sent_again_after_the_answer_asks_nobody(chat: Chat, far_end: FarEnd) -> None:
    form = chat.form("Once only")
    first = chat.person.post("/chat", form).headers["Location"]
    chat.wait(chat.latest(first.removeprefix("/chat/")))
    assert chat.person.post("/chat", form).headers["Location"] == first
    assert chat.person.post(f"{first}/messages", form).status_code == 303
    assert (chat.count(Message), len(far_end.calls)) == (2, 1)


def test_a_question_during_an_answer_is_refused_with_its_text_kept(chat: Chat, far_end: FarEnd) -> None:
    asked = chat.ask(model="hold")
    for htmx in (True, False):
        response = chat.person.post(f"{asked.page}/messages", chat.form("Do not <lose> me"), htmx=htmx)
        assert response.status_code == 409
        assert "Do not &lt;lose&gt; me</textarea>" in response.text
        assert "still being written" in response.text
    assert chat.person.post(f"{asked.at}/retries", htmx=True).status_code == 409
    far_end.release.set()
    chat.wait(asked)
    assert (chat.count(Message), len(far_end.calls)) == (2, 1)


def test_fifty_answers_at_once_hold_no_connection_of_the_database(chat: Chat, far_end: FarEnd) -> None:
    asked = [chat.ask(model="stall-mid") for _ in range(50)]
    far_end.wait_for_calls(50)
    with ExitStack() as stack:
        streams = [stack.enter_context(chat.watch(one)) for one in asked[:40]]
        assert all(any("Half" in event for event in events) for events in streams)
        with chat.app.app_context():
            assert "Current Checked out connections: 0" in db.engine.pool.status()
    far_end.hang_up()
    for one in asked:
        chat.wait(one)
    assert {chat.run(one).status for one in asked} == {INCOMPLETE}
