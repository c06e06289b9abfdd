"""The time limits of a provider: how long each wait of a call may be, seen with a slow far end."""

import time
from collections.abc import Callable

import pytest
from flask import Flask

from tests.conftest import Person
from tests.far_end import FarEnd
from webapp.core.database import db, writing
from webapp.providers.limits import times_of
from webapp.providers.provider import Provider
from webapp.upstream import stream
from webapp.upstream.failures import UpstreamError
from webapp.upstream.messages import ChatMessage, ChatRequest
from webapp.upstream.target import Limits, Target


@pytest.fixture
def target(app: Flask, far_end: FarEnd, add_provider: Callable[..., int]) -> Callable[..., Target]:
    """Makes the target of a provider with these limits."""

    def make(**limits: float) -> Target:
        provider_id = add_provider(far_end.base_url)
        with app.app_context():
            with writing() as session:
                session.get_one(Provider, provider_id).limits = limits
            return db.session.get_one(Provider, provider_id).target(db.session)

    return make


@pytest.mark.parametrize(
    ("script", "limits", "told"),
    [
        ("hold", {"first_byte_seconds": 1}, "No answer in 1 s."),
        ("stall", {"first_byte_seconds": 1}, "No answer in 1 s."),
        ("stall-mid", {"idle_seconds": 1}, "No data for 1 s."),
    ],
)
def test_a_slow_answer_is_ended_after_the_providers_own_time(
    target: Callable[..., Target], script: str, limits: dict[str, float], told: str
) -> None:
    began = time.monotonic()
    answer = stream(target(**limits), ChatRequest(script, (ChatMessage("user", "Hello"),)))
    try:
        list(answer)
        error = answer.reply.error
    except UpstreamError as raised:
        error = raised
    assert error
    assert (error.category, error.message, error.action) == ("timeout", told, "raise_timeout")
    assert 1 <= time.monotonic() - began < 3


def test_a_whole_answer_that_is_too_long_is_ended(target: Callable[..., Target], far_end: FarEnd) -> None:
    far_end.pace = 0.01  # it shall take too long, not be too large
    answer = stream(target(total_seconds=1), ChatRequest("endless", (ChatMessage("user", "Hello"),)))
    list(answer)
    assert answer.reply.error
    assert "whole call is over (1 s)" in answer.reply.error.message


def test_without_limits_of_its_own_a_provider_has_the_usual_ones(target: Callable[..., Target]) -> None:
    assert target().limits == Limits()


def test_signs_of_life_alone_are_borne_as_long_as_the_longest_wait() -> None:
    assert times_of({"first_byte_seconds": 600}).progress_seconds == 600
    assert times_of({"idle_seconds": 900, "first_byte_seconds": 600}).progress_seconds == 900
    assert times_of({"idle_seconds": 5, "concurrent": 3}) == Limits(idle_seconds=5)


def test_a_failure_of_time_leads_to_the_time_limits(
    app: Flask, admin: Person, owner: Person, far_end: FarEnd, add_provider: Callable[..., int]
) -> None:
    provider_id = add_provider(far_end.base_url)
    with app.app_context(), writing() as session:
        provider = session.get_one(Provider, provider_id)
        provider.refresh_failure = {
            "category": "timeout",
            "status": None,
            "action": "raise_timeout",
            "message": "No answer in 1 s.",
        }
    place = f"/providers/{provider_id}/parameters#first_byte_seconds"
    page = admin.get(f"/providers/{provider_id}/models").text
    assert place in page
    assert "raise the time limit of the provider" in page
    assert place not in owner.get(f"/providers/{provider_id}/models").text
