"""Who may reach a conversation, and what the doors of chat do with what does not fit."""

import pytest

from tests.chat.conftest import KEY, Asked, Chat
from tests.conftest import Person
from tests.far_end import FarEnd
from webapp.chat.message import LONGEST_TEXT, Message
from webapp.chat.run import DONE, Run
from webapp.core.database import db, writing
from webapp.models.model import Model
from webapp.providers.provider import Provider

VERBS = ("retries", "continuations", "stop")
HUGE = "9" * 30


def test_a_stranger_finds_nothing_and_changes_nothing(chat: Chat, far_end: FarEnd, stranger: Person) -> None:
    asked = chat.ask(model="hold")
    far_end.wait_for_calls(1)
    for path in (asked.page, f"{asked.at}/events"):
        assert stranger.get(path).status_code == 404
    posts = [f"{asked.page}/{noun}" for noun in ("messages", "title", "delete", "restore")]
    posts += [f"{asked.at}/{verb}" for verb in VERBS]
    for path in posts:
        for htmx in (True, False):
            response = stranger.post(path, chat.form("Mine now") | {"title": "Mine now"}, htmx=htmx)
            assert (path, response.status_code) == (path, 404)
    form = {"model": chat.model(), "conversation": asked.conversation}
    assert stranger.post("/chat/model", form, htmx=True).status_code == 404
    assert asked.conversation not in stranger.get("/").text
    far_end.release.set()
    chat.wait(asked)
    assert (chat.run(asked).status, chat.count(Message), len(far_end.calls)) == (DONE, 2, 1)
    assert "Mine now" not in chat.person.get(asked.page).text


def test_an_admin_reads_no_chats_of_others(chat: Chat, admin: Person) -> None:
    asked = chat.answer()
    assert admin.get(asked.page).status_code == 404
    assert admin.get(f"{asked.at}/events").status_code == 404


def test_a_deleted_conversation_is_gone_until_it_is_restored(chat: Chat) -> None:
    asked = chat.answer("Where am I?")
    person = chat.person
    home = person.post(f"{asked.page}/delete").headers["Location"]
    assert f'action="{asked.page}/restore"' in person.get(home).text
    for path in (asked.page, f"{asked.at}/events"):
        assert person.get(path).status_code == 404
    for path in (f"{asked.page}/delete", f"{asked.page}/messages", f"{asked.at}/retries"):
        assert person.post(path, chat.form("Hello?")).status_code == 404
    assert person.post(f"{asked.page}/restore").status_code == 303
    assert person.post(f"{asked.page}/restore").status_code == 404
    assert "The quick brown fox" in person.get(asked.page).text


@pytest.mark.parametrize("run_id", ["-1", "0", HUGE, "abc", "1e9", "%00", "00000000-0000-0000-0000-000000000000"])
def test_a_run_that_cannot_be_is_not_found(chat: Chat, run_id: str) -> None:
    assert chat.person.get(f"/chat/runs/{run_id}/events").status_code == 404
    for verb in VERBS:
        assert chat.person.post(f"/chat/runs/{run_id}/{verb}").status_code == 404


@pytest.mark.parametrize("conversation", ["x", "x" * 5000, "%00", "' OR 1=1 --", "model", HUGE])
def test_a_conversation_that_cannot_be_is_not_found(chat: Chat, conversation: str) -> None:
    assert chat.person.get(f"/chat/{conversation}").status_code == 404
    assert chat.person.post(f"/chat/{conversation}/messages", chat.form("Hello")).status_code == 404


@pytest.mark.parametrize("model", ["", "-1", "0", HUGE, "9" * 5000, "abc", "٣", "²", "1.5"])
def test_a_model_that_cannot_be_is_asked_for_again_and_the_text_stays(chat: Chat, model: str) -> None:
    asked = chat.answer()
    form = chat.form("Keep this") | {"model": model}
    for path in ("/chat", f"{asked.page}/messages"):
        for htmx in (True, False):
            response = chat.person.post(path, form, htmx=htmx)
            assert (model, response.status_code) == (model, 422)
            assert "Keep this</textarea>" in response.text
            assert "Choose a model first." in response.text
    assert chat.person.post(f"{asked.at}/retries", {"model": model or HUGE}).status_code == 404
    assert chat.person.post("/chat/model", {"model": model}).status_code == 404


