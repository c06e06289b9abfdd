"""The forms of parameters: a provider's defaults and limits, a model's settings, and what they say together."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Person
from tests.far_end import FarEnd
from webapp.core.database import db, writing
from webapp.models.facts import GUESS, LISTED
from webapp.models.model import Model, id_hash
from webapp.providers.provider import Provider

FULL = {
    "temperature": "0,4",
    "top_p": "0.9",
    "max_tokens": "4096",
    "presence_penalty": "-1.5",
    "frequency_penalty": "0",
    "seed": "7",
    "reasoning_effort": "low",
    "stop": "\\n\\n\r\nEND\r\n",
    "extra_body": '{"verbosity": "low", "thinking": {"type": "disabled"}}',
    "drop": "user, logit_bias user",
}
LAYER = {
    "temperature": 0.4,
    "top_p": 0.9,
    "max_tokens": 4096,
    "presence_penalty": -1.5,
    "frequency_penalty": 0,
    "seed": 7,
    "reasoning_effort": "low",
    "stop": ["\n\n", "END"],
    "extra_body": {"verbosity": "low", "thinking": {"type": "disabled"}},
    "drop": ["user", "logit_bias"],
}
LIMITS = {"connect_seconds": "3", "first_byte_seconds": "600", "idle_seconds": "90", "total_seconds": "3600"}


@pytest.fixture
def provider_id(far_end: FarEnd, add_provider: Callable[..., int]) -> int:
    return add_provider(far_end.base_url)


@pytest.fixture
def model_pk(app: Flask, provider_id: int) -> int:
    return add_model(app, provider_id, "ok")


def add_model(app: Flask, provider_id: int, model_id: str, **facts: Any) -> int:
    with app.app_context(), writing() as session:
        model = Model(provider_id=provider_id, model_id=model_id, id_hash=id_hash(model_id), search_text=model_id)
        model.learn(facts)
        session.add(model)
        session.flush()
        return model.id


def stored(app: Flask, kind: type[Provider] | type[Model], key: int) -> Any:
    with app.app_context():
        return db.session.get_one(kind, key)


def test_defaults_and_limits_are_saved_and_shown_again(app: Flask, admin: Person, provider_id: int) -> None:
    url = f"/providers/{provider_id}/parameters"
    admin.get(url)
    assert admin.post(url, FULL | LIMITS | {"concurrent": "4"}).status_code == 303
    saved = stored(app, Provider, provider_id)
    assert saved.parameters == LAYER
    assert saved.limits == {name: int(text) for name, text in LIMITS.items()} | {"concurrent": 4}
    page = admin.get(url).text
    for shown in (
        'value="0.4"',
        "\\n\\n\nEND",
        "&#34;verbosity&#34;: &#34;low&#34;",
        'value="user, logit_bias"',
        'value="600"',
    ):
        assert shown in page
    assert admin.post(url, {}, htmx=True).status_code == 200
    assert (stored(app, Provider, provider_id).parameters, stored(app, Provider, provider_id).limits) == ({}, {})


def test_a_models_settings_are_saved_and_its_empty_fields_name_what_they_inherit(
    app: Flask, admin: Person, provider_id: int, model_pk: int
) -> None:
    admin.get(f"/providers/{provider_id}/parameters")
    admin.post(f"/providers/{provider_id}/parameters", {"temperature": "0.2", "drop": "seed"})
    url = f"/models/{model_pk}/parameters"
    page = admin.get(url).text
    assert 'placeholder="0.2 – from the provider"' in page
    assert 'placeholder="not sent – from the provider"' in page
    assert "Not sent already: seed." in page
    answer = admin.post(url, {"seed": "7"}, htmx=True)
    assert answer.text.count('id="model-parameters"') == 1
    assert "Saved." in answer.text
    assert stored(app, Model, model_pk).parameters == {"seed": 7}


@pytest.mark.parametrize(
    ("field", "typed", "told"),
    [
        ("temperature", "2.5", "from 0 to 2"),
        ("temperature", "warm", "Type a number."),
        ("temperature", "1e9", "Type a number."),
        ("top_p", "-0.1", "from 0 to 1"),
        ("max_tokens", "1.5", "Type a whole number."),
        ("max_tokens", "0", "from 1 to"),
        ("seed", "9" * 40, "Type a number."),
        ("reasoning_effort", "heroic", "one of: none, minimal"),
        ("stop", "\n".join("abcdefghijklmnopqrst"), "At most 16 entries."),
        ("extra_body", '{"verbosity": "low",}', "A comma before the closing brace. Remove it to save."),
        ("extra_body", "{'a': 1}", "Use straight double quotes"),
        ("extra_body", '{"a": 1', "It ends too early"),
        ("extra_body", '{"a": 1, "a": 2}', "“a” is there twice."),
        ("extra_body", '{"a": NaN}', "NaN is no number in JSON."),
        ("extra_body", '{"a" 1}', "A colon is missing on line 1"),
        ("extra_body", '{"a": 1\n "b": 2}', "A comma is missing on line 2"),
        ("extra_body", "[1, 2]", "Write a JSON object"),
        ("extra_body", '{"a": "\\u0000"}', "characters that cannot be stored"),
        ("extra_body", '{"a": "\\ud800"}', "cannot be sent"),
        ("extra_body", "[" * 3_000, "cannot be sent"),
        ("extra_body", '{"temperature": 1}', "“temperature” has a field of its own."),
        *((("extra_body", f'{{"{name}": "x"}}', f"“{name}” cannot be set here")) for name in (
            "model", "messages", "stream", "base_url", "api_key", "headers", "max_completion_tokens", "system")),
        ("drop", "model", "No call can do without “model”."),
        ("drop", "a-b", "“a-b” is no name of a parameter."),
    ],
)  # fmt: skip
def test_a_value_outside_the_known_ranges_comes_back_with_its_reason(
    app: Flask, admin: Person, provider_id: int, field: str, typed: str, told: str
) -> None:
    url = f"/providers/{provider_id}/parameters"
    admin.get(url)
    answer = admin.post(url, {"top_p": "0.5", "seed": "3"} | {field: typed}, htmx=True)
    assert answer.status_code == 422
    found = re.search(rf'<p class="err" id="{field}-error.*?</p>', answer.text, re.DOTALL)
    assert found
    assert told in found[0]
    if "\ud800" not in typed:
        assert str(typed.splitlines()[0]).replace('"', "&#34;").replace("'", "&#39;") in answer.text
    assert stored(app, Provider, provider_id).parameters == {}


def test_what_is_set_cannot_be_dropped_in_the_same_layer(admin: Person, provider_id: int) -> None:
    url = f"/providers/{provider_id}/parameters"
    admin.get(url)
    answer = admin.post(url, {"seed": "3", "drop": "seed"})
    assert answer.status_code == 422
    assert "“seed” is set here, too" in answer.text


def test_the_ranges_follow_protocol_and_vendor(
    far_end: FarEnd, add_provider: Callable[..., int], admin: Person
) -> None:
    for more, told in (({"dialect": "anthropic"}, "from 0 to 1"), ({"vendor_id": "mistral"}, "from 0 to 1.5")):
        url = f"/providers/{add_provider(far_end.base_url, name=str(more), **more)}/parameters"
        admin.get(url)
        answer = admin.post(url, {"temperature": "1.7"})
        assert answer.status_code == 422
        assert told in answer.text


def test_a_protocol_without_a_word_for_a_parameter_says_so_beside_its_field(
    far_end: FarEnd, add_provider: Callable[..., int], admin: Person
) -> None:
    page = admin.get(f"/providers/{add_provider(far_end.base_url, dialect='anthropic')}/parameters").text
    assert page.count("has no such parameter: it is left out.") == 3


def test_a_length_beyond_what_the_model_writes_is_refused_but_beyond_a_guess_only_noted(
    app: Flask, admin: Person, provider_id: int
) -> None:
    for source, status, told in (
        (LISTED, 422, "This model writes 1000 tokens at most."),
        (GUESS, 200, "This model probably writes 1000 tokens at most."),
    ):
        url = f"/models/{add_model(app, provider_id, source, **{source: {'max_output_tokens': 1000}})}/parameters"
        admin.get(url)
        answer = admin.post(url, {"max_tokens": "1001"}, htmx=True)
        assert (answer.status_code, told in answer.text) == (status, True)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"first_byte_seconds": "0"}, "from 1 to 3600"),
        ({"idle_seconds": "soon"}, "Type a whole number."),
        ({"connect_seconds": "121"}, "from 1 to 120"),
        ({"total_seconds": "10", "idle_seconds": "11"}, "must be allowed 11 seconds at least"),
        ({"first_byte_seconds": "3600"}, "must be allowed 3600 seconds at least"),
        ({"concurrent": "٣"}, "Type a whole number."),
    ],
)
def test_limits_have_ranges(admin: Person, provider_id: int, typed: dict[str, str], told: str) -> None:
    url = f"/providers/{provider_id}/parameters"
    admin.get(url)
    answer = admin.post(url, typed)
    assert answer.status_code == 422
    assert told in answer.text
