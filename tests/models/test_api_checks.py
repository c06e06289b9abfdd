"""Programs check what a model can do, and say what it costs."""

import threading
from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from tests.far_end import FarEnd
from tests.program import Program

Add = Callable[..., int]
Offer = Callable[..., None]


def at(provider: int, model: str) -> str:
    return f"/api/providers/{provider}/models/{model}"


def check(member: Program, provider: int, model: str, **what: object) -> TestResponse:
    return member.post("/api/models/capability-checks", {"provider_id": provider, "model": model, **what})


def test_a_program_checks_a_capability_and_finds_it_in_the_model(
    member: Program, add_provider: Add, far_end: FarEnd, offer: Offer
) -> None:
    provider = add_provider(far_end.base_url)
    offer(provider, "able", "refusing", "429")
    found = check(member, provider, "able", capability="vision")
    assert found.status_code == 200, found.text
    assert {"capability": "vision", "verdict": "yes", "reason": "saw_it", "error": None}.items() <= found.json.items()
    assert "/chat/completions" in found.json["request"]
    shown = next(row for row in member.get(f"/api/providers/{provider}/models").json if row["model_id"] == "able")
    assert (shown["capabilities"]["vision"], shown["sources"]["vision"]) == (True, "probed")
    refused = check(member, provider, "refusing", capability="tools")
    assert (refused.json["verdict"], refused.json["reason"]) == ("no", "refused")
    assert "does not support tools" in refused.json["response"]
    limited = check(member, provider, "429", capability="streaming")
    assert (limited.json["verdict"], limited.json["error"]) == ("unknown", "rate_limit")


@pytest.mark.parametrize("body", [{}, {"capability": "audio_input"}, {"capability": "vision", "more": 1}])
def test_only_what_can_be_checked_is_taken(
    member: Program, add_provider: Add, offer: Offer, body: dict[str, object]
) -> None:
    provider = add_provider("http://127.0.0.1:9/v1")
    offer(provider, "m")
    assert check(member, provider, "m", **body).status_code == 422
    assert check(member, provider, "n", capability="vision").status_code == 404


def test_the_same_check_does_not_run_twice_at_once(
    member: Program, add_provider: Add, far_end: FarEnd, offer: Offer
) -> None:
    provider = add_provider(far_end.base_url)
    offer(provider, "hold")
    answers: list[TestResponse] = []
    first = threading.Thread(target=lambda: answers.append(check(member, provider, "hold", capability="reasoning")))
    first.start()
    far_end.wait_for_calls(1)
    assert check(member, provider, "hold", capability="reasoning").status_code == 409
    far_end.release.set()
    first.join()
    assert answers[0].status_code == 200


def test_a_program_says_what_a_model_costs_and_takes_it_back(manager: Program, add_provider: Add, offer: Offer) -> None:
    provider = add_provider("http://127.0.0.1:9/v1")
    offer(provider, "m", details={"price": {"input_price": 1.0, "output_price": 2.0}})
    said = manager.patch(
        at(provider, "m"), {"price": {"input": 0, "cached": 0.5}, "capabilities": {"streaming": False}}
    )
    assert said.json["price"] == {"input": 0, "output": 2.0, "cached": 0.5}
    assert (said.json["sources"]["input_price"], said.json["sources"]["output_price"]) == ("people", "provider")
    assert said.json["capabilities"]["streaming"] is False
    back = manager.patch(at(provider, "m"), {"price": {"input": None, "cached": None}})
    assert back.json["price"] == {"input": 1.0, "output": 2.0, "cached": None}
    for price in ({"input": -1}, {"input": "free"}, {"input": 1e9}, {"other": 1}, 3):
        assert manager.patch(at(provider, "m"), {"price": price}).status_code == 422
