"""What people and programs see of health: the card, its settings, the list of providers, the picker, /api/health."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import insert

from tests.conftest import Person
from tests.far_end import FarEnd
from tests.models.lists import row_of
from tests.program import program
from tests.routing.conftest import Time
from webapp.accounts.user import find_user
from webapp.core import clock
from webapp.core.database import writing
from webapp.core.memory import memory
from webapp.models.standing import standings_of
from webapp.providers.provider import Provider
from webapp.routing.health import Call, health
from webapp.routing.history import HealthChange
from webapp.routing.report import DAY, down_times, pieces
from webapp.routing.states import states
from webapp.upstream.failures import failure
from webapp.usage.event import UsageEvent

Add = Callable[..., int]


@pytest.fixture
def provider_id(add_provider: Add, far_end: FarEnd) -> int:
    return add_provider(far_end.base_url, name="Chậm 智谱")


def called(app: Flask, provider_id: int, outcomes: Iterable[str], **more: object) -> None:
    """Write calls as the recorder does, one a minute, the newest last."""
    common = {"provider_id": provider_id, "provider_slug": "x", "provider_name": "X", "model_id": "m", "attempts": 1}
    common |= {"route": "direct", "kind": "chat", "source": "chat", "latency_ms": 2000.0, "first_token_ms": 900.0}
    outcomes = list(outcomes)
    rows = [
        {**common, "at": clock.now() - timedelta(minutes=len(outcomes) - place), "outcome": outcome, **more}
        for place, outcome in enumerate(outcomes)
    ]
    with app.app_context(), writing() as session:
        session.execute(insert(UsageEvent), rows)


def card(person: Person, provider_id: int) -> str:
    return person.get(f"/providers/{provider_id}/health").text


def listed(person: Person, tab: str = "all") -> str:
    return person.get(f"/providers?tab={tab}").text


def test_the_card_tells_figures_of_real_calls(app: Flask, admin: Person, provider_id: int) -> None:
    called(app, provider_id, ["ok"] * 7 + ["server_error", "bad_request", "stopped"])
    text = card(admin, provider_id)
    assert "87.5 % of 8 calls" in text  # what the request did wrong, or the user stopped, speaks against nobody
    assert "p50 2 s, p95 2 s" in text
    assert "p50 900 ms" in text
    assert "Chậm 智谱 failed</dd>" in text
    assert text.count('<rect class="') == 48
    assert "Not asked yet" in text


def test_a_first_call_that_failed_is_no_reason_to_say_that_nobody_asked(admin: Person, provider_id: int) -> None:
    health.note_failure(Call(provider_id, 1), failure("server_error"))
    assert "Some calls fail" in card(admin, provider_id)


def test_a_provider_that_nobody_asked_says_so(admin: Person, provider_id: int) -> None:
    text = card(admin, provider_id)
    assert "no calls in 24 hours" in text
    assert "Latency" not in text
    assert "Reachable" not in text
    assert text.count('class="none"') == 48


def test_changes_are_told_with_whom_they_are_about(app: Flask, admin: Person, provider_id: int) -> None:
    with app.app_context():
        health.note_failure(Call(provider_id, 999), failure("rate_limit", retry_after_seconds=20))
        health.note_failure(Call(provider_id, 999), failure("model_not_found"))
        states.exchange()
    text = card(admin, provider_id)
    assert "rests for 20 s" in text
    assert "a deleted model" in text
    assert "is down; tried again after 600 s" in text
    assert "The rate limit is reached" in text


def test_settings_are_kept_and_hold_at_once(app: Flask, admin: Person, provider_id: int) -> None:
    card(admin, provider_id)
    for _ in range(5):
        health.note_good(Call(provider_id, 1), 3_000)
    assert health.state_of(("provider", provider_id, "direct"), provider_id) == "good"
    answer = admin.post(f"/providers/{provider_id}/health", {"slow_seconds": "2"}, htmx=True)
    assert answer.status_code == 200
    assert "Saved" in answer.text
    assert row_of(app, provider_id).care == {"probes": False, "paid_probes": False, "slow_ms": 2000}
    assert health.state_of(("provider", provider_id, "direct"), provider_id) == "degraded"
    assert ">Slow<" in answer.text
    assert admin.post(f"/providers/{provider_id}/health", {"probes": "1"}).status_code == 303
    assert row_of(app, provider_id).care == {"probes": True, "paid_probes": False, "slow_ms": None}


@pytest.mark.parametrize("typed", ["x", "0", "601", "1.5", "٣", "9" * 40])
def test_a_wrong_threshold_is_refused_beside_its_field(admin: Person, provider_id: int, typed: str) -> None:
    card(admin, provider_id)
    answer = admin.post(f"/providers/{provider_id}/health", {"slow_seconds": typed}, htmx=True)
    assert answer.status_code == 422
    assert f'value="{typed}"' in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_members_see_the_card_and_change_nothing(owner: Person, provider_id: int) -> None:
    text = card(owner, provider_id)
    assert "24 h ago" in text
    assert "Check in the background" not in text
    assert owner.post(f"/providers/{provider_id}/health", {"slow_seconds": "2"}).status_code == 403


def test_a_provider_that_is_down_says_since_when_and_needs_attention(
    app: Flask, admin: Person, provider_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    health.note_failure(Call(provider_id, 1), failure("network_refused"))
    later = clock.now() + timedelta(minutes=26)
    monkeypatch.setattr(clock, "now", lambda: later)
    text = listed(admin, "attention")
    assert "Chậm 智谱" in text
    assert "Down for 26 min" in text
    assert "Nothing answers at" in text
    health.note_good(Call(provider_id, 1), 100)
    monkeypatch.undo()
    assert "Chậm 智谱" not in listed(admin, "attention")


def test_cards_draw_the_day_from_one_query(app: Flask, admin: Person, add_provider: Add, far_end: FarEnd) -> None:
    for number in range(3):
        called(app, add_provider(far_end.base_url, name=f"P{number}"), ["ok"] * 6, first_token_ms=400.0 + number)
    text = listed(admin)
    assert text.count('class="spark"') == 3
    assert "402 ms" in text
    assert "NaN" not in text


def test_the_picker_shows_health_and_lets_everything_be_chosen(app: Flask, provider_id: int, time: Time) -> None:
    def word() -> tuple[str, bool]:
        with app.app_context(), writing() as session:
            user = find_user(session, "owner")
            assert user
            memory.forget()
            found = standings_of(session, user)[provider_id]
            return found.word, found.is_usable

    assert word() == ("untested", True)
    health.note_failure(Call(provider_id, 1), failure("network_refused"))
    assert word() == ("out", True)
    health.note_good(Call(provider_id, 1), 50)
    assert word() == ("unsteady", True)
    time.now += 301
    assert word() == ("ready", True)


def test_programs_read_the_states_of_what_they_may_use(app: Flask, add_provider: Add, far_end: FarEnd) -> None:
    shared = add_provider(far_end.base_url, name="Shared")
    own = add_provider(far_end.base_url, name="Own", by="owner")
    for provider_id in (shared, own):
        health.note_failure(Call(provider_id, 5, key_id=50 + provider_id), failure("auth_missing"))
        health.note_failure(Call(provider_id, 5), failure("network_dns"))
        health.note_failure(Call(provider_id, 5), failure("network_dns"))
    told = {row["id"]: row for row in program(app, "owner").get("/api/health").json}
    assert told[own]["state"] == "down"
    assert told[own]["category"] == "network_dns"
    assert datetime.fromisoformat(told[own]["since"])
    assert [(part["kind"], part["state"]) for part in told[own]["parts"]] == [("key", "resting"), ("provider", "down")]
    assert [part["kind"] for part in told[shared]["parts"]] == ["provider"]
    assert own not in {row["id"] for row in program(app, "stranger").get("/api/health").json}


def test_half_hours_are_good_slow_down_or_unknown() -> None:
    now = clock.now()

    def call(hours: float, outcome: str = "ok", first_ms: float = 100.0) -> SimpleNamespace:
        return SimpleNamespace(at=now - timedelta(hours=hours), outcome=outcome, first_token_ms=first_ms)

    calls = [call(0.1), call(1.1), call(1.2, "timeout"), call(2.1, "timeout"), call(24)]
    calls += [call(3.1, first_ms=9000.0) for _ in range(5)]
    drawn = pieces(calls, [(now - timedelta(hours=5), now - timedelta(hours=4.2))], now, 8000.0)
    assert len(drawn) == 48
    assert drawn[-1] == "good"
    assert (drawn[-3], drawn[-5], drawn[-7]) == ("slow", "down", "slow")
    assert drawn[-10:-8] == ("down", "down")
    assert drawn[0] == "good"
    assert set(drawn[1:38]) == {"none"}


def test_down_times_begin_and_end_with_the_providers_own_changes() -> None:
    now = clock.now()

    def change(minutes: int, state: str, kind: str = "provider", route: str = "direct") -> HealthChange:
        return HealthChange(kind=kind, route=route, state=state, at=now - timedelta(minutes=minutes))

    told = [
        change(60, "down"),
        change(50, "down", "model"),
        change(45, "good", route="office"),
        change(40, "degraded"),
        change(5, "down"),
    ]
    assert down_times(told, {"direct"}, now - DAY, now) == [
        (now - timedelta(minutes=60), now - timedelta(minutes=40)),
        (now - timedelta(minutes=5), now),
    ]
    assert down_times(told, {"office"}, now - DAY, now) == []
    assert down_times(told, {"direct", "office"}, now - DAY, now) == []
    told[2].state = "down"
    assert down_times(told, {"direct", "office"}, now - DAY, now) == [
        (now - timedelta(minutes=45), now - timedelta(minutes=40)),
        (now - timedelta(minutes=5), now),
    ]


@pytest.mark.parametrize(("route", "word"), [("direct", "down"), ("office", "good"), ("automatic", "good")])
def test_a_provider_is_doing_as_the_route_does_that_it_is_set_to(
    app: Flask, admin: Person, provider_id: int, route: str, word: str
) -> None:
    with app.app_context(), writing() as session:
        session.get_one(Provider, provider_id).route = route
    health.note_failure(Call(provider_id, 1), failure("network_refused"))
    health.note_failure(Call(provider_id, 1), failure("model_not_found"))
    for _ in range(5):
        health.note_good(Call(provider_id, 1, "office"), 90)
    with app.app_context():
        states.exchange()
    told = {row["id"]: row["state"] for row in program(app, "admin").get("/api/health").json}
    assert told[provider_id] == word
    assert ("Chậm 智谱" in listed(admin, "attention")) == (word == "down")
    assert ("100 % in 24 h" in card(admin, provider_id)) == (word != "down")
