"""A parameter that is refused by name is repaired once, on the wire."""

import pytest

from tests.far_end import FarEnd
from webapp.upstream import complete, probe, stream
from webapp.upstream.failures import UpstreamError
from webapp.upstream.messages import ChatMessage, ChatRequest
from webapp.upstream.target import AuthStyle, Target


def _target(far_end: FarEnd) -> Target:
    return Target("openai", far_end.base_url, auth_style=AuthStyle.NONE, allow_private=True)


def _question(model: str) -> ChatRequest:
    return ChatRequest(model, (ChatMessage("user", "Hello"),), max_tokens=64)


def test_max_tokens_is_renamed_for_models_that_ask_for_it(far_end: FarEnd) -> None:
    reply = complete(_target(far_end), _question("refuse:max_tokens"))
    assert reply.text == far_end.text
    assert [sorted(set(call.json) & {"max_tokens", "max_completion_tokens"}) for call in far_end.calls] == [
        ["max_tokens"],
        ["max_completion_tokens"],
    ]
    assert reply.details["repair"]


def test_stream_options_are_left_out_where_they_are_refused(far_end: FarEnd) -> None:
    answer = stream(_target(far_end), _question("refuse:stream_options"))
    assert "".join(piece.text for piece in answer) == far_end.text
    assert answer.reply.details["repair"]
    assert len(far_end.calls) == 2


def test_a_refusal_that_names_nothing_of_ours_is_not_sent_again(far_end: FarEnd) -> None:
    with pytest.raises(UpstreamError):
        complete(_target(far_end), _question("400"))
    assert len(far_end.calls) == 1


def test_the_connection_test_passes_with_a_model_that_refuses_max_tokens(far_end: FarEnd) -> None:
    last = {rung.name: rung.verdict for rung in probe(_target(far_end), "refuse:max_tokens")}
    assert last["answer"] == last["stream"] == "good"
