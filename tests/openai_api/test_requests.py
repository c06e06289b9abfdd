"""What a program may not ask is refused by name, in OpenAI's words, and nothing is sent to a provider."""

from typing import Any

import orjson
import pytest
from werkzeug.test import TestResponse

from tests.openai_api.conftest import House

ASKED = [{"role": "user", "content": "Hello"}]
TOOL = {"type": "function", "function": {"name": "f"}}
REMOTE = {"type": "image_url", "image_url": {"url": "http://169.254.169.254/latest"}}


def post(house: House, body: Any, path: str = "/v1/chat/completions") -> TestResponse:
    assert house.app
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    headers = {"Authorization": f"Bearer {house.tokens['owner']}", "Content-Type": "application/json"}
    return house.app.test_client().post(path, data=data, headers=headers)


def asking(**fields: Any) -> dict[str, Any]:
    return {"model": "far-end/ok", "messages": ASKED} | fields


def expect_refused(house: House, response: TestResponse, status: int = 400) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert house.far_end.calls == []
    return error


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings"])
@pytest.mark.parametrize("name", ["base_url", "api_base", "api_key", "extra_headers", "organization", "extra_body"])
def test_nobody_chooses_address_or_key(furnished: House, name: str, path: str) -> None:
    error = expect_refused(furnished, post(furnished, asking(input="a", **{name: "http://evil.example"}), path))
    assert (error["message"], error["param"], error["code"]) == (
        f"Unknown parameter: '{name}'.",
        name,
        "unknown_parameter",
    )


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 1000}, "n"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_completion_tokens": 0}, "max_completion_tokens"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"messages": "Hello"}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": ASKED * 100_000}, "messages"),
        ({"messages": ["Hello"]}, "messages[0]"),
        ({"messages": [{"content": "Hello"}]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"messages": [*ASKED, {"role": "user", "content": ["Hello"]}]}, "messages[1].content[0]"),
        ({"messages": [{"role": "user", "content": [REMOTE]}]}, "messages[0].content[0].image_url"),
        ({"model": 7}, "model"),
        ({"model": ""}, "model"),
        ({"model": "x" * 3000}, "model"),
    ],
)
def test_the_wrong_parameter_is_named(furnished: House, fields: dict[str, Any], param: str) -> None:
    assert expect_refused(furnished, post(furnished, asking(**fields)))["param"] == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{"type": "custom"}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": {"type": "function"}}, "tools"),
        ({"tools": [TOOL], "tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": "sometimes"}, "tool_choice"),
        ({"response_format": {"type": "grammar"}}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"seed": 0}, "seed"),
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"messages": [{"role": "function", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "user", "content": "x", "name": "Linh"}]}, "messages[0].name"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]}, "messages[0].tool_calls[0]"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}]},
            "messages[0].tool_calls[0].id",
        ),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "[1"}}]}]},
            "messages[0].tool_calls[0].function.arguments",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages[0].content[0]"),
        *(
            (
                {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]},
                "messages[0].content[0].image_url",
            )
            for url in (
                "data:x",
                "http://example.com/a.png",
                "https://169.254.169.254/latest",
                "https://[::1]/a.png",
                "https://0x7f.1/a.png",
                "https://localhost/a.png",
                "https://printer.local/a.png",
                "https://example.com:8443/a.png",
                "https://user@example.com/a.png",
                "https://[/a.png",
                7,
            )
        ),
    ],
)
def test_what_is_not_translated_is_refused_not_dropped(furnished: House, fields: dict[str, Any], param: str) -> None:
    assert expect_refused(furnished, post(furnished, asking(**fields) | {"model": "claude/haiku"}))["param"] == param


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[" * 100_000,
        b'{"model":' * 100_000,
        b'[{"model": "far-end/ok"}]',
        b'"far-end/ok"',
        b"null",
        b'{"model": "far-end/ok", "messages": [], "temperature": NaN}',
        b'{"model": "far-end/ok", "messages": [{"role": "user", "content": "\\u0000"}]}',
        b'{"model": "far-end/ok", "messages": [{"role": "user", "content": "\\\\\\u0000"}]}',
        b'{"model": "far-end/ok", "messages": [{"role": "user", "content": "\\ud800"}]}',
        b'{"model": "far-end/ok", "messages": [{"role": "user", "content": "\xff"}]}',
        b'{"model": "far-end/ok\x00"}',
        b"model=far-end/ok",
    ],
)
def test_what_is_not_a_sound_json_object_is_refused(furnished: House, body: bytes) -> None:
    expect_refused(furnished, post(furnished, body))


def test_a_text_about_nul_is_just_text(furnished: House) -> None:
    text = "In JSON it is written \\u0000."
    assert post(furnished, asking(messages=[{"role": "user", "content": text}])).status_code == 200
    assert furnished.far_end.calls[0].json["messages"][0]["content"] == text


def test_deep_tools_are_refused_not_a_fault(furnished: House) -> None:
    tools: Any = b'{"a":' * 900 + b"1" + b"}" * 900
    body = b'{"model": "far-end/ok", "messages": [{"role": "user", "content": "x"}], "tools": [' + tools + b"]}"
    assert post(furnished, body).status_code == 400
    assert furnished.far_end.calls == []


def test_more_than_eight_megabytes_are_too_large(furnished: House) -> None:
    fields = asking(messages=[{"role": "user", "content": "x" * 10_000_000}])
    expect_refused(furnished, post(furnished, fields), 413)


def test_an_image_of_one_megabyte_is_not(furnished: House) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1_000_000}}
    fields = asking(messages=[{"role": "user", "content": [image]}])
    assert post(furnished, fields).status_code == 200
    assert furnished.far_end.calls[0].json["messages"] == fields["messages"]
