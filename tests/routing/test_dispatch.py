"""The loop of retry and failover: who is asked next after which failure, and what the trail says."""

import pytest

from tests.routing.conftest import Time
from webapp.routing.dispatch import Trail, Turn, call_of, dispatch
from webapp.routing.failover import POLICIES
from webapp.routing.health import Health
from webapp.routing.terms import Decision, Key, Option, Place, State
from webapp.upstream.brake import Brake, Stopped
from webapp.upstream.failures import CATEGORIES, UpstreamError, failure

Script = dict[str, list[str | UpstreamError]]


def option(name: str, *, key: int | None = None, state: State = "unknown", context: int | None = None) -> Option:
    """`groq/model@route`: provider and model numbers follow their names."""
    place, _, route = name.partition("@")
    provider, _, model = place.partition("/")
    number = sum(map(ord, provider))
    found = Place(number, provider, number * 1000 + sum(map(ord, model)), model, context_length=context)
    return Option(found, route or "direct", Key(key), state)


def asked(
    script: Script, *options: Option, health: Health | None = None, patience: float = 0
) -> tuple[str | UpstreamError, list[str]]:
    """Play a script: what each name answers, time after time. Return the end and the names in order."""
    trail = Trail()
    left = {name: list(outcomes) for name, outcomes in script.items()}

    def attempt(turn: Turn) -> str:
        place = turn.option.place
        name = place.name if turn.option.key.id is None else f"{place.name}#{turn.option.key.id}"
        name += "" if turn.option.route == "direct" else f"@{turn.option.route}"
        outcome = left[name].pop(0) if left.get(name) else f"answer of {name}"
        if isinstance(outcome, UpstreamError):
            raise outcome
        if outcome in CATEGORIES:
            raise failure(outcome)
        return outcome

    end: str | UpstreamError
    try:
        end = dispatch(Decision(options, (), None), attempt, health or Health(), trail, Brake(), patience)
    except UpstreamError as error:
        end = error
    names = [
        f"{tried.provider}/{tried.model}" + (f"#{tried.key_id}" if tried.key_id else "") for tried in trail.attempts
    ]
    outcomes = [tried.outcome for tried in trail.attempts]
    return end, [f"{name} {outcome}" for name, outcome in zip(names, outcomes, strict=True)]


def test_the_first_that_answers_ends_the_row() -> None:
    assert asked({}, option("a/x"), option("b/x")) == ("answer of a/x", ["a/x ok"])


@pytest.mark.parametrize("category", sorted(name for name, policy in POLICIES.items() if policy.then == "next"))
def test_a_failure_of_the_target_goes_on_to_the_next(category: str) -> None:
    end, trail = asked({"a/x": [category]}, option("a/x"), option("b/x"))
    assert end == "answer of b/x"
    assert trail == [f"a/x {category}", "b/x ok"]


@pytest.mark.parametrize("category", sorted(name for name, policy in POLICIES.items() if policy.then == "stop"))
def test_a_fault_of_the_request_is_told_at_once(category: str) -> None:
    end, trail = asked({"a/x": [category]}, option("a/x"), option("b/x"))
    assert isinstance(end, UpstreamError)
    assert end.category == category
    assert len(trail) == 1


def test_every_category_has_its_policy() -> None:
    assert POLICIES.keys() == CATEGORIES


def test_too_long_a_conversation_goes_only_where_there_is_more_room() -> None:
    small, same, large = (option(f"{name}/x", context=size) for name, size in (("a", 8), ("b", 8), ("c", 32)))
    end, trail = asked({"a/x": ["context_length"]}, small, same, large)
    assert (end, trail) == ("answer of c/x", ["a/x context_length", "c/x ok"])


def test_a_refused_key_is_followed_by_the_providers_next_key() -> None:
    end, trail = asked({"a/x#1": ["auth_invalid"]}, option("a/x", key=1), option("a/x", key=2), option("b/x"))
    assert (end, trail) == ("answer of a/x#2", ["a/x#1 auth_invalid", "a/x#2 ok"])