def test_a_strangers_private_model_cannot_be_used(chat: Chat, far_end: FarEnd, stranger: Person) -> None:
    form = chat.form("Use it")
    _make_private(chat)
    assert stranger.post("/chat", form).status_code == 422
    assert stranger.post("/chat/model", {"model": form["model"]}).status_code == 404
    asked = _own_conversation(chat, stranger)
    assert stranger.post(f"{asked.page}/messages", form).status_code == 422
    assert stranger.post(f"{asked.at}/retries", {"model": form["model"]}).status_code == 404
    assert far_end.calls == []


def _make_private(chat: Chat) -> None:
    with chat.app.app_context(), writing() as session:
        provider = session.get_one(Provider, chat.provider_id)
        provider.is_shared, provider.owner_id = False, chat.person.user_id


def _own_conversation(chat: Chat, person: Person) -> Asked:
    with chat.app.app_context():
        demo = db.session.query(Model).filter_by(model_id="demo-echo").one().id
    response = person.post("/chat", {"text": "Hi", "model": str(demo), "send_key": "s" * 20})
    return chat.latest(response.headers["Location"].removeprefix("/chat/"))


@pytest.mark.parametrize("text", ["", "   \n\t ", "\x00", "NUL \x00 inside", "bell \x07"])
def test_nothing_and_what_cannot_be_stored_is_refused_beside_the_field(chat: Chat, text: str) -> None:
    response = chat.person.post("/chat", chat.form(text), htmx=True)
    assert response.status_code == 422
    assert 'id="text-error"' in response.text
    assert response.headers["HX-Retarget"] == "#composer"
    assert chat.count(Run) == 0


@pytest.mark.parametrize("send_key", ["", "short", "x" * 65])
def test_a_form_without_its_key_is_refused(chat: Chat, send_key: str) -> None:
    form = chat.form("Hello") | {"send_key": send_key}
    assert chat.person.post("/chat", form).status_code == 422
    assert chat.count(Run) == 0


def test_a_megabyte_is_asked_and_told_whole(chat: Chat, far_end: FarEnd) -> None:
    text = "đề " * 333_333
    asked = chat.answer(text)
    assert far_end.calls[-1].json["messages"][-1]["content"] == text
    assert chat.run(asked).status == DONE


def test_a_character_too_many_is_refused_with_the_text_kept(chat: Chat) -> None:
    text = "a" * (LONGEST_TEXT + 1)
    response = chat.person.post("/chat", chat.form(text), htmx=True)
    assert response.status_code == 422
    assert "2000001 characters" in response.text
    assert f"{text}</textarea>" in response.text


def test_a_body_that_is_too_large_is_refused_in_words(chat: Chat) -> None:
    response = chat.person.post("/chat", chat.form("🦊" * 1_000_000), htmx=True)
    assert response.status_code == 413
    assert "That is too large" in response.text
    assert response.headers["HX-Retarget"] == "#alerts"


def test_line_ends_of_a_form_become_those_of_a_text(chat: Chat, far_end: FarEnd) -> None:
    chat.answer("one\r\ntwo\r\n")
    assert far_end.calls[-1].json["messages"][-1]["content"] == "one\ntwo\n"


def test_fields_that_no_form_has_are_not_bound(chat: Chat, far_end: FarEnd, stranger: Person) -> None:
    more = {"owner_id": str(stranger.user_id), "id": "chosen", "role": "assistant", "status": "done", "base_url": "x"}
    response = chat.person.post("/chat", chat.form("Hello") | more)
    asked = chat.latest(response.headers["Location"].removeprefix("/chat/"))
    chat.wait(asked)
    assert asked.conversation != "chosen"
    assert stranger.get(asked.page).status_code == 404
    assert far_end.calls[-1].json["messages"] == [{"role": "user", "content": "Hello"}]


def test_a_post_without_its_token_changes_nothing(chat: Chat) -> None:
    asked = chat.answer()
    client = chat.twin().client
    for path in ("/chat", f"{asked.page}/messages", f"{asked.page}/delete", f"{asked.at}/retries", f"{asked.at}/stop"):
        assert client.post(path, data=chat.form("Hello")).status_code == 400
    assert chat.count(Message) == 2


def test_no_page_of_a_chat_shows_the_key(chat: Chat) -> None:
    asked = [chat.answer(model=model) for model in ("ok", "401", "echo-key", "cut")]
    for path in ("/", *(one.page for one in asked), *(f"{one.at}/events" for one in asked)):
        assert KEY not in chat.person.client.get(path, buffered=True).text
