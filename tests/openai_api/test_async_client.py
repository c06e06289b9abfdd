"""OpenAI's asynchronous Python client, unchanged: everything that the other one can."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import openai
import pytest

from tests.apart import apart
from tests.openai_api.conftest import House
from tests.openai_api.scripts import ARGUMENTS
from tests.openai_api.test_official_client import ASKED, PICTURE, TOOL
from tests.openai_api.test_waiting import FREED_SECONDS, next_call

Result = TypeVar("Result")


def talk(house: House, say: Callable[[openai.AsyncOpenAI], Awaitable[Result]], key: str = "") -> Result:
    """Return what comes of a conversation with a client."""

    async def work() -> Result:
        key_ = key or house.tokens["owner"]
        async with openai.AsyncOpenAI(base_url=house.url, api_key=key_, max_retries=0) as client:
            return await say(client)

    return apart(work())


def test_models_are_listed_and_found(house: House) -> None:
    async def say(client: openai.AsyncOpenAI) -> tuple[set[str], str]:
        return {model.id async for model in client.models.list()}, (await client.models.retrieve("far-end/ok")).id

    names, found = talk(house, say)
    assert found in names


@pytest.mark.parametrize("model", ["far-end/ok", "claude/haiku"])
def test_an_answer_arrives_whole_and_streamed(house: House, model: str) -> None:
    async def say(client: openai.AsyncOpenAI) -> tuple[str | None, str, Any]:
        whole = await client.chat.completions.create(model=model, messages=ASKED)
        stream = await client.chat.completions.create(
            model=model, messages=ASKED, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        parts = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
        return whole.choices[0].message.content, "".join(parts), chunks[-1].usage

    whole, streamed, usage = talk(house, say)
    assert whole == streamed == house.far_end.text
    assert usage.total_tokens > 0


@pytest.mark.parametrize("model", ["tools", "acting/sonnet"])
def test_tools_are_called_whole_and_streamed(house: House, model: str) -> None:
    async def say(client: openai.AsyncOpenAI) -> list[Any]:
        whole = await client.chat.completions.create(model=model, messages=ASKED, tools=[TOOL])
        async with client.chat.completions.stream(model=model, messages=ASKED, tools=[TOOL]) as stream:
            streamed = await stream.get_final_completion()
        return [whole.choices[0], streamed.choices[0]]

    whole, streamed = talk(house, say)
    assert whole.finish_reason == streamed.finish_reason == "tool_calls"
    for choice in (whole, streamed):
        [call] = choice.message.tool_calls
        assert call.function.name == "weather"
        assert call.function.arguments.replace(" ", "") == ARGUMENTS.replace(" ", "")


def test_an_image_and_the_wish_for_json_go_there(house: House) -> None:
    messages: Any = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PICTURE}}]}]

    async def say(client: openai.AsyncOpenAI) -> None:
        wish: Any = {"type": "json_object"}
        await client.chat.completions.create(model="far-end/ok", messages=messages, response_format=wish)

    talk(house, say)
    asked = house.far_end.calls[-1].json
    assert (asked["messages"], asked["response_format"]) == (messages, {"type": "json_object"})


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("far-end/400", openai.BadRequestError),
        ("far-end/401", openai.AuthenticationError),
        ("far-end/403", openai.PermissionDeniedError),
        ("far-end/unknown", openai.NotFoundError),
        ("far-end/409", openai.ConflictError),
        ("far-end/422", openai.UnprocessableEntityError),
        ("far-end/429", openai.RateLimitError),
        ("far-end/500", openai.InternalServerError),
        ("far-end/503", openai.InternalServerError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_goes_wrong_is_an_exception_of_its_own(
    house: House, model: str, kind: type[openai.APIStatusError], stream: bool
) -> None:
    async def say(client: openai.AsyncOpenAI) -> None:
        await client.chat.completions.create(model=model, messages=ASKED, stream=stream)

    with pytest.raises(kind) as caught:
        talk(house, say)
    assert isinstance(caught.value.body, dict)
    assert caught.value.body.keys() == {"message", "type", "param", "code"}
    if kind is openai.RateLimitError:
        assert caught.value.response.headers["retry-after"] == "7"


def test_a_wrong_token_is_told(house: House) -> None:
    async def say(client: openai.AsyncOpenAI) -> None:
        await client.models.list()

    with pytest.raises(openai.AuthenticationError):
        talk(house, say, "jf_nobody")


def test_a_failure_inside_a_stream_is_raised_after_the_text(house: House) -> None:
    parts: list[str] = []

    async def say(client: openai.AsyncOpenAI) -> None:
        async for chunk in await client.chat.completions.create(model="error-mid", messages=ASKED, stream=True):
            parts.append(chunk.choices[0].delta.content or "")

    with pytest.raises(openai.APIError, match="GPU caught fire"):
        talk(house, say)
    assert "".join(parts) == "Half "


@pytest.mark.parametrize("stream", [False, True])
def test_a_task_that_is_cancelled_frees_the_provider(house: House, stream: bool) -> None:
    before = len(house.far_end.calls)

    async def say(client: openai.AsyncOpenAI) -> None:
        async def ask() -> None:
            answer: Any = await client.chat.completions.create(model="stall-mid", messages=ASKED, stream=stream)
            async for _ in answer:
                pass

        task = asyncio.create_task(ask())
        call = await asyncio.to_thread(next_call, house, before)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(call.gone.wait, FREED_SECONDS)

    talk(house, say)
