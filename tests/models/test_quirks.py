"""What a model refuses is remembered for all who ask it, by those who may change its provider."""

import json
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests import far_end_chat
from tests.conftest import Person
from tests.far_end import FarEnd
from webapp.accounts.api_token import create_token
from webapp.accounts.user import User
from webapp.core.database import db, reading, writing
from webapp.models.model import Model
from webapp.providers.adding import duplicate_provider
from webapp.providers.provider import Provider

Add = Callable[..., int]
WORD = "drop temperature"
CAPS = ("cap max_tokens 0", "cap max_tokens -1", "cap max_tokens 99999999999999999999", "cap max_tokens 1e9")


@pytest.fixture
def model_pk(app: Flask, add_provider: Add, far_end: FarEnd, offer: Callable[..., None]) -> int:
    """A model of a provider that everybody may use and only the admin may change."""
    provider = add_provider(far_end.base_url)
    offer(provider, "ok", capabilities={"tools": True})
    with app.app_context():
        return db.session.query(Model.id).filter_by(provider_id=provider, model_id="ok").one()[0]


def quirks(app: Flask) -> dict[str, tuple[str, ...]]:
    """What goes along with every call to that provider."""
    with app.app_context(), reading() as session:
        return dict(session.query(Provider).filter_by(name="Far End").one().target(session).quirks)


def test_a_quirk_is_remembered_with_who_and_undone_on_the_page(app: Flask, admin: Person, model_pk: int) -> None:
    response = admin.post(f"/models/{model_pk}/quirks", {"word": WORD})
    assert (response.status_code, response.location) == (303, f"/models/{model_pk}")
    assert quirks(app) == {"ok": (WORD,)}
    shown = admin.get(f"/models/{model_pk}").text
    assert "temperature is not sent" in shown
    assert "Admin, just now" in shown
    admin.post(f"/models/{model_pk}/quirks/delete", {"word": WORD})
    assert quirks(app) == {}


def test_whoever_may_only_use_the_provider_sees_it_without_a_button(
    app: Flask, admin: Person, stranger: Person, model_pk: int
) -> None:
    assert stranger.post(f"/models/{model_pk}/quirks", {"word": WORD}).status_code == 403
    admin.post(f"/models/{model_pk}/quirks", {"word": WORD})
    shown = stranger.get(f"/models/{model_pk}").text
    assert "temperature is not sent" in shown
    assert "/quirks/delete" not in shown
    assert stranger.post(f"/models/{model_pk}/quirks/delete", {"word": WORD}).status_code == 403
    assert quirks(app) == {"ok": (WORD,)}


@pytest.mark.parametrize("word", ["", "drop model", "drop messages", "forget x", "drop a; drop b", "x" * 5000, *CAPS])
def test_a_word_that_is_none_is_refused(app: Flask, admin: Person, model_pk: int, word: str) -> None:
    assert admin.post(f"/models/{model_pk}/quirks", {"word": word}).status_code == 409
    assert quirks(app) == {}


def test_what_is_remembered_has_an_end(app: Flask, admin: Person, model_pk: int) -> None:
    answers = [admin.post(f"/models/{model_pk}/quirks", {"word": f"drop field_{n}"}).status_code for n in range(22)]
    assert answers == [303] * 20 + [409] * 2


def test_a_quirk_survives_a_refresh_and_goes_along_with_a_copy(
    app: Flask, admin: Person, model_pk: int, refresh: Callable[..., None]
) -> None:
    admin.post(f"/models/{model_pk}/quirks", {"word": WORD})
    with app.app_context():
        provider = db.session.query(Provider).filter_by(name="Far End").one().id
    refresh(admin, provider)
    assert quirks(app) == {"ok": (WORD,)}
    with app.app_context(), writing() as session:
        user = session.query(User).filter_by(email="admin").one()
        copy = duplicate_provider(session, session.get_one(Provider, provider), user, "Copy")
        assert copy.target_quirks == {"ok": (WORD,)}


def test_a_refusal_of_tools_says_something_of_the_model_until_it_is_undone(
    app: Flask, admin: Person, model_pk: int
) -> None:
    def can_use_tools() -> tuple[Any, list[str]]:
        with app.app_context():
            model = db.session.get_one(Model, model_pk)
            return model.capabilities["tools"], list(model.facts)

    assert can_use_tools() == (True, ["provider"])
    admin.post(f"/models/{model_pk}/quirks", {"word": "drop tools"})
    assert can_use_tools() == (False, ["provider", "observed"])
    assert "seen here: it was refused" in admin.get(f"/models/{model_pk}").text
    admin.post(f"/models/{model_pk}/quirks/delete", {"word": "drop tools"})
    assert can_use_tools() == (True, ["provider"])


def test_two_who_remember_at_once_are_both_remembered(app: Flask, admin: Person, model_pk: int) -> None:
    words = [f"drop field_{number}" for number in range(8)]
    person = Person(app.test_client()).sign_in("admin")
    threads = [
        threading.Thread(target=who.post, args=(f"/models/{model_pk}/quirks", {"word": word}))
        for who, word in zip([admin, person] * 4, words, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(quirks(app)["ok"]) == words


def test_an_answer_offers_what_was_repaired_and_the_next_is_sent_right_at_once(
    app: Flask, admin: Person, add_provider: Add, far_end: FarEnd, offer: Callable[..., None]
) -> None:
    provider = add_provider(far_end.base_url, name="Picky")
    offer(provider, "refuse:stream_options")
    with app.app_context():
        model = db.session.query(Model.id).filter_by(provider_id=provider).one()[0]
    shown = _asked(app, admin, model, "12345678")
    assert "Do not send stream_options to this model any more" in shown
    form = {"word": "drop stream_options", "note": "7-1"}
    note = admin.post(f"/models/{model}/quirks", form, htmx=True)
    assert re.search(r'id="quirk-7-1".*From now on: stream_options is not sent', note.text, re.DOTALL)
    before = len(far_end.calls)
    assert "Do not send" not in _asked(app, admin, model, "87654321")
    assert len(far_end.calls) == before + 1
    assert "stream_options" not in far_end.calls[-1].json
    undone = admin.post(f"/models/{model}/quirks/delete", form, htmx=True)
    assert "Do not send stream_options to this model any more" in undone.text


def test_the_api_follows_what_is_remembered(
    app: Flask, admin: Person, far_end: FarEnd, model_pk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(play: Any) -> None:
        (far_end_chat.ok if "temperature" not in play.call.json else far_end_chat.script("refuse:temperature"))(play)

    monkeypatch.setitem(far_end_chat.SCRIPTS, "ok", refuse)
    admin.post(f"/models/{model_pk}/quirks", {"word": WORD})
    with app.app_context(), writing() as session:
        user = session.query(User).filter_by(email="admin").one()
        token = create_token(session, user, "program")
    body = {"model": "far-end/ok", "temperature": 0.5, "messages": [{"role": "user", "content": "Hello"}]}
    client = app.test_client()
    answer = client.post("/v1/chat/completions", data=json.dumps(body), headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, len(far_end.calls)) == (200, 1)
    assert answer.headers["x-jackfield-attempts"] == "1"


def _asked(app: Flask, person: Person, model: int, send_key: str) -> str:
    """Ask in a new chat and return the page when the answer is whole."""
    person.get("/")
    response = person.post("/chat", {"model": str(model), "text": "Hello", "send_key": send_key})
    for thread in threading.enumerate():
        if thread.name == "write":
            thread.join(20)
    return person.get(response.location).text
