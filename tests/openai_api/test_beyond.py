"""What a provider says beyond the plain answer arrives where OpenAI's shape has a place for it."""

from typing import Any

import httpx2
import openai
import pytest

from tests.openai_api.conftest import KEY, House
from tests.openai_api.scripts import NOTE, TOKEN, TOLD
from tests.openai_api.test_official_client import ASKED, TOOL
from webapp.core.redact import REMOVED


def test_unknown_fields_of_a_whole_answer_are_passed_on(client: openai.OpenAI) -> None:
    answer: dict[str, Any] = client.chat.completions.create(
        model="far-end/beyond", messages=ASKED, logprobs=True
    ).to_dict()
    [choice] = answer["choices"]
    assert (answer["system_fingerprint"], answer["service_tier"]) == ("fp_7", "flex")
    assert answer["citations"] == ["https://a.b"]
    assert answer["usage"] == TOLD
    assert choice["message"] == {
        "role": "assistant",
        "content": "Yes",
        "refusal": None,
        "annotations": [NOTE],
        "audio": {"id": "a"},
        "mood": "good",
    }
    assert choice["logprobs"] == {"content": [TOKEN], "refusal": None}
    assert choice["native"] == "eos"
    assert answer["model"] == "far-end/beyond"  # ours to say, as are id and time
    assert answer["id"] != "chatcmpl-far"


def test_unknown_fields_of_a_stream_come_with_their_chunk(client: openai.OpenAI) -> None:
    options: Any = {"stream": True, "stream_options": {"include_usage": True}, "logprobs": True}
    chunks: list[Any] = [
        chunk.to_dict() for chunk in client.chat.completions.create(model="beyond", messages=ASKED, **options)
    ]
    choices = [chunk["choices"][0] for chunk in chunks[:-1]]
    [text] = [choice for choice in choices if choice["delta"].get("content")]
    assert text["logprobs"] == {"content": [TOKEN], "refusal": None}
    [details] = [choice["delta"] for choice in choices if "reasoning_details" in choice["delta"]]
    assert details["reasoning_content"] == "Hm"
    [noted] = [choice["delta"] for choice in choices if "annotations" in choice["delta"]]
    assert noted["annotations"] == [NOTE]
    assert (choices[-1]["finish_reason"], choices[-1]["native"]) == ("stop", "eos")
    assert all((chunk["system_fingerprint"], chunk["service_tier"]) == ("fp_7", "flex") for chunk in chunks[1:])
    assert [chunk["citations"] for chunk in chunks if "citations" in chunk] == [["https://a.b"]]
    assert chunks[-1]["usage"] == TOLD


def test_a_refusal_is_no_content(client: openai.OpenAI) -> None:
    message = client.chat.completions.create(model="far-end/refuses", messages=ASKED).choices[0].message
    assert (message.content, message.refusal) == (None, "I am sorry, no.")
    chunks = list(client.chat.completions.create(model="refuses", messages=ASKED, stream=True))
    assert "".join(chunk.choices[0].delta.refusal or "" for chunk in chunks) == "I am sorry, no."
    assert not any(chunk.choices[0].delta.content for chunk in chunks)


def test_several_answers_keep_their_numbers(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="far-end/several", messages=ASKED, n=3)
    with client.chat.completions.stream(model="several", messages=ASKED, n=3, tools=[TOOL]) as stream:
        streamed = stream.get_final_completion()
    for answer in (whole, streamed):
        assert [choice.index for choice in answer.choices] == [0, 1, 2]
        assert [choice.message.content or None for choice in answer.choices] == ["No. 0", None, "No. 2"]
        assert [choice.finish_reason for choice in answer.choices] == ["stop", "tool_calls", "stop"]
        [call] = answer.choices[1].message.tool_calls or []
        assert call.id.startswith("call_")
        assert call.type == "function"
        assert (call.function.name, call.function.arguments) == ("weather", '{"city":"Huế"}')


def test_each_of_several_streamed_answers_begins_with_who_speaks(client: openai.OpenAI) -> None:
    chunks = client.chat.completions.create(model="several", messages=ASKED, n=3, stream=True)
    roles = [(chunk.choices[0].index, chunk.choices[0].delta.role) for chunk in chunks if chunk.choices[0].delta.role]
    assert roles == [(0, "assistant"), (1, "assistant"), (2, "assistant")]


def test_a_call_is_told_while_its_arguments_grow(house: House, client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(model="tools-held", messages=ASKED, tools=[TOOL], stream=True)
    calls: list[Any] = []
    for chunk in stream:
        calls += [call.to_dict() for call in chunk.choices[0].delta.tool_calls or []]
        if len(calls) == 2:
            house.far_end.release.set()
    house.far_end.release.clear()
    id_ = calls[0].pop("id")
    assert id_.startswith("call_")
    assert calls == [
        {"index": 0, "type": "function", "function": {"name": "weather", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"city"'}},
        {"index": 0, "function": {"arguments": ': "Huế"}'}},
    ]


@pytest.mark.parametrize("stream", [False, True])
def test_no_key_leaves_by_the_way_of_unknown_fields(house: House, stream: bool) -> None:
    asked: Any = {"model": "far-end/echo-beyond", "messages": ASKED, "n": 2, "stream": stream}
    asked |= {"stream_options": {"include_usage": True}} if stream else {}
    headers = {"x-api-key": house.tokens["owner"]}
    text = httpx2.post(f"{house.url}/chat/completions", json=asked, headers=headers).text
    assert text.count(REMOVED) >= 6
    assert KEY not in text


@pytest.mark.parametrize("model", ["far-end/ok", "claude/haiku", "demo/demo-echo"])
def test_no_answer_shows_what_is_only_ours(client: openai.OpenAI, model: str) -> None:
    answer = client.chat.completions.create(model=model, messages=ASKED).to_dict()
    assert not {"more", "others", "choice", "chunk", "delta"} & answer.keys()
