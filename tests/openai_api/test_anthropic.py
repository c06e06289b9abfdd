"""OpenAI's client talks to providers of Anthropic's protocol: tools, results, images, answers in JSON."""

import json
from typing import Any

import openai
import pytest

from tests.openai_api.conftest import House
from tests.openai_api.scripts import ARGUMENTS
from tests.openai_api.test_official_client import ASKED, PICTURE, TOOL

MODEL = "acting/sonnet"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "additionalProperties": False}
TOOLS_SENT = [{"name": "weather", "input_schema": TOOL["function"]["parameters"]}]


def sent(house: House, client: openai.OpenAI, **fields: Any) -> dict[str, Any]:
    """What the provider gets for a question with these fields."""
    client.chat.completions.create(**({"model": MODEL, "messages": ASKED} | fields))
    return house.far_end.calls[-1].json


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_comes_back_and_its_result_goes_there(house: House, client: openai.OpenAI, stream: bool) -> None:
    asked: Any = {"model": MODEL, "messages": ASKED, "tools": [TOOL]}
    if stream:
        with client.chat.completions.stream(**asked) as events:
            answer: Any = events.get_final_completion()
    else:
        answer = client.chat.completions.create(**asked)
    assert house.far_end.calls[-1].json["tools"] == TOOLS_SENT
    assert answer.choices[0].finish_reason == "tool_calls"
    message = answer.choices[0].message
    [call] = message.tool_calls
    assert (call.id, call.function.name, call.function.arguments) == ("toolu_1", "weather", call.function.arguments)
    assert json.loads(call.function.arguments) == json.loads(ARGUMENTS)

    result = {"role": "tool", "tool_call_id": call.id, "content": "31 °C"}
    body = sent(house, client, messages=[*ASKED, message, result, {"role": "user", "content": "In °F?"}])
    assert body["messages"] == [
        {"role": "user", "content": "Xin chào"},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "toolu_1", "name": "weather", "input": json.loads(ARGUMENTS)}],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "31 °C"},
                {"type": "text", "text": "In °F?"},
            ],
        },
    ]


def test_the_arguments_of_a_streamed_call_grow(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(model=MODEL, messages=ASKED, tools=[TOOL], stream=True)
    calls = [call for chunk in stream for call in chunk.choices[0].delta.tool_calls or []]
    assert [(call.id, call.function and call.function.name) for call in calls[:2]] == [
        ("toolu_1", "weather"),
        (None, None),
    ]
    assert len(calls) > 3
    assert "".join(call.function.arguments or "" for call in calls if call.function) == ARGUMENTS


@pytest.mark.parametrize(
    ("wanted", "translated"),
    [
        ({}, None),
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": {"type": "function", "function": {"name": "weather"}}}, {"type": "tool", "name": "weather"}),
        ({"parallel_tool_calls": True}, None),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        (
            {"parallel_tool_calls": False, "tool_choice": "required"},
            {"type": "any", "disable_parallel_tool_use": True},
        ),
    ],
)
def test_the_choice_of_a_tool_is_translated(
    house: House, client: openai.OpenAI, wanted: dict[str, Any], translated: Any
) -> None:
    assert sent(house, client, tools=[TOOL], **wanted).get("tool_choice") == translated


def test_images_go_as_data_or_as_a_public_address(house: House, client: openai.OpenAI) -> None:
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://pictures.example/cat.jpg?size=1"}},
    ]
    [turn] = sent(house, client, messages=[{"role": "user", "content": parts}])["messages"]
    assert turn["content"] == [
        {"type": "text", "text": "What is this?"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
        {"type": "image", "source": {"type": "url", "url": "https://pictures.example/cat.jpg?size=1"}},
    ]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "wanted",
    [
        {"type": "json_object"},
        {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA, "strict": True}},
    ],
)
def test_an_answer_in_json_is_content(house: House, client: openai.OpenAI, wanted: Any, stream: bool) -> None:
    asked: Any = {"model": MODEL, "messages": ASKED, "response_format": wanted}
    if stream:
        with client.chat.completions.stream(**asked) as events:
            answer: Any = events.get_final_completion()
    else:
        answer = client.chat.completions.create(**asked)
    [choice] = answer.choices
    assert json.loads(choice.message.content) == json.loads(ARGUMENTS)
    assert (choice.finish_reason, choice.message.tool_calls) == ("stop", None)
    body = house.far_end.calls[-1].json
    [tool] = body["tools"]
    assert body["tool_choice"] == {"type": "tool", "name": tool["name"]}
    assert tool["input_schema"] == (SCHEMA if wanted["type"] == "json_schema" else {"type": "object"})
    assert tool.get("strict", False) is (wanted["type"] == "json_schema")


def test_an_answer_in_json_may_follow_calls(house: House, client: openai.OpenAI) -> None:
    body = sent(house, client, tools=[TOOL], response_format={"type": "json_object"})
    assert [tool["name"] for tool in body["tools"]] == ["weather", "answer_in_json"]
    assert body["tool_choice"] == {"type": "any"}
    body = sent(house, client, tools=[TOOL], tool_choice="required", response_format={"type": "json_object"})
    assert (body["tools"], body["tool_choice"]) == (TOOLS_SENT, {"type": "any"})
    body = sent(house, client, response_format={"type": "text"})
    assert not {"tools", "tool_choice"} & body.keys()


def test_system_texts_go_to_the_top_and_the_limits_along(house: House, client: openai.OpenAI) -> None:
    messages: list[Any] = [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "Be"}, {"type": "text", "text": "kind."}]},
        *ASKED,
        {"role": "assistant", "content": "", "refusal": "No."},
        {"role": "user", "content": "  "},
        {"role": "user", "content": "Why?"},
        {"role": "assistant", "content": "Because \n"},
    ]
    body = sent(
        house,
        client,
        messages=messages,
        max_completion_tokens=9,
        temperature=0.5,
        top_p=0.5,
        stop=["END"],
        user="u1",
        n=1,
        frequency_penalty=0,
        extra_body={"top_k": 3},
    )
    assert body == {
        "model": "sonnet",
        "system": "Be brief.\n\nBe\nkind.",
        "messages": [
            {"role": "user", "content": "Xin chào"},
            {"role": "assistant", "content": "No."},
            {"role": "user", "content": "Why?"},
            {"role": "assistant", "content": "Because"},
        ],
        "max_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.5,
        "top_k": 3,
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u1"},
    }


def test_ids_of_other_models_are_written_in_allowed_letters(house: House, client: openai.OpenAI) -> None:
    call = {"id": "functions.weather:0", "type": "function", "function": {"name": "weather", "arguments": ""}}
    messages: list[Any] = [
        *ASKED,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "functions.weather:0", "content": []},
    ]
    turns = sent(house, client, messages=messages)["messages"]
    assert turns[1]["content"][0]["id"] == turns[2]["content"][0]["tool_use_id"] == "functions_weather_0"
    assert turns[1]["content"][0]["input"] == {}
