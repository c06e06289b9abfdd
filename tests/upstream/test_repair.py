"""A request that was refused, and how it goes out again."""

from typing import Any

import pytest

from webapp.upstream.failures import failure
from webapp.upstream.messages import ChatMessage, ChatRequest
from webapp.upstream.repair import repaired

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
    found = repaired(REQUEST, failure("bad_param", details={"repair": repair}))
    assert found is not None
    assert (found.max_tokens, found.temperature, found.extra) == (max_tokens, temperature, extra)
    assert found.messages == REQUEST.messages
    assert repaired(found, failure("bad_param", details={"repair": repair})) is None


def test_a_system_text_becomes_a_user_turn_where_the_role_is_refused() -> None:
    found = repaired(REQUEST, failure("bad_param", details={"repair": {"roles": {"system": "user"}}}))
    assert found is not None
    assert [turn.role for turn in found.messages] == ["user", "user"]


@pytest.mark.parametrize(
    "repair", [{}, {"drop": ["tools"]}, {"drop_message_fields": ["reasoning_content"]}, {"drop": 5}]
)
def test_what_was_not_sent_cannot_be_repaired(repair: dict[str, Any]) -> None:
    assert repaired(REQUEST, failure("bad_param", details={"repair": repair})) is None
