"""What each dialect sends."""

import json
from typing import Any

import pytest

from tests.upstream.corpus_cases import target_for
from webapp.core.secret import Secret
from webapp.upstream.dialects import DIALECTS, anthropic, openai
from webapp.upstream.failures import UpstreamError
from webapp.upstream.messages import ChatMessage, ChatRequest
from webapp.upstream.target import Target

HELLO = (ChatMessage("user", "Hello"),)


def test_only_what_the_user_set_is_sent() -> None:
    call = openai.chat_call(target_for("openai"), ChatRequest("m", HELLO), stream=False)
    assert (call.method, call.path) == ("POST", "/chat/completions")
    assert body(call.body) == {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}


def test_a_stream_asks_for_usage() -> None:
    call = openai.chat_call(target_for("openai"), ChatRequest("m", HELLO, max_tokens=5, temperature=0.0), stream=True)
    sent = body(call.body)
    assert (sent["stream"], sent["stream_options"]) == (True, {"include_usage": True})
    assert (sent["max_tokens"], sent["temperature"]) == (5, 0.0)
    assert call.headers["Accept"] == "text/event-stream"


def test_extra_fields_are_added_and_none_takes_a_field_out() -> None:
    extra = {"stream_options": None, "max_completion_tokens": 9, "thinking": {"type": "disabled"}}
    sent = body(openai.chat_call(target_for("zai"), ChatRequest("m", HELLO, extra=extra), stream=True).body)
    assert "stream_options" not in sent
    assert (sent["max_completion_tokens"], sent["thinking"]) == (9, {"type": "disabled"})


def test_empty_turns_are_left_out() -> None:
    messages = (ChatMessage("user", "a"), ChatMessage("assistant", ""), ChatMessage("user", "b"))
    sent = body(openai.chat_call(target_for("zai"), ChatRequest("m", messages), stream=False).body)
    assert [turn["content"] for turn in sent["messages"]] == ["a", "b"]


def test_anthropic_gets_system_apart_one_turn_a_role_and_a_limit() -> None:
    messages = (
        ChatMessage("system", "Be brief."),
        ChatMessage("user", "one"),
        ChatMessage("user", "two"),
        ChatMessage("assistant", "So far \n"),
    )
    call = anthropic.chat_call(target_for("anthropic", "anthropic"), ChatRequest("c", messages, temperature=1.5), True)
    assert call.path == "/messages"
    assert call.headers["anthropic-version"] == "2023-06-01"
    assert body(call.body) == {
        "model": "c",
        "max_tokens": 8192,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "one\n\ntwo"}, {"role": "assistant", "content": "So far"}],
        "temperature": 1.0,
        "stream": True,
    }


def test_openai_servers_never_see_the_anthropic_version() -> None:
    calls = (
        openai.list_call(target_for("litellm")),
        openai.chat_call(target_for("litellm"), ChatRequest("m", HELLO), True),
    )
    assert not any("anthropic-version" in call.headers for call in calls)


def test_no_call_carries_the_key() -> None:
    for name, dialect in DIALECTS.items():
        target = Target(name, "https://host.example/v1", api_key=Secret("the-key-itself"))
        for call in (dialect.chat_call(target, ChatRequest("m", HELLO), True), dialect.list_call(target)):
            assert "the-key-itself" not in repr(call)


def test_pages_of_the_list_are_asked_for_one_by_one() -> None:
    target = target_for("anthropic", "anthropic")
    assert anthropic.list_call(target).query == {"limit": "1000"}
    page = anthropic.read_list(b'{"data":[{"id":"a"}],"has_more":true,"last_id":"a"}', target)
    assert anthropic.list_call(target, page.next).query == {"limit": "1000", "after_id": "a"}
    assert openai.list_call(target_for("openai")).query == {}


def test_a_provider_without_a_list_is_not_asked() -> None:
    with pytest.raises(UpstreamError) as caught:
        openai.list_call(Target("openai", "https://host.example", list_path=None))
    assert (caught.value.category, caught.value.action) == ("models_unavailable", "use_catalogue")


def test_text_that_is_not_unicode_is_refused_before_it_is_sent() -> None:
    with pytest.raises(UpstreamError) as caught:
        openai.chat_call(target_for("openai"), ChatRequest("m", (ChatMessage("user", "\ud83d"),)), False)
    assert caught.value.category == "bad_request"


def body(sent: bytes | None) -> Any:
    return json.loads(sent or b"")
