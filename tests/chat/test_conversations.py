"""Conversations: their titles, their list, the model that a chat begins with, and what each turn says of itself."""

import re

import pytest

from tests.chat.conftest import Chat
from tests.conftest import Person
from tests.far_end import FarEnd
from webapp.chat.conversation import title_from
from webapp.core.database import db, writing
from webapp.models.model import Model
from webapp.providers.provider import Provider

SCRIPT = "<script>alert(1)</script>"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Hello", "Hello"),
        ("\n\n  first\tline \nsecond", "first line"),
        ("word " * 40, "word " * 15 + "word…"),
        ("x" * 500, "x" * 80 + "…"),
        ("short " + "x" * 500, "short " + "x" * 74 + "…"),
        ("đề" * 40, "đề" * 40),
    ],
)
def test_a_title_is_the_first_line_cut_at_a_word(text: str, title: str) -> None:
    assert title_from(text) == title


def test_a_title_can_be_changed_and_the_list_shows_it(chat: Chat) -> None:
    asked = chat.answer()
    assert chat.person.post(f"{asked.page}/title", {"title": "  Đà Nẵng  "}).status_code == 303
    page = chat.person.get("/").text
    assert '<span title="Đà Nẵng" dir="auto">Đà Nẵng</span>' in page


@pytest.mark.parametrize("title", ["", "   ", "x" * 161, "bell \x07"])
def test_a_title_that_does_not_fit_changes_nothing(chat: Chat, title: str) -> None:
    asked = chat.answer("The old title")
    response = chat.person.post(f"{asked.page}/title", {"title": title})
    assert response.status_code == 422
    assert 'id="title-error"' in response.text
    assert "<h1" in response.text
    assert "The old title" in chat.person.get("/").text


def test_the_newest_conversation_comes_first_also_after_a_new_question(chat: Chat) -> None:
    first, second = chat.answer("first"), chat.answer("second")
    chat.answer("more", after=first)
    links = re.findall(r'<li><a href="/chat/(\w+)"', chat.person.get("/").text)
    assert links == [first.conversation, second.conversation]


def test_markup_in_questions_titles_and_model_names_is_text(chat: Chat, far_end: FarEnd) -> None:
    far_end.text = f"{SCRIPT}<img src=x onerror=alert(1)>"
    asked = chat.answer(SCRIPT, SCRIPT)
    chat.answer(SCRIPT, "ok", after=asked)
    failed = chat.answer("401?", "401")
    for page in (chat.person.get(one.page).text for one in (asked, failed)):
        assert "<script>alert" not in page
        assert "onerror=alert(1)>" not in page.replace("onerror=alert(1)&gt;", "")


def test_a_turn_says_when_it_is_a_retry_or_another_model(chat: Chat) -> None:
    asked = chat.answer("One")
    chat.wait(chat.again(asked))
    chat.wait(chat.again(asked, model="another"))
    chat.answer("Two", "third", after=asked)
    turns = re.findall(r'<div class="turn">.*?<span>(.*?)</span>', chat.person.get(asked.page).text)
    assert turns == ["Retried with ok", "Retried with another", "Switched from another to third"]


def test_the_next_question_and_the_next_chat_begin_with_the_model_of_the_last(chat: Chat) -> None:
    asked = chat.answer(model="another")
    wanted = f'id="chosen-model" value="{chat.model("another")}"'
    assert wanted in chat.person.get(asked.page).text
    assert wanted in chat.person.get("/").text


def test_choosing_a_model_keeps_it_with_the_conversation(chat: Chat) -> None:
    asked = chat.answer()
    other = chat.model("another")
    form = {"model": other, "conversation": asked.conversation}
    assert "another" in chat.person.post("/chat/model", form, htmx=True).text
    assert f'id="chosen-model" value="{other}"' in chat.person.get(asked.page).text


@pytest.mark.parametrize("gone", ["vanished", "deleted"])
def test_a_conversation_whose_model_is_gone_can_still_be_read_and_goes_on_with_another(chat: Chat, gone: str) -> None:
    asked = chat.answer()
    lost = chat.model()
    with chat.app.app_context(), writing() as session:
        model = session.get_one(Model, lost)
        if gone == "vanished":
            model.vanished_at = model.first_seen_at
        else:
            session.get_one(Provider, chat.provider_id).deleted_at = model.first_seen_at
    page = chat.person.get(asked.page)
    assert page.status_code == 200
    assert f'id="chosen-model" value="{lost}"' not in page.text
    response = chat.person.post(f"{asked.page}/messages", chat.form("Keep me") | {"model": str(lost)}, htmx=True)
    assert response.status_code == 422
    assert "Keep me</textarea>" in response.text


def test_without_any_provider_of_ones_own_the_demo_answers(owner: Person) -> None:
    page = owner.get("/").text
    model = re.search(r'id="chosen-model" value="(\d+)"', page)
    key = re.search(r'name="send_key" value="(\w+)"', page)
    assert model
    assert key
    place = owner.post("/chat", {"text": "Hello", "model": model[1], "send_key": key[1]}).headers["Location"]
    with owner.client.application.app_context():
        run_id = db.session.execute(db.text("SELECT max(id) FROM runs")).scalar_one()
    assert "Demo" in owner.client.get(f"/chat/runs/{run_id}/events", buffered=True).text
    assert "Demo" in owner.get(place).text
