"""What failures and answers say of providers, models and keys: rests, trials, and who is to blame."""

import pytest

from tests.routing.conftest import Time
from webapp.routing.condition import Subject
from webapp.routing.health import Call, Health
from webapp.routing.terms import State
from webapp.upstream.failures import UpstreamError, failure

CALL = Call(1, 10, "direct", 100)
OTHER_MODEL = Call(1, 11, "direct", 100)
GATED = Call(1, 10, "office", None)


@pytest.fixture
def health(time: Time) -> Health:
    return Health()


def fail(health: Health, category: str, times: int = 1, call: Call = CALL, **more: object) -> UpstreamError:
    error = failure(category, **more)
    for _ in range(times):
        health.note_failure(call, error)
    return error


def states(health: Health) -> list[State]:
    return [health.state_of(("provider", 1, "direct")), health.state_of(("model", 10, "direct")), health.key_state(100)]


def test_nobody_knows_before_the_first_call(health: Health) -> None:
    assert states(health) == ["unknown"] * 3
    health.note_good(CALL, 300)
    assert states(health) == ["good"] * 3
    assert health.first_token_ms(10, "direct") == 300
    assert health.first_token_ms(10, "office") is None


def test_server_errors_put_out_the_model_after_three_and_nobody_else(health: Health) -> None:
    fail(health, "server_error", 2)
    assert states(health) == ["unknown", "degraded", "unknown"]
    fail(health, "server_error")
    assert states(health) == ["unknown", "down", "unknown"]
    assert health.state(1, 11, "direct") == "unknown"
    assert health.state(1, 10, "office") == "unknown"


def test_a_refused_connection_puts_out_the_provider_on_this_route_at_once(health: Health) -> None:
    fail(health, "network_refused")
    assert states(health) == ["down", "unknown", "unknown"]
    assert health.state(1, 11, "direct") == "down"
    assert health.state(1, 10, "office") == "unknown"


def test_a_rate_limit_lets_the_key_rest_as_long_as_it_was_told(health: Health, time: Time) -> None:
    fail(health, "rate_limit", retry_after_seconds=90)
    assert states(health) == ["unknown", "unknown", "resting"]
    time.now += 89
    assert health.key_state(100) == "resting"
    time.now += 2
    assert health.key_state(100) == "trial"


def test_without_a_key_of_ours_the_provider_rests_instead(health: Health) -> None:
    fail(health, "rate_limit", call=Call(1, 10, "direct", None))
    assert health.state_of(("provider", 1, "direct")) == "resting"


def test_what_the_request_did_wrong_counts_for_nobody(health: Health) -> None:
    for category in ("bad_request", "content_filter", "context_length", "payload_too_large", "feature_unsupported"):
        fail(health, category, 5)
    assert states(health) == ["unknown"] * 3


def test_after_a_rest_one_call_tries_and_the_others_wait_for_it(health: Health, time: Time) -> None:
    fail(health, "network_refused")
    assert not health.may_ask(CALL)
    time.now += 16
    assert health.state(1, 10, "direct") == "trial"
    assert health.may_ask(CALL)
    assert not health.may_ask(OTHER_MODEL)
    health.note_good(CALL, 100)
    assert health.may_ask(OTHER_MODEL)
    assert health.state(1, 10, "direct") == "degraded"


def test_a_failed_trial_doubles_the_rest_up_to_ten_minutes(health: Health, time: Time) -> None:
    rests = []
    for _ in range(8):
        fail(health, "network_refused")
        begun = time.now
        while health.state_of(("provider", 1, "direct")) != "trial":
            time.now += 1
        rests.append(round(time.now - begun))
    assert rests == [15, 30, 60, 120, 240, 480, 600, 600]


def test_an_empty_account_rests_for_half_an_hour_however_often(health: Health, time: Time) -> None:
    for _ in range(3):
        fail(health, "billing")
        time.now += 1799
        assert health.key_state(100) == "resting"
        time.now += 2
        assert health.key_state(100) == "trial"


def test_a_trial_that_never_ends_does_not_block_for_ever(health: Health, time: Time) -> None:
    fail(health, "network_refused")
    time.now += 16
    assert health.may_ask(CALL)
    time.now += 21
    assert health.may_ask(CALL)


def test_slow_answers_are_degraded_and_quick_ones_good_again(health: Health) -> None:
    for _ in range(10):
        health.note_good(CALL, 9_000)
    assert health.state(1, 10, "direct") == "degraded"
    for _ in range(60):
        health.note_good(CALL, 200)
    assert health.state(1, 10, "direct") == "good"


def test_every_change_is_told_once(health: Health, time: Time) -> None:
    told: list[tuple[int, Subject, State, State, str]] = []
    health.told = lambda one: told.append((one.provider_id, one.subject, one.was, one.state, one.category))
    fail(health, "server_error", 3)
    fail(health, "server_error")
    health.note_good(CALL, 10)
    model: Subject = ("model", 10, "direct")
    assert [change for change in told if change[1] == model] == [
        (1, model, "unknown", "degraded", "server_error"),
        (1, model, "degraded", "down", "server_error"),
        (1, model, "down", "degraded", ""),
    ]


def test_what_was_mended_by_hand_begins_anew(health: Health) -> None:
    fail(health, "network_tls")
    health.reset(("provider", 1, "direct"))
    assert health.state(1, 10, "direct") == "unknown"
