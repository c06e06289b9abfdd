"""States outlive a restart, other processes learn of them, and history tells what happened."""

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.dialects import postgresql

from tests.routing.conftest import Time
from tests.serving import ROOT
from webapp.core import clock
from webapp.core.config import Settings
from webapp.core.database import reading, writing
from webapp.providers.provider import Provider
from webapp.routing.health import Call, Health, health
from webapp.routing.history import HealthChange, HealthState, prune_health
from webapp.routing.states import States, states, upsert, write_changes
from webapp.upstream.failures import failure

OTHER_PROCESS = """
import sys
from pathlib import Path
from webapp import create_app
from webapp.core.config import Settings
from webapp.routing.health import Call, health
from webapp.routing.states import states
from webapp.upstream.failures import failure

app = create_app(Settings(data_dir=Path(sys.argv[1])))
provider_id = int(sys.argv[2])
with app.app_context():
    print(health.state_of(("provider", provider_id, "direct")))
    health.note_good(Call(provider_id, 70), 120.0)
    health.note_failure(Call(provider_id, 71), failure("network_refused"))
    states.exchange()
"""


@pytest.fixture
def provider_id(add_provider: Callable[..., int]) -> int:
    return add_provider("http://127.0.0.1:9/v1")


def refuse(provider_id: int, about: Health = health) -> None:
    about.note_failure(Call(provider_id, 70), failure("network_refused"))


def test_a_state_outlives_a_restart(
    app: Flask, make_app: Callable[[Settings], Flask], settings: Settings, provider_id: int
) -> None:
    with app.app_context():
        refuse(provider_id)
        states.exchange()
        known = health.of_provider(provider_id)["provider", provider_id, "direct"]
    with make_app(settings).app_context():
        again = health.of_provider(provider_id)["provider", provider_id, "direct"]
        assert health.state_of(("provider", provider_id, "direct")) == "down"
        assert (again.since, again.category, again.opened) == (known.since, "network_refused", 1)
        assert again.until == pytest.approx(known.until, abs=0.1)


def test_what_was_not_written_yet_is_not_known_after_a_restart(
    app: Flask, make_app: Callable[[Settings], Flask], settings: Settings, provider_id: int
) -> None:
    with app.app_context():
        refuse(provider_id)
    with make_app(settings).app_context():
        assert health.state_of(("provider", provider_id, "direct")) == "unknown"


def test_another_process_learns_within_a_second_and_tells_what_it_saw(
    app: Flask, settings: Settings, provider_id: int
) -> None:
    with app.app_context():
        health.note_good(Call(provider_id, 70), 100.0)
        states.exchange()
        command = [sys.executable, "-c", OTHER_PROCESS, str(settings.data_dir), str(provider_id)]
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
        assert said.stdout.split() == ["good"]
        states.exchange()
        assert health.state_of(("provider", provider_id, "direct")) == "down"
        assert health.state_of(("model", 70, "direct")) == "good"


def test_two_that_share_a_database_agree_on_the_latest_change(app: Flask, provider_id: int) -> None:
    here, there = Health(), Health()
    with app.app_context():
        ours, theirs = States(here), States(there)
        here.told, there.told = ours.note, theirs.note
        refuse(provider_id, here)
        there.note_good(Call(provider_id, 70), 50.0)
        theirs.exchange()
        ours.exchange()  # an older change does not hide the later one
        with reading() as session:
            row = session.get_one(HealthState, ("provider", provider_id, "direct"))
            assert row.state == "good"


def test_what_happened_here_later_is_not_undone_by_what_others_saw_before(provider_id: int) -> None:
    here, there = Health(), Health()
    changes = []
    there.told = changes.append
    refuse(provider_id, there)
    here.note_good(Call(provider_id, 70), 50.0)
    for change in changes:
        here.adopt(change)
    assert here.state_of(("provider", provider_id, "direct")) == "good"


def test_a_rest_told_by_another_process_ends_when_it_would_end_there(provider_id: int) -> None:
    here, there = Health(), Health()
    there.told = here.adopt
    there.note_failure(Call(provider_id, 70, key_id=5), failure("rate_limit", retry_after_seconds=90))
    assert here.key_state(5) == "resting"
    condition = here.of_provider(provider_id)["key", 5, ""]
    assert condition.until - clock.monotonic() == pytest.approx(90, abs=1)


def test_history_tells_each_change_once_and_no_trial_that_failed(app: Flask, provider_id: int, time: Time) -> None:
    told = []
    about = Health()
    about.told = told.append
    with app.app_context():
        refuse(provider_id, about)
        time.now += 16
        refuse(provider_id, about)
        about.note_good(Call(provider_id, 70), 50.0)
        with writing() as session:
            write_changes(session, told, "here")
        with reading() as session:
            rows = session.scalars(select(HealthChange).where(HealthChange.kind == "provider")).all()
    assert [(row.provider_id, row.state, row.category) for row in rows] == [
        (provider_id, "down", "network_refused"),
        (provider_id, "degraded", ""),
    ]
    assert rows[0].rest_seconds == pytest.approx(15, abs=0.1)
    assert [change.since for change in told[:2]] == [told[0].since] * 2


def test_changes_of_a_provider_that_was_deleted_are_dropped(app: Flask, provider_id: int) -> None:
    with app.app_context():
        refuse(provider_id)
        with writing() as session:
            session.delete(session.get_one(Provider, provider_id))
        states.exchange()
        with reading() as session:
            assert session.scalars(select(HealthState)).all() == []
            states.look_over(session)
    assert health.of_provider(provider_id) == {}


def test_history_is_kept_for_thirty_days(app: Flask, provider_id: int) -> None:
    with app.app_context(), writing() as session:
        for days in (29, 31):
            at = clock.now() - timedelta(days=days)
            row = {"provider_id": provider_id, "kind": "provider", "subject_id": days, "route": "direct"}
            session.add(HealthChange(**row, state="down", category="timeout", at=at))
            session.add(HealthState(**row, state="down", since=at, changed_at=at, boot_id="x"))
        session.flush()
        prune_health(session)
        assert session.scalars(select(HealthChange.subject_id)).all() == [29]
        assert session.scalars(select(HealthState.subject_id)).all() == [29]


def test_postgresql_is_given_the_same_guarded_statement() -> None:
    text = str(upsert("postgresql").compile(dialect=postgresql.dialect()))
    assert "ON CONFLICT (kind, subject_id, route) DO UPDATE SET" in text
    assert "WHERE excluded.changed_at > health_states.changed_at" in text
