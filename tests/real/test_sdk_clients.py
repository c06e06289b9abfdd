"""The official clients understand the far end of our tests, so what passes against it means something."""

from collections.abc import Iterator

import pytest
from anthropic import Anthropic, AuthenticationError
from openai import AuthenticationError as OpenAIAuthenticationError
from openai import OpenAI

from tests.far_end import FarEnd

KEY = "sk-right"


@pytest.fixture
def far_end() -> Iterator[FarEnd]:
    with FarEnd(key=KEY) as far_end:
        yield far_end


@pytest.fixture
def openai(far_end: FarEnd) -> Iterator[OpenAI]:
    with OpenAI(base_url=far_end.base_url, api_key=KEY, max_retries=0) as client:
        yield client


@pytest.fixture
def anthropic(far_end: FarEnd) -> Iterator[Anthropic]:
    base_url = far_end.at("anthropic").removesuffix("/v1")
    with Anthropic(base_url=base_url, api_key=KEY, max_retries=0) as client:
        yield client


def test_openai_lists_models(openai: OpenAI) -> None:
    assert "ok" in [model.id for model in openai.models.list()]


def test_openai_gets_an_answer(openai: OpenAI, far_end: FarEnd) -> None:
    answer = openai.chat.completions.create(model="ok", messages=[{"role": "user", "content": "Hello"}])
    assert answer.choices[0].message.content == far_end.text
    assert answer.usage
    assert answer.usage.completion_tokens > 0


def test_openai_gets_a_stream(openai: OpenAI, far_end: FarEnd) -> None:
    chunks = list(
        openai.chat.completions.create(model="ok", messages=[{"role": "user", "content": "Hello"}], stream=True)
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == far_end.text
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage


def test_openai_tells_a_wrong_key(far_end: FarEnd) -> None:
    client = OpenAI(base_url=far_end.base_url, api_key="sk-wrong", max_retries=0)
    with client, pytest.raises(OpenAIAuthenticationError) as raised:
        client.models.list()
    assert raised.value.code == "invalid_api_key"


def test_anthropic_lists_models(anthropic: Anthropic) -> None:
    assert "ok" in [model.id for model in anthropic.models.list()]


def test_anthropic_gets_an_answer(anthropic: Anthropic, far_end: FarEnd) -> None:
    answer = anthropic.messages.create(model="ok", max_tokens=99, messages=[{"role": "user", "content": "Hello"}])
    assert [block.text for block in answer.content if block.type == "text"] == [far_end.text]
    assert answer.stop_reason == "end_turn"


def test_anthropic_gets_a_stream(anthropic: Anthropic, far_end: FarEnd) -> None:
    with anthropic.messages.stream(
        model="ok", max_tokens=99, messages=[{"role": "user", "content": "Hello"}]
    ) as stream:
        assert "".join(stream.text_stream) == far_end.text
        assert stream.get_final_message().usage.output_tokens > 1


def test_anthropic_tells_a_wrong_key(far_end: FarEnd) -> None:
    client = Anthropic(base_url=far_end.root, api_key="sk-wrong", max_retries=0)
    with client, pytest.raises(AuthenticationError):
        client.models.list()