def test_an_unreachable_provider_is_left_with_all_its_keys_but_not_with_its_other_route() -> None:
    ways = (option("a/x", key=1), option("a/x", key=2), option("a/x@office"), option("b/x"))
    end, trail = asked({"a/x#1": ["network_refused"]}, *ways)
    assert (end, trail) == ("answer of a/x@office", ["a/x#1 network_refused", "a/x ok"])


def test_a_broken_model_is_not_asked_with_another_key() -> None:
    end, trail = asked({"a/x#1": ["server_error"]}, option("a/x", key=1), option("a/x", key=2), option("a/y"))
    assert (end, trail) == ("answer of a/y", ["a/x#1 server_error", "a/y ok"])


def test_the_last_failure_is_told_when_nobody_is_left() -> None:
    end, trail = asked({"a/x": ["server_error"], "b/x": ["timeout"]}, option("a/x"), option("b/x"))
    assert isinstance(end, UpstreamError)
    assert end.category == "timeout"
    assert trail == ["a/x server_error", "b/x timeout"]


def test_a_wait_that_is_named_and_short_is_waited_when_nobody_else_is_left() -> None:
    busy = failure("overloaded", status=503, retry_after_seconds=0.01)
    end, trail = asked({"a/x": [busy, busy]}, option("a/x"), patience=1)
    assert (end, trail) == ("answer of a/x", ["a/x overloaded", "a/x overloaded", "a/x ok"])


@pytest.mark.parametrize("seconds", [None, 5.0])
def test_a_wait_that_is_not_named_or_too_long_is_not_waited(seconds: float | None) -> None:
    busy = failure("overloaded", status=503, retry_after_seconds=seconds)
    _, trail = asked({"a/x": [busy]}, option("a/x"), patience=1)
    assert trail == ["a/x overloaded"]


def test_a_wait_that_is_named_inside_an_answer_that_has_begun_is_not_waited() -> None:
    busy = failure("overloaded", status=200, retry_after_seconds=0.01)
    _, trail = asked({"a/x": [busy]}, option("a/x"), patience=1)
    assert trail == ["a/x overloaded"]


@pytest.mark.parametrize("category", ["timeout", "server_error", "stream_cut", "bad_response", "network_timeout"])
def test_what_may_have_been_processed_is_never_sent_again_to_the_same_target(category: str) -> None:
    error = failure(category, retry_after_seconds=0.01)
    _, trail = asked({"a/x": [error, error]}, option("a/x"), patience=60)
    assert trail == [f"a/x {category}"]


def test_a_wait_ends_when_somebody_stops_it() -> None:
    brake = Brake()
    busy = failure("overloaded", status=503, retry_after_seconds=30)

    def attempt(turn: Turn) -> str:
        brake.pull()
        raise busy

    with pytest.raises(Stopped):
        dispatch(Decision((option("a/x"),), (), None), attempt, Health(), Trail(), brake, 60)


def test_nobody_to_ask_is_told_in_words() -> None:
    end, trail = asked({})
    assert isinstance(end, UpstreamError)
    assert (end.category, trail) == ("model_not_found", [])


def test_who_is_being_tried_out_by_somebody_else_is_asked_last(time: Time) -> None:
    health, tried = Health(), option("a/x", state="trial")
    health.note_failure(call_of(tried), failure("network_refused"))
    time.now += 60
    assert health.may_ask(call_of(tried))  # somebody else is at it
    assert asked({}, tried, option("b/x"), health=health)[0] == "answer of b/x"


def test_the_trail_names_status_and_words_but_no_more_than_needed() -> None:
    trail = Trail()

    def attempt(turn: Turn) -> str:
        if turn.is_last:
            return "fine"
        raise failure("server_error", "x" * 500, status=503)

    dispatch(Decision((option("a/x"), option("b/x")), (), None), attempt, Health(), trail, Brake())
    first, second = trail.rows()
    assert (first["status"], first["said"], second["outcome"]) == (503, "x" * 200, "ok")
    assert first["ms"] >= 0
