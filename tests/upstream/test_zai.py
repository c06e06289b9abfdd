"""Z.ai, direct and through the LiteLLM of this process (where that is installed: tests/real/test_embedded.py)."""

import json
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from tests.far_end_zai import ARGUMENTS, PAYG_KEY, PAYG_PATH, PLAN_KEY, PLAN_PATH, TEXT, THOUGHTS, Zai
from webapp.core.secret import Secret
from webapp.upstream import list_models
from webapp.upstream.calls import complete
from webapp.upstream.failures import UpstreamError
from webapp.upstream.messages import ChatMessage, ChatRequest
from webapp.upstream.streaming import stream
from webapp.upstream.target import Target

WAYS = ["", "zai", "openai"] if find_spec("litellm") else [""]  # direct, and LiteLLM's two words
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]


@pytest.fixture
def zai() -> Iterator[Zai]:
    with Zai() as server:
        yield server


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def at(zai: Zai, way: str, path: str = PAYG_PATH, key: str = PAYG_KEY) -> Target:
    return Target("openai", zai.root + path, Secret(key), allow_private=True, vendor="zai", litellm=way)


def asking(model: str = "glm-5.1", *more: ChatMessage, max_tokens: int | None = None, **extra: Any) -> ChatRequest:
    return ChatRequest(model, (*more, ChatMessage("user", "What is the answer?")), max_tokens, extra=extra)


def refused(target: Target, request: ChatRequest) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        complete(target, request)
    return caught.value


def test_a_model_that_is_not_listed_answers_and_its_thoughts_are_told_apart(zai: Zai, way: str) -> None:
    assert "glm-5.1" not in [model.id for model in list_models(at(zai, way)).models]
    whole = complete(at(zai, way), asking())
    assert (whole.text, whole.reasoning, whole.usage.output_tokens) == (TEXT, THOUGHTS, 11)
    streamed = stream(at(zai, way), asking())
    pieces = list(streamed)
    assert "".join(piece.text for piece in pieces if piece.kind == "text") == TEXT
    assert streamed.reply.reasoning == THOUGHTS
    assert streamed.reply.complete
    assert zai.asked[-1][0] == f"{PAYG_PATH}/chat/completions"


def test_thinking_is_on_unless_it_is_switched_off_and_may_eat_a_short_answer(zai: Zai, way: str) -> None:
    eaten = complete(at(zai, way), asking(max_tokens=16))
    assert (eaten.text, eaten.finish_reason) == ("", "length")
    quick = complete(at(zai, way), asking(max_tokens=16, thinking={"type": "disabled"}))
    assert (quick.text, quick.reasoning) == (TEXT, "")


def test_a_model_that_must_think_is_asked_again_without_the_switch(zai: Zai, way: str) -> None:
    reply = complete(at(zai, way, PLAN_PATH, PLAN_KEY), asking("glm-5.3", thinking={"type": "disabled"}))
    assert reply.text == TEXT
    assert reply.details["repair"] == ["drop thinking"]


def test_arguments_of_tools_are_streamed_because_it_is_asked_for(zai: Zai, way: str) -> None:
    streamed = stream(at(zai, way), asking(tools=TOOLS))
    list(streamed)
    assert zai.asked[-1][1]["tool_stream"] is True
    [call] = streamed.reply.tool_calls
    assert (call.name, json.loads(call.arguments)) == ("weather", json.loads(ARGUMENTS))


def test_a_developer_is_called_system(zai: Zai, way: str) -> None:
    turns = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "What is the answer?"}]
    reply = complete(at(zai, way), asking(messages=turns))
    assert reply.text == TEXT
    assert zai.asked[-1][1]["messages"][0]["role"] == "system"


def test_a_key_of_the_plan_at_the_wrong_address_is_no_limit_of_speed(zai: Zai, way: str) -> None:
    error = refused(at(zai, way, PAYG_PATH, PLAN_KEY), asking())
    assert (error.category, error.status, error.code) == ("billing", 429, "1113")
    assert "https://api.z.ai/api/coding/paas/v4" in error.details["siblings"]
    assert complete(at(zai, way, PLAN_PATH, PLAN_KEY), asking()).text == TEXT


@pytest.mark.parametrize(
    ("model", "category", "code"),
    [
        ("glm-9", "model_not_found", "1211"),
        ("glm-5.3", "permission", "1220"),
        ("glm-busy", "overloaded", "1305"),
        ("glm-window", "quota_window", "1308"),
    ],
)
def test_its_codes_say_more_than_its_statuses(zai: Zai, way: str, model: str, category: str, code: str) -> None:
    error = refused(at(zai, way), asking(model))
    assert (error.category, error.code) == (category, code)


def test_a_wrong_key_and_a_wrong_path_are_told_apart(zai: Zai, way: str) -> None:
    assert refused(at(zai, way, key="wrong.0123456789"), asking()).category == "auth_invalid"
    assert refused(at(zai, way, f"{PAYG_PATH}/v1"), asking()).category == "wrong_path"


def test_an_empty_text_is_not_sent(zai: Zai, way: str) -> None:
    assert complete(at(zai, way), asking("glm-5", ChatMessage("assistant", ""))).text == TEXT
