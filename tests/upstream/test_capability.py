"""What a real call tells of a model: yes by proof, no by refusal or disproof, else that nobody can tell."""

from dataclasses import replace

import pytest

from tests.far_end import FarEnd
from webapp.core.secret import Secret
from webapp.upstream.capability import CHECKS, check
from webapp.upstream.messages import ChatRequest
from webapp.upstream.target import Target

EACH = pytest.mark.parametrize("capability", list(CHECKS))
BOTH = pytest.mark.parametrize("dialect", ["openai", "anthropic"])
SECRET = "sk-canary-of-the-check-123456"


def target(far_end: FarEnd, dialect: str = "openai", script: str = "able") -> Target:
    base_url = f"{far_end.root}/{script}/anthropic/v1" if dialect == "anthropic" else far_end.at(script)
    return Target(dialect, base_url, api_key=Secret(SECRET), allow_private=True)


@BOTH
@EACH
def test_a_model_that_can_proves_it(far_end: FarEnd, dialect: str, capability: str) -> None:
    found = check(target(far_end, dialect), "m", capability)
    assert (found.verdict, far_end.calls[-1].path.rpartition("/")[2]) == (
        "yes",
        "messages" if dialect == "anthropic" else "completions",
    )
    exchange = found.asked[-1].exchange
    assert exchange.request
    assert exchange.response
    assert SECRET not in exchange.request + exchange.response
    assert found.asked[-1].reply
    assert found.asked[-1].reply.usage


@BOTH
@pytest.mark.parametrize(
    ("capability", "verdict", "reason"),
    [
        ("vision", "no", "saw_nothing"),
        ("tools", "no", "called_nothing"),
        ("structured_output", "no", "gave_text"),
        ("streaming", "no", "came_whole"),
        ("reasoning", "unknown", "no_thoughts"),
    ],
)
def test_an_answer_that_heeds_nothing_disproves_all_but_secret_thinking(
    far_end: FarEnd, dialect: str, capability: str, verdict: str, reason: str
) -> None:
    found = check(target(far_end, dialect, "unable"), "m", capability)
    assert (found.verdict, found.reason) == (verdict, reason)


@BOTH
@pytest.mark.parametrize("capability", ["vision", "tools", "structured_output", "streaming"])
def test_a_refusal_that_names_the_feature_says_no(far_end: FarEnd, dialect: str, capability: str) -> None:
    found = check(target(far_end, dialect, "refusing"), "m", capability)
    assert (found.verdict, found.reason) == ("no", "refused")
    assert found.asked[-1].error
    assert found.asked[-1].error.message[:20] in found.asked[-1].exchange.response


@EACH
@pytest.mark.parametrize("script", ["401", "402", "403", "404", "429", "500", "503", "400", "html", "silent"])
def test_an_outage_or_another_refusal_tells_nothing(far_end: FarEnd, capability: str, script: str) -> None:
    found = check(target(far_end, script=script), "m", capability)
    assert (found.verdict, found.reason) == ("unknown", "failed")
    assert found.asked[-1].error


@EACH
def test_an_answer_spent_on_thinking_tells_nothing_but_that_it_thinks(far_end: FarEnd, capability: str) -> None:
    found = check(target(far_end, script="length"), "m", capability)
    assert (found.verdict, found.reason) in {
        ("unknown", "no_answer"),
        ("unknown", "no_thoughts"),
        ("unknown", "came_at_once"),
    }


@EACH
def test_a_model_that_says_nothing_is_left_at_the_deadline(far_end: FarEnd, capability: str) -> None:
    found = check(target(far_end, script="hold"), "m", capability, seconds=0.3)
    assert (found.verdict, found.reason) == ("unknown", "failed")
    assert found.asked[-1].error
    assert found.asked[-1].error.category == "timeout"


@pytest.mark.parametrize(("script", "verdict"), [("says-red", {"no", "unknown"}), ("says-all", {"unknown"})])
def test_guessing_colours_proves_nothing(far_end: FarEnd, script: str, verdict: set[str]) -> None:
    assert check(target(far_end, script=script), "m", "vision").verdict in verdict


def test_a_call_with_other_words_than_asked_for_tells_nothing(far_end: FarEnd) -> None:
    found = check(target(far_end, script="calls-badly"), "m", "tools")
    assert (found.verdict, found.reason) == ("unknown", "called_wrongly")


def test_json_without_a_schema_counts_and_both_calls_are_told(far_end: FarEnd) -> None:
    found = check(target(far_end, script="only-any-json"), "m", "structured_output")
    assert (found.verdict, len(found.asked)) == ("yes", 2)


def test_a_tool_that_cannot_be_forced_is_asked_for_again(far_end: FarEnd) -> None:
    assert check(target(far_end, script="no-forced-tools"), "m", "tools").verdict == "yes"
    assert ["tool_choice" in call.json for call in far_end.calls] == [True, False]


def test_what_is_remembered_of_a_model_goes_along_unless_it_takes_the_question_away(far_end: FarEnd) -> None:
    quirks = {"m": ("drop tools", "rename max_tokens max_completion_tokens")}
    assert check(replace(target(far_end), quirks=quirks), "m", "tools").verdict == "yes"
    assert "max_tokens" not in far_end.calls[-1].json
    assert far_end.calls[-1].json["tools"]


@pytest.mark.parametrize(
    ("model", "capability", "verdict"),
    [
        *(("demo-tour", capability, "no") for capability in ("vision", "tools", "structured_output")),
        *((model, "streaming", "yes") for model in ("demo-tour", "demo-echo", "demo-slow")),
        ("demo-tour", "reasoning", "yes"),
        ("demo-echo", "vision", "no"),
        ("demo-echo", "reasoning", "unknown"),
    ],
)
def test_the_demo_is_checked_like_all_others(model: str, capability: str, verdict: str) -> None:
    assert check(Target("demo", ""), model, capability).verdict == verdict


def test_the_question_carries_what_a_chat_carries_and_keeps_what_it_needs(far_end: FarEnd) -> None:
    def prepare(request: ChatRequest) -> ChatRequest:
        return replace(request, extra=request.extra | {"tools": None, "seed": 7})

    assert check(target(far_end), "m", "tools", prepare).verdict == "yes"
    assert far_end.calls[-1].json["seed"] == 7
