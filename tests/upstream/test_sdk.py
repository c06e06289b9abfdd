"""The official clients speak through our door: our key, our origin, our rules."""

from collections.abc import Iterator

import anthropic
import httpx2
import openai
import pytest

from tests.far_end import FarEnd
from webapp.core.secret import Secret
from webapp.upstream.sdk import SdkTransport
from webapp.upstream.target import AuthStyle, Limits, Target
from webapp.upstream.transport import pool

KEY = "canary-key-4711"


@pytest.fixture
def far_end() -> Iterator[FarEnd]:
    with FarEnd(key=KEY) as server:
        yield server
    pool.close()


def openai_client(target: Target, base_url: str) -> openai.OpenAI:
    web = httpx2.Client(transport=SdkTransport(target))
    return openai.OpenAI(api_key="the SDK's own", base_url=base_url, max_retries=0, http_client=web)


def test_the_openai_client_answers_streams_and_lists_with_our_key_over_one_connection(far_end: FarEnd) -> None:
    target = Target("openai", far_end.base_url, Secret(KEY), allow_private=True)
    with openai_client(target, far_end.base_url) as client:
        ask = {"model": "ok", "messages": [{"role": "user", "content": "Hello"}]}
        assert client.chat.completions.create(**ask).choices[0].message.content == far_end.text  # type: ignore[call-overload]
        chunks = client.chat.completions.create(**ask, stream=True)  # type: ignore[call-overload]
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert text == far_end.text
        assert len(list(client.models.list())) == 5
    assert far_end.connections == 1
    assert {call.headers["authorization"] for call in far_end.calls} == {f"Bearer {KEY}"}
    assert not [name for call in far_end.calls for name in call.headers if name.startswith("x-stainless")]


def test_the_anthropic_client_streams_with_our_key(far_end: FarEnd) -> None:
    base = far_end.at("anthropic")
    target = Target("anthropic", base, Secret(KEY), AuthStyle.HEADER, "x-api-key", allow_private=True)
    web = httpx2.Client(transport=SdkTransport(target))
    root = base.removesuffix("/v1")
    with anthropic.Anthropic(api_key="the SDK's own", base_url=root, max_retries=0, http_client=web) as client:
        turns = [{"role": "user", "content": "Hello"}]
        with client.messages.stream(model="ok", max_tokens=50, messages=turns) as answer:  # type: ignore[arg-type]
            assert "".join(answer.text_stream) == far_end.text
    assert far_end.calls[0].headers["x-api-key"] == KEY


def test_an_sdk_cannot_leave_its_origin(far_end: FarEnd) -> None:
    target = Target("openai", far_end.base_url, Secret(KEY), allow_private=True)
    with FarEnd() as other, openai_client(target, other.base_url) as client:
        with pytest.raises(openai.APIConnectionError):
            client.models.list()
        assert other.connections == 0


def test_an_sdk_meets_our_clocks_as_its_own_errors(far_end: FarEnd) -> None:
    limits = Limits(first_byte_seconds=0.2)
    target = Target("openai", far_end.base_url, Secret(KEY), allow_private=True, limits=limits)
    with openai_client(target, far_end.base_url) as client, pytest.raises(openai.APITimeoutError):
        client.chat.completions.create(model="hold", messages=[{"role": "user", "content": "Hello"}])
    assert far_end.client_gone.wait(2)
