"""OpenAI's own Python client, unchanged, against a serving process."""

from typing import Any

import openai
import pytest

from tests.openai_api.conftest import KEY, House
from tests.openai_api.scripts import ARGUMENTS

ASKED: list[Any] = [{"role": "user", "content": "Xin chào"}]
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
PICTURE = "data:image/png;base64,iVBORw0KGgo="


def test_the_list_holds_what_can_be_called_and_nothing_else(client: openai.OpenAI) -> None:
    models = {model.id: model for model in client.models.list()}
    assert {"far-end/ok", "far-end/embed-small", "claude/haiku", "private/secret", "demo/demo-echo"} <= models.keys()
    assert not any(name.startswith("openai/") for name in models)  # it has no key
    found = models["far-end/ok"]
    assert (found.object, found.owned_by) == ("model", "far-end")
    assert found.created > 1_700_000_000


@pytest.mark.parametrize("name", ["far-end/ok", "far-end/vendor/with-slash", "vendor/with-slash"])
def test_a_model_is_found_by_each_of_its_names(client: openai.OpenAI, name: str) -> None:
    assert client.models.retrieve(name).id == f"far-end/{name.removeprefix('far-end/')}"


@pytest.mark.parametrize("model", ["far-end/ok", "claude/haiku", "exact"])
def test_an_answer_arrives_whole_and_exact(house: House, client: openai.OpenAI, model: str) -> None:
    answer = client.chat.completions.create(model=model, messages=ASKED)
    assert answer.choices[0].message.content == house.far_end.text
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


@pytest.mark.parametrize("model", ["far-end/ok", "claude/haiku", "exact"])
def test_a_stream_gives_the_same_text_and_its_usage_last(house: House, client: openai.OpenAI, model: str) -> None:
    chunks = list(
        client.chat.completions.create(model=model, messages=ASKED, stream=True, stream_options={"include_usage": True})
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == house.far_end.text
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks[-3:-1]] == [None, "stop"]
    assert chunks[-1].choices == []
    assert chunks[-1].usage
    assert {chunk.id for chunk in chunks} == {chunks[0].id}


def test_without_being_asked_a_stream_has_no_usage(client: openai.OpenAI) -> None:
    chunks = list(client.chat.completions.create(model="far-end/ok", messages=ASKED, stream=True))
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all("usage" not in chunk.model_fields_set for chunk in chunks)


def test_the_demo_answers_without_any_key(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="demo/demo-echo", messages=ASKED)
    assert answer.choices[0].message.content == "Xin chào"
    chunks = client.chat.completions.create(model="demo-echo", messages=ASKED, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Xin chào"


def test_tools_go_there_and_calls_come_back(house: House, client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="tools", messages=ASKED, tools=[TOOL], tool_choice="required")
    assert answer.choices[0].finish_reason == "tool_calls"
    [call] = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (call.id, call.function.name, call.function.arguments) == ("call_1", "weather", ARGUMENTS)
    sent = house.far_end.calls[-1].json
    assert (sent["tools"], sent["tool_choice"]) == ([TOOL], "required")


def test_streamed_calls_come_back_whole(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model="tools", messages=ASKED, tools=[TOOL]) as stream:
        answer = stream.get_final_completion()
    [call] = answer.choices[0].message.tool_calls or []
    assert (call.id, call.function.name, call.function.arguments) == ("call_1", "weather", ARGUMENTS)


def test_reasoning_has_its_own_field(client: openai.OpenAI) -> None:
    deltas = [
        chunk.choices[0].delta for chunk in client.chat.completions.create(model="reasons", messages=ASKED, stream=True)
    ]
    assert "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas) == "Hm, yes."
    assert "".join(delta.content or "" for delta in deltas) == "Yes."


def test_what_we_do_not_know_is_passed_on(house: House, client: openai.OpenAI) -> None:
    messages: list[Any] = [
        {"role": "developer", "content": "Answer in JSON.", "name": "boss"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": PICTURE}}],
        },
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function", "function": {}}]},
        {"role": "tool", "tool_call_id": "c", "content": ""},
    ]
    client.chat.completions.create(
        model="far-end/ok",
        messages=messages,
        response_format={"type": "json_object"},
        seed=7,
        max_tokens=5,
        temperature=0.5,
        stop=["\n"],
        extra_body={"top_k": 3},
    )
    sent = house.far_end.calls[-1]
    assert sent.json == {
        "model": "ok",
        "messages": messages,
        "response_format": {"type": "json_object"},
        "seed": 7,
        "max_tokens": 5,
        "temperature": 0.5,
        "stop": ["\n"],
        "top_k": 3,
    }
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert not {"cookie", "x-api-key", "x-stainless-lang"} & sent.headers.keys()


def test_the_headers_say_who_answered(client: openai.OpenAI) -> None:
    for model, attempts in (("far-end/ok", "1"), ("far-end/refuse:max_tokens", "2")):
        create = client.chat.completions.with_raw_response.create
        for stream in (False, True):
            headers = create(model=model, messages=ASKED, max_tokens=9, stream=stream).headers
            assert headers["x-request-id"]
            assert headers["x-jackfield-provider"] == "far-end"
            assert headers["x-jackfield-model"] == model.removeprefix("far-end/")
            assert headers["x-jackfield-route"] == "direct"
            assert headers["x-jackfield-attempts"] == attempts
