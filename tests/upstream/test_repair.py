"""A request that was refused, and how it goes out again."""

from typing import Any

import pytest

from webapp.upstream.messages import ChatMessage, ChatRequest
from webapp.upstream.repair import is_word, mend, words_of

ADDED = {"stream_options": {"include_usage": True}}
REQUEST = ChatRequest(
    "m",
    (ChatMessage("system", "s"), ChatMessage("user", "u")),
    max_tokens=9,
    temperature=0.5,
    extra={"reasoning_effort": "low"},
)


@pytest.mark.parametrize(
    ("repair", "max_tokens", "temperature", "extra"),
    [
        ({"drop": ["temperature"]}, 9, None, {"reasoning_effort": "low"}),
        ({"drop": ["stream_options"]}, 9, 0.5, {"reasoning_effort": "low", "stream_options": None}),
        ({"drop": ["thinking", "reasoning_effort"]}, 9, 0.5, {"reasoning_effort": None}),
        (
            {"rename": {"max_tokens": "max_completion_tokens"}},
            None,
            0.5,
            {"reasoning_effort": "low", "max_completion_tokens": 9},
        ),
        ({"set": {"max_tokens": 4}}, 4, 0.5, {"reasoning_effort": "low"}),
        ({"map": {"reasoning_effort": {"low": "high"}}}, 9, 0.5, {"reasoning_effort": "high"}),
    ],
)
def test_a_repair_changes_what_was_refused_and_nothing_else(
    repair: dict[str, Any], max_tokens: int | None, temperature: float | None, extra: dict[str, Any]
) -> None:
    found, applied = mend(REQUEST, words_of(repair), ADDED)
    assert (found.max_tokens, found.temperature, found.extra) == (max_tokens, temperature, extra)
    assert found.messages == REQUEST.messages
    assert applied
    assert mend(found, words_of(repair), ADDED) == (found, [])


def test_a_system_text_becomes_a_user_turn_where_the_role_is_refused() -> None:
    found, _ = mend(REQUEST, ["role system user"])
    assert [turn.role for turn in found.messages] == ["user", "user"]


def test_the_messages_of_a_program_are_repaired_as_they_travel() -> None:
    asked = ChatRequest("m", (), extra={"messages": [{"role": "developer", "content": "s", "reasoning_content": "r"}]})
    found, applied = mend(asked, ["role developer system", "drop_field reasoning_content", "drop_field name"])
    assert found.extra == {"messages": [{"role": "system", "content": "s"}]}
    assert applied == ["role developer system", "drop_field reasoning_content"]


def test_what_makes_sense_with_tools_only_goes_with_them() -> None:
    found, _ = mend(ChatRequest("m", (), extra={"tools": [{}], "tool_choice": "auto"}), ["drop tools"])
    assert {name for name, value in found.extra.items() if value is not None} == set()


def test_a_cap_lowers_what_a_dialect_adds_and_adds_nothing_itself() -> None:
    assert mend(ChatRequest("m", ()), ["cap max_tokens 4096"], {"max_tokens": 8192})[0].max_tokens == 4096
    assert mend(ChatRequest("m", ()), ["cap max_tokens 4096"])[0].max_tokens is None
    assert mend(ChatRequest("m", (), max_tokens=16), ["cap max_tokens 4096"])[0].max_tokens == 16


@pytest.mark.parametrize(
    "repair", [{}, {"drop": ["tools"]}, {"drop_message_fields": ["reasoning_content"]}, {"drop": 5}]
)
def test_what_was_not_sent_cannot_be_repaired(repair: dict[str, Any]) -> None:
    assert mend(REQUEST, words_of(repair), ADDED) == (REQUEST, [])


@pytest.mark.parametrize(
    "text",
    ["", "drop", "drop model", "drop a b", "drop \u00e9", "drop  temperature", "cap max_tokens many",
     "role system developer", "rename max_tokens", "rename max_tokens model", "map a b",
     "forget temperature", "drop " + "x" * 65],
)  # fmt: skip
def test_a_text_that_is_no_word_is_told_apart(text: str) -> None:
    assert not is_word(text)
