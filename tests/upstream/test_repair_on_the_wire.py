"""A parameter that is refused by name is repaired once, on the wire."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests import far_end_chat
from tests.far_end import FarEnd
from webapp.upstream import complete, probe, stream
from webapp.upstream.failures import UpstreamError
from webapp.upstream.messages import ChatMessage, ChatRequest, Reply
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


FAMILIES = {
    "max_tokens": "rename max_tokens max_completion_tokens",
    "temperature": "drop temperature",
    "top_p": "drop top_p",
    "stream_options": "drop stream_options",
    "tools": "drop tools",
    "response_format": "drop response_format",
}
EXTRA = {
    "top_p": 0.9,
    "stream_options": {"include_usage": True},
    "tools": [{"type": "function", "function": {"name": "f"}}],
    "tool_choice": "auto",
    "response_format": {"type": "json_object"},
}


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("is_stream", [True, False])
def test_what_is_refused_is_repaired_and_once_remembered_is_never_sent(
    name: str, is_stream: bool, far_end: FarEnd
) -> None:
    asked = replace(_question(f"refuse:{name}"), temperature=0.5, extra=EXTRA)
    reply = _answer(_target(far_end), asked, is_stream)
    assert (reply.text, reply.details["repair"], reply.details["refusals"]) == (far_end.text, [FAMILIES[name]], 1)
    mended = replace(_target(far_end), quirks={asked.model: tuple(reply.details["repair"])})
    reply = _answer(mended, asked, is_stream)
    assert (reply.text, "repair" in reply.details) == (far_end.text, False)
    assert [name in call.json for call in far_end.calls] == [True, False, False]


@pytest.mark.parametrize("is_stream", [True, False])
def test_a_role_that_is_refused_is_repaired_inside_the_messages_of_a_program(
    is_stream: bool, far_end: FarEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(play: Any) -> None:
        if play.call.json["messages"][0]["role"] == "developer":
            text = "'developer' is not one of ['system', 'assistant', 'user']"
            play.send(400, json.dumps({"error": {"message": text}}).encode())
        else:
            far_end_chat.ok(play)

    monkeypatch.setitem(far_end_chat.SCRIPTS, "no-developer", refuse)
    asked = ChatRequest("no-developer", (), extra={"messages": [{"role": "developer", "content": "Be brief."}]})
    reply = _answer(_target(far_end), asked, is_stream)
    assert (reply.text, reply.details["repair"]) == (far_end.text, ["role developer system"])


@pytest.mark.parametrize("is_stream", [True, False])
def test_a_limit_that_the_dialect_sends_is_lowered_to_what_the_model_allows(
    is_stream: bool, far_end: FarEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(play: Any) -> None:
        if play.call.json["max_tokens"] > 4096:
            text = "max_tokens: 8192 > 4096, which is the maximum allowed number of output tokens for this model"
            play.send(400, json.dumps({"type": "error", "error": {"message": text}}).encode())
        else:
            far_end_chat.ok(play)

    monkeypatch.setitem(far_end_chat.SCRIPTS, "anthropic-small", refuse)
    target = replace(_target(far_end), dialect="anthropic", base_url=far_end.at("anthropic-small"))
    asked = ChatRequest("m", (ChatMessage("user", "Hello"),))
    reply = _answer(target, asked, is_stream)
    assert (reply.text, reply.details["repair"]) == (far_end.text, ["cap max_tokens 4096"])
    _answer(replace(target, quirks={"m": ("cap max_tokens 4096",)}), asked, is_stream)
    assert [call.json["max_tokens"] for call in far_end.calls] == [8192, 4096, 4096]


def test_each_of_several_refusals_is_repaired_but_none_twice(far_end: FarEnd, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(play: Any) -> None:
        far_end_chat.script(f"refuse:{next((name for name in EXTRA if name in play.call.json), 'top_k')}")(play)

    monkeypatch.setitem(far_end_chat.SCRIPTS, "picky", refuse)
    few = {name: EXTRA[name] for name in ("top_p", "response_format")}
    reply = complete(_target(far_end), replace(_question("picky"), extra=few))
    assert (reply.details["repair"], reply.details["refusals"]) == (["drop top_p", "drop response_format"], 2)
    with pytest.raises(UpstreamError):
        complete(_target(far_end), replace(_question("refuse:messages"), extra=few))


def test_the_connection_test_asks_as_the_model_wants_it(far_end: FarEnd) -> None:
    quirks = {"refuse:max_tokens": ("rename max_tokens max_completion_tokens",)}
    last = {rung.name: rung for rung in probe(replace(_target(far_end), quirks=quirks), "refuse:max_tokens")}
    assert last["answer"].verdict == last["stream"].verdict == "good"
    assert [call.json.get("max_tokens") for call in far_end.calls if call.method == "POST"] == [None] * 2


def _answer(target: Target, request: ChatRequest, is_stream: bool) -> Reply:
    if not is_stream:
        return complete(target, request)
    answer = stream(target, request)
    list(answer)
    return answer.reply
