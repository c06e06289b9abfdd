"""What really arrives at the provider from a chat: the parameters of all four layers."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.chat.conftest import Chat
from tests.conftest import Person
from tests.far_end import FarEnd
from webapp.chat.conversation import Conversation
from webapp.core.database import writing
from webapp.models.model import Model
from webapp.models.preset import Preset
from webapp.providers.provider import Provider

PROVIDER = {"temperature": 0.1, "top_p": 0.1, "seed": 1, "stop": ["END"], "presence_penalty": 1, "drop": ["max_tokens"]}
MODEL = {"temperature": 0.2, "top_p": 0.2, "seed": 2}
PRESET = {"temperature": 0.3, "top_p": 0.3, "drop": ["seed"], "extra_body": {"verbosity": "low"}}
CONVERSATION = {"temperature": 0.4, "max_tokens": 50}


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_each_layer_wins_over_those_before_it(
    app: Flask, owner: Person, far_end: FarEnd, add_provider: Callable[..., int], dialect: str
) -> None:
    base_url = far_end.base_url if dialect == "openai" else far_end.at("anthropic")
    chat = Chat(app, owner, add_provider(base_url, dialect=dialect))
    asked, model_pk = chat.answer(), chat.model()
    assert arrived(far_end) == ({} if dialect == "openai" else {"max_tokens": 8192})
    with app.app_context(), writing() as session:
        session.get_one(Provider, chat.provider_id).parameters = PROVIDER
        session.get_one(Model, model_pk).parameters = MODEL
        preset = Preset(owner_id=owner.user_id, slug="careful", name="Careful", parameters=PRESET)
        session.add(preset)
        session.flush()
        conversation = session.get_one(Conversation, asked.conversation)
        conversation.preset_id, conversation.parameters = preset.id, CONVERSATION
    chat.answer(after=asked)
    expected = {"temperature": 0.4, "top_p": 0.3, "max_tokens": 50, "verbosity": "low"}
    own_words = {"stop": ["END"], "presence_penalty": 1} if dialect == "openai" else {"stop_sequences": ["END"]}
    assert arrived(far_end) == expected | own_words


def arrived(far_end: FarEnd) -> dict[str, Any]:
    body = far_end.calls[-1].json
    return {
        name: value for name, value in body.items() if name not in ("model", "messages", "stream", "stream_options")
    }


def test_a_connection_test_asks_as_a_chat_does(
    app: Flask, admin: Person, far_end: FarEnd, add_provider: Callable[..., int]
) -> None:
    provider_id = add_provider(far_end.base_url)
    chat = Chat(app, admin, provider_id)
    model_pk = chat.model()
    with app.app_context(), writing() as session:
        session.get_one(Provider, provider_id).parameters = {"temperature": 0.1, "drop": ["max_tokens"]}
        session.get_one(Model, model_pk).parameters = {"extra_body": {"thinking": {"type": "disabled"}}}
    admin.get("/providers")
    admin.post(f"/providers/{provider_id}/checks", {"model": "ok"})
    for call in far_end.wait_for_calls(3)[-2:]:
        assert call.json["model"] == "ok"
        assert {name: call.json.get(name) for name in ("temperature", "max_tokens", "thinking")} == {
            "temperature": 0.1,
            "max_tokens": None,
            "thinking": {"type": "disabled"},
        }
