"""Who is out is tried with a free call, so that it comes back without a user's; who is quiet is asked now and then."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from tests.conftest import Person
from tests.far_end import FarEnd
from tests.models.lists import join
from tests.routing.conftest import Time
from tests.serving import free_port
from webapp.core import clock
from webapp.core.database import writing
from webapp.models.discovery import refresh
from webapp.providers.provider import Provider
from webapp.routing.health import Call, health
from webapp.routing.probing import Prober, take_lease
from webapp.routing.terms import State
from webapp.upstream.failures import failure

Add = Callable[..., int]


def state(provider_id: int) -> State:
    return health.state_of(("provider", provider_id, "direct"))


def probe(app: Flask, prober: Prober, time: Time) -> int | None:
    """Let some seconds pass, look once, and wait for the list that is read."""
    time.now += 6
    with app.app_context():
        asked = prober.probe_next()
    join("refresh")
    return asked


def change(app: Flask, provider_id: int, **values: object) -> None:
    with app.app_context(), writing() as session:
        provider = session.get_one(Provider, provider_id)
        for name, value in values.items():
            setattr(provider, name, value)


def asked_long_ago(app: Flask, provider_id: int) -> None:
    change(app, provider_id, refresh_blocked_until=clock.now() - timedelta(hours=1))


def test_a_provider_that_comes_back_is_found_without_a_users_call(app: Flask, add_provider: Add, time: Time) -> None:
    port = free_port()
    provider_id, prober = add_provider(f"http://127.0.0.1:{port}/v1"), Prober()
    with app.app_context():
        refresh(provider_id)
    assert state(provider_id) == "down"
    asked_long_ago(app, provider_id)
    assert probe(app, prober, time) is None  # it rests for 15 seconds
    time.now += 10
    assert probe(app, prober, time) == provider_id
    assert state(provider_id) == "down"  # and for longer
    asked_long_ago(app, provider_id)
    time.now += 30
    with FarEnd(port=port) as far_end:
        assert probe(app, prober, time) == provider_id
        assert [call.method for call in far_end.calls] == ["GET"]
    assert state(provider_id) == "degraded"  # for it failed a moment ago
    time.now += 300
    assert state(provider_id) == "good"


def test_a_list_says_nothing_of_rests_that_a_provider_asked_for(
    app: Flask, add_provider: Add, far_end: FarEnd, time: Time
) -> None:
    provider_id, prober = add_provider(far_end.base_url), Prober()
    health.note_failure(Call(provider_id, 1), failure("rate_limit", retry_after_seconds=5))
    time.now += 60
    assert probe(app, prober, time) is None
    with app.app_context():
        refresh(provider_id)
    assert state(provider_id) == "trial"


def test_a_list_that_is_refused_puts_nobody_out(app: Flask, add_provider: Add, far_end: FarEnd, time: Time) -> None:
    for script in ("401", "429", "500"):
        provider_id = add_provider(far_end.at(script), name=script)
        with app.app_context():
            refresh(provider_id)
        assert state(provider_id) == "unknown"


def test_who_was_quiet_for_ten_minutes_is_asked_once(
    app: Flask, add_provider: Add, far_end: FarEnd, time: Time
) -> None:
    provider_id, prober = add_provider(far_end.base_url), Prober()
    assert probe(app, prober, time) is None
    time.now += 600
    assert probe(app, prober, time) == provider_id
    assert state(provider_id) == "good"
    assert probe(app, prober, time) is None


@pytest.mark.parametrize(
    "values", [{"care": {"probes": False}}, {"is_enabled": False}, {"refresh_hours": 0}, {"auth_style": "bearer"}]
)
def test_nobody_is_asked_who_should_not_be(
    app: Flask, add_provider: Add, far_end: FarEnd, time: Time, values: dict[str, object]
) -> None:
    change(app, add_provider(far_end.base_url), **values)
    prober = Prober()
    time.now += 700
    assert probe(app, prober, time) is None
    assert far_end.calls == []


def test_one_process_probes_for_all_until_it_is_gone(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.app_context():
        assert take_lease("one")
        assert not take_lease("two")
        assert take_lease("one")
        late = clock.now() + timedelta(seconds=31)
        monkeypatch.setattr(clock, "now", lambda: late)
        assert take_lease("two")
        assert not take_lease("one")


def test_a_passed_test_brings_a_provider_back(
    app: Flask, admin: Person, add_provider: Add, far_end: FarEnd, time: Time
) -> None:
    provider_id = add_provider(far_end.base_url)
    change(app, provider_id, default_model="model-1")
    health.note_failure(Call(provider_id, 1), failure("network_tls"))
    assert state(provider_id) == "down"
    admin.get(f"/providers/{provider_id}")
    assert admin.post(f"/providers/{provider_id}/checks").status_code in (200, 303)
    join("run_check")
    assert state(provider_id) == "good"
