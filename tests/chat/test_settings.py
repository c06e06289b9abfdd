"""What a chat goes by: its preset speaks first, its own parameters win, and no model is replaced silently."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import delete

from tests.chat.conftest import Chat
from tests.far_end import FarEnd
from webapp.accounts.user import User
from webapp.chat.conversation import Conversation
from webapp.chat.run import STOPPED
from webapp.core import clock
from webapp.core.database import db, writing
from webapp.models.model import Model, id_hash
from webapp.models.preset import Preset
from webapp.providers.private_address import open_address
from webapp.providers.provider import Provider
from webapp.routing.gateway import Gateway
from webapp.upstream.addresses import host_port

MakePreset = Callable[..., str]


@pytest.fixture
def make_preset(app: Flask, chat: Chat) -> MakePreset:
    """Makes a preset of the owner; returns its id."""

    def make(model: str | None = "ok", **more: object) -> str:
        chat.person.get("/presets/new")
        slug = "far-end"
        fields = {"name": "Careful", "system_prompt": "Be careful, {{user}}.", "temperature": "0.2", **more}
        if model:
            chat.model(model)
            fields["model"] = f"{slug}/{model}"
        place = chat.person.post("/presets", fields).headers["Location"]
        return place.split("/")[2]

    return make


def conversation(app: Flask) -> Conversation:
    with app.app_context():
        found = db.session.query(Conversation).one()
        db.session.expunge_all()
        return found


def test_a_preset_speaks_first_with_its_parameters_and_is_noted_in_the_story(
    app: Flask, chat: Chat, far_end: FarEnd, make_preset: MakePreset
) -> None:
    preset = make_preset(max_tokens="64", extra_body='{"verbosity": "low"}')
    asked = chat.form("One") | {"preset": preset, "parameters": '{"temperature": 0.9}'}
    place = chat.person.post("/chat", asked).headers["Location"]
    first = chat.latest(place.removeprefix("/chat/"))
    chat.wait(first)
    chat.answer("Two", after=first)
    for call in far_end.calls[-2:]:
        assert call.json["messages"][0] == {"role": "system", "content": "Be careful, Owner."}
        assert (call.json["temperature"], call.json["max_tokens"], call.json["verbosity"]) == (0.9, 64, "low")
    assert chat.run(first).preset_name == "Careful"
    assert chat.person.get(place).text.count('title="Preset"') == 2
    with app.app_context():
        assert db.session.get_one(Preset, int(preset)).used_count == 2


def test_choosing_a_preset_switches_the_model_and_is_kept(
    app: Flask, chat: Chat, far_end: FarEnd, make_preset: MakePreset
) -> None:
    preset = make_preset("another")
    first = chat.answer("One", "ok")
    form = {"conversation": first.conversation, "preset": preset, "previous": "", "top_p": "0.5"}
    response = chat.person.post("/chat/settings", form, htmx=True)
    assert response.status_code == 200
    assert 'hx-target="#pick"' in response.text
    kept = conversation(app)
    assert (str(kept.preset_id), kept.parameters, kept.model_pk) == (preset, {"top_p": 0.5}, chat.model("another"))
    page = chat.person.get(first.page).text
    assert f'<option value="{preset}" selected>' in page
    assert 'name="top_p" value="0.5"' in page
    assert "0.2 – from the preset" in page
    chat.person.post("/chat/settings", {**form, "previous": preset, "reset": "y"}, htmx=True)
    assert conversation(app).parameters == {}
    assert str(conversation(app).preset_id) == preset


def test_without_javascript_the_settings_of_a_new_chat_travel_in_its_address(
    chat: Chat, make_preset: MakePreset
) -> None:
    preset = make_preset()
    form = {"preset": preset, "previous": "", "model": "", "temperature": "1.5"}
    page = chat.person.get(chat.person.post("/chat/settings", form).headers["Location"]).text
    assert f'name="preset" value="{preset}"' in page
    assert 'name="temperature" value="1.5"' in page
    assert f'name="model" id="chosen-model" value="{chat.model("ok")}"' in page


@pytest.mark.parametrize("htmx", [False, True])
def test_wrong_parameters_are_told_beside_their_field_and_change_nothing(app: Flask, chat: Chat, htmx: bool) -> None:
    first = chat.answer("One")
    form = {"conversation": first.conversation, "temperature": "9", "top_p": "0.5"}
    response = chat.person.post("/chat/settings", form, htmx=htmx)
    assert response.status_code == 422
    assert "This must be a number from 0 to 2." in response.text
    assert 'name="temperature" value="9"' in response.text
    assert conversation(app).parameters == {}


def test_a_preset_whose_model_is_hidden_is_refused_and_another_model_never_steps_in(
    app: Flask, chat: Chat, make_preset: MakePreset
) -> None:
    preset = make_preset("another")
    first = chat.answer("One", "ok")
    with app.app_context(), writing() as session:
        session.query(Model).filter_by(model_id="another").update({"is_enabled": False})
    form = {"conversation": first.conversation, "preset": preset, "previous": ""}
    response = chat.person.post("/chat/settings", form, htmx=True)
    assert response.status_code == 422
    assert "“Careful” needs another model than far-end/another." in response.text
    assert (conversation(app).preset_id, conversation(app).model_pk) == (None, chat.model("ok"))
    page = chat.person.get(f"/?preset={preset}").text
    assert "another cannot answer" in page
    assert 'id="chosen-model" value=""' in page


def test_a_conversation_whose_model_vanished_says_so_and_is_mended_with_one_click(app: Flask, chat: Chat) -> None:
    first = chat.answer("One", "ok")
    with app.app_context(), writing() as session:
        session.query(Model).filter_by(model_id="ok").update({"vanished_at": clock.now()})
        session.add(Model(provider_id=chat.provider_id, model_id="ok-2", id_hash=id_hash("ok-2"), search_text="ok-2"))
        session.flush()
        better = session.query(Model).filter_by(model_id="ok-2").one().id
    page = chat.person.get(first.page).text
    assert "ok cannot answer" in page
    assert 'id="chosen-model" value=""' in page
    assert f'name="model" value="{better}"' in page
    form = {"conversation": first.conversation, "model": str(better)}
    assert chat.person.post("/chat/model", form).headers["Location"] == first.page
    assert "cannot answer" not in chat.person.get(first.page).text
    assert conversation(app).model_pk == better


def test_a_model_that_was_removed_is_named_by_its_last_answer(app: Flask, chat: Chat) -> None:
    first = chat.answer("One", "ok")
    with app.app_context(), writing() as session:
        session.execute(delete(Provider).where(Provider.id == chat.provider_id))
    page = chat.person.get(first.page).text
    assert "ok cannot answer" in page
    assert 'id="chosen-model" value=""' in page


def test_a_deleted_preset_is_told_before_the_first_question(chat: Chat, make_preset: MakePreset) -> None:
    preset = make_preset()
    chat.person.post(f"/presets/{preset}/delete")
    response = chat.person.post("/chat", chat.form("One") | {"preset": preset})
    assert response.status_code == 422
    assert "This preset is not there any more." in response.text
    assert "One</textarea>" in response.text


def test_what_a_chat_goes_by_becomes_a_preset(chat: Chat, make_preset: MakePreset) -> None:
    preset = make_preset()
    form = {"preset": preset, "model": str(chat.model("another")), "parameters": '{"temperature": 1, "seed": 7}'}
    page = chat.person.post("/presets/drafts", form).text
    assert "Be careful, {{user}}." in page
    assert 'value="far-end/another"' in page
    assert 'name="temperature" value="1"' in page
    assert 'name="seed" value="7"' in page


def test_a_preset_insists_on_its_route_and_says_where_nothing_leads(
    app: Flask, chat: Chat, far_end: FarEnd, make_preset: MakePreset
) -> None:
    with app.app_context(), writing() as session:
        session.add(Gateway(slug="office", name="Office", base_url=far_end.base_url))
    asked = chat.form("One") | {"preset": make_preset(route="office")}
    place = chat.person.post("/chat", asked).headers["Location"]
    first = chat.latest(place.removeprefix("/chat/"))
    chat.wait(first)
    assert "No way leads to far-end/ok by the route office." in chat.person.get(place).text
    with app.app_context(), writing() as session:
        session.query(Gateway).update({"models": ["far-end/ok"]})
        open_address(session, *host_port(far_end.base_url), chat.person.user_id or 0)
    second = chat.answer("Two", after=first)
    assert chat.run(second).route == "office"
    assert far_end.calls[-1].json["model"] == "far-end/ok"


def test_a_busy_provider_is_asked_again_as_long_as_ones_account_allows(app: Flask, chat: Chat, far_end: FarEnd) -> None:
    chat.answer("One", "soon")
    assert len(far_end.calls) == 3
    with app.app_context(), writing() as session:
        session.query(User).update({"chat_wait_seconds": 0})
    chat.answer("Two", "soon")
    assert len(far_end.calls) == 4


def test_the_pause_that_a_busy_provider_asked_for_is_told_and_may_be_stopped(
    app: Flask, chat: Chat, far_end: FarEnd
) -> None:
    with app.app_context(), writing() as session:
        session.query(User).update({"chat_wait_seconds": 10})
    told = "Far End is busy and asks for a pause: it is asked again after 7"
    asked = chat.ask(model="503")
    with chat.watch(asked) as events:
        assert any(told in event for event in events), "the answer is over"
        assert told in chat.person.get(asked.page).text
        chat.person.post(f"{asked.at}/stop")
        list(events)
    assert (chat.run(asked).status, len(far_end.calls)) == (STOPPED, 1)
