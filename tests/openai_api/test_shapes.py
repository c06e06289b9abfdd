"""An answer through us has the shape of OpenAI's own, field by field; the far end's script `exact` is the pattern."""

from typing import Any

import openai
import pytest

from tests.openai_api.conftest import House
from tests.openai_api.test_official_client import ASKED
from webapp.core.redact import REMOVED

OURS = {"far-end/exact", "claude/haiku", "demo/demo-echo"}


def shape(value: Any) -> Any:
    """What kind of thing stands in every field."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__


@pytest.mark.parametrize("model", sorted(OURS))
def test_a_whole_answer_has_the_shape_of_openai(house: House, model: str) -> None:
    pattern = house.direct().chat.completions.create(model="exact", messages=ASKED).to_dict()
    answer = house.client().chat.completions.create(model=model, messages=ASKED).to_dict()
    pattern_usage, usage = pattern.pop("usage"), answer.pop("usage")
    assert shape(answer) == shape(pattern)
    assert shape(usage).items() <= shape(pattern_usage).items()
    assert usage.keys() >= {"prompt_tokens", "completion_tokens", "total_tokens"}
    assert answer["object"] == pattern["object"]
    assert answer["id"].startswith("chatcmpl-")
    assert answer["model"] == model


@pytest.mark.parametrize("with_usage", [False, True])
@pytest.mark.parametrize("model", sorted(OURS))
def test_every_chunk_has_the_shape_of_openai(house: House, model: str, with_usage: bool) -> None:
    options: Any = {"stream": True, "messages": ASKED}
    options |= {"stream_options": {"include_usage": True}} if with_usage else {}
    pattern = [chunk.to_dict() for chunk in house.direct().chat.completions.create(model="exact", **options)]
    chunks = [chunk.to_dict() for chunk in house.client().chat.completions.create(model=model, **options)]
    ends = 2 if with_usage else 1
    assert shape(chunks[0]) == shape(pattern[0])
    assert [shape(chunk) for chunk in chunks[1:-ends]] == [shape(pattern[1])] * (len(chunks) - 1 - ends)
    assert shape(chunks[-ends]) == shape(pattern[-ends])
    if with_usage:
        told = shape(chunks[-1].pop("usage"))
        assert told.items() <= shape(pattern[-1].pop("usage")).items()
        assert shape(chunks[-1]) == shape(pattern[-1])


def test_a_list_of_models_has_the_shape_of_openai(house: House) -> None:
    pattern, models = house.direct().models.list(), house.client().models.list()
    assert models.object == pattern.object
    assert {str(shape(model.to_dict())) for model in models.data} == {
        str(shape(pattern.data[0].to_dict() | {"object": "model"}))
    }


@pytest.mark.parametrize("status", ["400", "401", "403", "404", "409", "422", "429", "500", "503"])
def test_an_error_raises_what_it_raises_without_us(house: House, status: str) -> None:
    raised = []
    for client, model in ((house.direct(), status), (house.client(), f"far-end/{status}")):
        with pytest.raises(openai.APIStatusError) as caught:
            client.chat.completions.create(model=model, messages=ASKED)
        raised.append(caught.value)
    assert type(raised[0]) is type(raised[1])
    assert raised[1].body.keys() == {"message", "type", "param", "code"}
    assert raised[0].response.headers.get("retry-after") == raised[1].response.headers.get("retry-after")


def test_a_provider_cannot_make_us_tell_its_key(house: House) -> None:
    chunks = house.client().chat.completions.create(model="echo-key", messages=ASKED, stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text.startswith("Your key")  # cut over two chunks it cannot be known; whole it is taken out
    with pytest.raises(openai.AuthenticationError) as caught:
        house.client().chat.completions.create(model="echo-key", messages=ASKED)
    assert REMOVED in str(caught.value)
    assert "canary" not in str(caught.value)
