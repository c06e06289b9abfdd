"""What really arrives at the provider when a program calls: parameters of every layer, in both protocols."""

from itertools import product
from typing import Any

import pytest
from sqlalchemy import select

from tests.openai_api.conftest import House
from webapp.core.database import writing
from webapp.models.model import Model
from webapp.models.parameters import Layer
from webapp.providers.provider import Provider

MODELS = {"openai": ("far-end", "ok"), "anthropic": ("claude", "haiku")}
LAYERS: dict[str, Layer] = {
    "provider": {
        "temperature": 0.2,
        "top_p": 0.9,
        "max_tokens": 100,
        "presence_penalty": 0.5,
        "seed": 7,
        "stop": ["END", "\n\n"],
        "reasoning_effort": "low",
        "extra_body": {"verbosity": "low", "vendor": {"deep": [1]}},
    },
    "model": {"temperature": 0.3, "extra_body": {"verbosity": "high"}, "drop": ["seed", "user"]},
    "preset": {},
    "conversation": {},
}
OWN = {"temperature": 0.9, "max_completion_tokens": 5, "seed": 9, "user": "me", "stop": "HALT"}
SENT = {
    "openai": {
        "temperature": 0.3,
        "top_p": 0.9,
        "max_tokens": 100,
        "presence_penalty": 0.5,
        "stop": ["END", "\n\n"],
        "reasoning_effort": "low",
        "verbosity": "high",
        "vendor": {"deep": [1]},
    },
    "anthropic": {
        "temperature": 0.3,
        "top_p": 0.9,
        "max_tokens": 100,
        "stop_sequences": ["END"],
        "output_config": {"effort": "low"},
        "verbosity": "high",
        "vendor": {"deep": [1]},
    },
}


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_defaults_arrive_and_what_the_program_says_itself_wins(
    furnished: House, dialect: str, is_streamed: bool
) -> None:
    lay(furnished, dialect, LAYERS)
    assert arrived(furnished, dialect, {}, is_streamed) == SENT[dialect]
    own = {name: value for name, value in OWN.items() if name != "seed" or dialect == "openai"}
    assert (
        arrived(furnished, dialect, own, is_streamed)
        == {
            "openai": {
                **without(SENT[dialect], "max_tokens"),
                "temperature": 0.9,
                "max_completion_tokens": 5,
                "stop": "HALT",
            },
            "anthropic": {**SENT[dialect], "temperature": 0.9, "max_tokens": 5, "stop_sequences": ["HALT"]},
        }[dialect]
    )


@pytest.mark.parametrize(
    ("provider", "model", "own"), list(product((None, 0.1, "drop"), (None, 0.2, "drop"), (None, 0.3)))
)
def test_every_combination_of_provider_model_and_program(
    furnished: House, provider: float | str | None, model: float | str | None, own: float | None
) -> None:
    lay(furnished, "openai", {"provider": layer(provider), "model": layer(model)})
    last = model or provider
    expected = None if last == "drop" else own or last
    got = arrived(furnished, "openai", {"top_p": own} if own else {})
    assert got.get("top_p") == expected


def test_the_least_length_of_anthropic_stays_when_it_is_dropped(furnished: House) -> None:
    lay(furnished, "anthropic", {"provider": {"drop": ["max_tokens", "temperature"]}})
    assert arrived(furnished, "anthropic", {"max_tokens": 5, "temperature": 1}) == {"max_tokens": 8192}


@pytest.mark.parametrize(
    ("effort", "sent"),
    [
        ("none", {"thinking": {"type": "disabled"}}),
        ("minimal", {"output_config": {"effort": "low"}}),
        ("max", {"output_config": {"effort": "max"}}),
    ],
)
def test_the_effort_is_said_in_the_words_of_anthropic(furnished: House, effort: str, sent: dict[str, Any]) -> None:
    lay(furnished, "anthropic", {"model": {"reasoning_effort": effort}})
    assert arrived(furnished, "anthropic", {}) == {"max_tokens": 8192} | sent
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    assert arrived(furnished, "anthropic", thinking) == {"max_tokens": 8192} | thinking


def test_a_dropped_parameter_of_streams_is_not_sent(furnished: House) -> None:
    lay(furnished, "openai", {"provider": {"drop": ["stream_options"]}})
    arrived(furnished, "openai", {}, is_streamed=True)
    assert "stream_options" not in furnished.far_end.calls[-1].json


def test_what_a_model_refused_is_still_mended_afterwards(furnished: House) -> None:
    lay(furnished, "openai", {"provider": {"max_tokens": 5, "temperature": 0.5}})
    with furnished.app.app_context(), writing() as session:
        row = session.scalars(select(Provider).filter_by(slug="far-end")).one()
        row.quirks = {"ok": {"rename max_tokens max_completion_tokens": {}, "drop temperature": {}}}
    assert arrived(furnished, "openai", {}) == {"max_completion_tokens": 5}


def test_the_demo_takes_the_length_and_ignores_the_rest(furnished: House) -> None:
    with furnished.app.app_context(), writing() as session:
        row = session.scalars(select(Provider).filter_by(slug="demo")).one()
        row.parameters = {"max_tokens": 3, "seed": 1, "extra_body": {"a": 1}}
    answer = post(furnished, {"model": "demo/demo-echo", "messages": [{"role": "user", "content": "a b c d e f"}]})
    assert answer.json["choices"][0]["finish_reason"] == "length"


def test_embeddings_carry_what_provider_and_model_add_without_what_they_drop(furnished: House) -> None:
    with furnished.app.app_context(), writing() as session:
        provider = session.scalars(select(Provider).filter_by(slug="far-end")).one()
        provider.parameters = {"temperature": 0.2, "extra_body": {"truncate": "END", "pooling": "mean"}}
        model = session.scalars(select(Model).filter_by(provider_id=provider.id, model_id="embed-small")).one()
        model.parameters = {"extra_body": {"pooling": "last"}, "drop": ["user"]}
    body = {"model": "far-end/embed-small", "input": "a", "user": "me", "truncate": "START"}
    post(furnished, body, "/v1/embeddings")
    sent = {"model": "embed-small", "input": "a", "pooling": "last", "truncate": "START"}
    assert furnished.far_end.calls[-1].json == sent


def lay(house: House, dialect: str, layers: dict[str, Layer]) -> None:
    """Store the layers of provider and model."""
    slug, model_id = MODELS[dialect]
    with house.app.app_context(), writing() as session:
        row = session.scalars(
            select(Model).join(Provider).where(Provider.slug == slug, Model.model_id == model_id)
        ).one()
        row.provider.parameters, row.parameters = layers.get("provider", {}), layers.get("model", {})


def layer(said: float | str | None) -> Layer:
    return {} if said is None else {"drop": ["top_p"]} if said == "drop" else {"top_p": said}


def post(house: House, body: dict[str, Any], path: str = "/v1/chat/completions") -> Any:
    client = house.app.test_client()
    headers = {"Authorization": f"Bearer {house.tokens['owner']}"}
    answer = client.post(path, json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


def arrived(house: House, dialect: str, own: dict[str, Any], is_streamed: bool = False) -> dict[str, Any]:
    """Call as a program; return what the provider got beyond the question."""
    body = {"model": "/".join(MODELS[dialect]), "messages": [{"role": "user", "content": "Hello"}]} | own
    answer = post(house, body | ({"stream": True} if is_streamed else {}))
    assert answer.get_data()
    call = house.far_end.calls[-1]
    return without(call.json, "model", "messages", "stream", "stream_options", "metadata")


def without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}
