"""OpenAI's own client names a preset as its model: its prompt comes first, and the caller's words win."""

import time
from collections.abc import Iterator

import openai
import pytest
from sqlalchemy import delete

from tests.openai_api.conftest import House
from webapp.accounts.user import find_user
from webapp.core.database import db, writing
from webapp.core.memory import SECONDS
from webapp.models.model import Model
from webapp.models.names import find_named
from webapp.models.preset import Preset, PresetInput, add_preset

ASKED = [{"role": "system", "content": "In French."}, {"role": "user", "content": "Hi"}]
SAID = [{"role": "system", "content": "Be careful, Owner. far"}, *ASKED]


@pytest.fixture(autouse=True)
def presets(house: House) -> Iterator[None]:
    """`careful` at an OpenAI-type provider, `calm` at Anthropic's, `any` without a model, `mine` of somebody else."""
    assert house.app
    with house.app.app_context(), writing() as session:
        session.execute(delete(Preset))
        owner, stranger = find_user(session, "owner"), find_user(session, "stranger")
        assert owner
        assert stranger
        layer = {"temperature": 0.3, "max_tokens": 40, "extra_body": {"verbosity": "low"}}
        for name, model, user in (
            ("careful", "far-end/exact", owner),
            ("calm", "claude/haiku", owner),
            ("any", "", owner),
            ("mine", "far-end/exact", stranger),
        ):
            found = find_named(session, user, model) if model else None
            prompt = "Be careful, {{user}}. far"
            add_preset(session, user, PresetInput(name, prompt, found, model or None, layer, False))
    yield
    with house.app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize("stream", [False, True])
def test_a_preset_answers_with_its_model_prompt_and_parameters(
    house: House, client: openai.OpenAI, stream: bool
) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="preset/careful", messages=ASKED, temperature=1.1, stream=stream
    )
    answers = list(raw.parse()) if stream else [raw.parse()]
    assert {answer.model for answer in answers} == {"preset/careful"}
    assert (raw.headers["x-jackfield-provider"], raw.headers["x-jackfield-model"]) == ("far-end", "exact")
    told = house.far_end.calls[-1].json
    assert told["messages"] == SAID
    assert (told["model"], told["temperature"], told["max_tokens"], told["verbosity"]) == ("exact", 1.1, 40, "low")


def test_a_preset_at_anthropic_speaks_its_protocol(house: House, client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="preset/calm", messages=ASKED)
    assert answer.model == "preset/calm"
    told = house.far_end.calls[-1].json
    assert told["system"] == "Be careful, Owner. far\n\nIn French."
    assert (told["model"], told["temperature"], told["max_tokens"]) == ("haiku", 0.3, 40)


def test_presets_are_listed_among_the_models_for_those_who_may_use_them(house: House, client: openai.OpenAI) -> None:
    listed = {model.id: model.owned_by for model in client.models.list()}
    assert {name for name, by in listed.items() if by == "preset"} == {"preset/careful", "preset/calm"}
    assert client.models.retrieve("preset/any").owned_by == "preset"
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="preset/mine", messages=ASKED)


def test_a_preset_without_a_model_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="preset/any", messages=ASKED)
    assert (caught.value.code, caught.value.param) == ("preset_without_model", "model")


def test_a_preset_whose_model_is_hidden_is_refused_and_nobody_is_called(house: House, client: openai.OpenAI) -> None:
    assert house.app
    calls = len(house.far_end.calls)
    with house.app.app_context(), writing() as session:
        session.query(Model).filter_by(model_id="exact").update({"is_enabled": False})
    time.sleep(SECONDS + 0.1)  # what another process changed counts by then
    try:
        with pytest.raises(openai.NotFoundError) as caught:
            client.chat.completions.create(model="preset/careful", messages=ASKED)
    finally:
        with house.app.app_context(), writing() as session:
            session.query(Model).filter_by(model_id="exact").update({"is_enabled": True})
    assert caught.value.code == "model_not_found"
    assert "'far-end/exact' of the preset 'careful' is hidden here" in caught.value.message
    assert len(house.far_end.calls) == calls


def test_a_preset_is_no_model_for_vectors(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="is a preset"):
        client.embeddings.create(model="preset/careful", input="x")
