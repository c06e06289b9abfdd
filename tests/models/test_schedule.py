"""When lists are read by themselves: when they are due, later after failures, and not all at once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Person
from tests.far_end import FarEnd
from tests.models.lists import due_ids, join, near, row_of
from tests.program import Program
from webapp.core import clock
from webapp.core.database import db, writing
from webapp.core.runtime import runtime
from webapp.models.discovery import READERS, DueLists
from webapp.models.model import Model, models_of
from webapp.monitor import watch
from webapp.providers.provider import Provider
from webapp.providers.schedule import FIRST_PAUSE, JITTER

Add = Callable[..., int]
Later = Callable[[timedelta], None]
Refresh = Callable[[Person, int], None]

HOUR = timedelta(hours=1)


@pytest.fixture
def read_due(app: Flask) -> Callable[[], int]:
    """Lets the background look for lists until it begins with none any more; returns how many it read."""

    def read() -> int:
        count = 0
        with app.app_context():
            lists = DueLists()
            while due_ids():
                lists.read_next()
                join("_read")
                count += 1
        return count

    return read


def test_a_list_is_read_when_it_is_due_and_not_before(
    app: Flask, add_provider: Add, far_end: FarEnd, read_due: Callable[[], int], later: Later
) -> None:
    provider = add_provider(far_end.base_url)
    assert (read_due(), len(far_end.calls)) == (1, 1)
    assert near(row_of(app, provider).refresh_due_at, 6 * HOUR)
    later(5 * HOUR)
    assert read_due() == 0
    later(2 * HOUR)
    assert (read_due(), len(far_end.calls)) == (1, 2)


@pytest.mark.parametrize(
    "state",
    [
        {"is_enabled": False},
        {"refresh_hours": 0},
        {"auth_style": "bearer"},
        {"dialect": "demo"},
        {"vendor_id": "perplexity", "base_url": "https://api.perplexity.ai"},
        {"deleted_at": clock.now},
        {"refresh_started_at": clock.now},  # called in the test: a read that began long ago was broken off
    ],
)
def test_what_cannot_or_must_not_be_read_is_left_alone(
    app: Flask, add_provider: Add, far_end: FarEnd, state: dict[str, Any]
) -> None:
    provider = add_provider(far_end.base_url)
    with app.app_context():
        assert due_ids() == [provider]
        with writing() as session:
            for name, value in state.items():
                setattr(session.get_one(Provider, provider), name, value() if callable(value) else value)
        assert due_ids() == []


def test_twelve_overdue_lists_are_read_four_at_a_time(app: Flask, add_provider: Add, far_end: FarEnd) -> None:
    for number in range(12):
        add_provider(far_end.at("hold"), name=f"Far End {number}")
    with app.app_context():
        lists = DueLists()
        for _ in range(20):
            lists.read_next()
        far_end.wait_for_calls(READERS)
        assert len(due_ids()) == 12 - READERS
        far_end.release.set()
        join("_read")
        lists.read_next()
        far_end.wait_for_calls(READERS + 1)
        join("_read")
        assert len(far_end.calls) == READERS + 1


def test_after_failures_the_pauses_double_up_to_the_usual_time(
    app: Flask, add_provider: Add, far_end: FarEnd, read_due: Callable[[], int], later: Later
) -> None:
    provider = add_provider(far_end.at("500"))
    for pause in [FIRST_PAUSE * 2**number for number in range(9)] + [6 * HOUR] * 2:
        assert read_due() == 1
        assert near(row_of(app, provider).refresh_due_at, pause)
        later(pause * (1 + 2 * JITTER))
    with app.app_context(), writing() as session:
        session.get_one(Provider, provider).base_url = far_end.base_url
    assert read_due() == 1
    row = row_of(app, provider)
    assert (row.refresh_failures, row.refresh_failure) == (0, None)
    assert near(row.refresh_due_at, 6 * HOUR)


def test_the_monitor_reads_the_list_of_a_new_provider_soon(app: Flask, add_provider: Add, far_end: FarEnd) -> None:
    with app.app_context():
        runtime().background.start(watch)
        add_provider(far_end.base_url)
        far_end.wait_for_calls(1)
        runtime().background.is_closing.set()
        join("watch")
        join("_read")
        assert db.session.query(Model).filter(Model.model_id == "whisper-1").count() == 1


def test_another_key_or_address_is_tried_at_once(
    app: Flask, admin: Person, manager: Program, far_end: FarEnd, add_provider: Add, refresh: Refresh
) -> None:
    provider = add_provider(far_end.at("401"), key="sk-wrong-0123456789")
    refresh(admin, provider)
    assert near(row_of(app, provider).refresh_due_at, FIRST_PAUSE)
    manager.patch(f"/api/providers/{provider}", {"name": "Renamed"})
    assert near(row_of(app, provider).refresh_due_at, FIRST_PAUSE)
    manager.patch(f"/api/providers/{provider}", {"api_key": "sk-other-0123456789"})
    row = row_of(app, provider)
    assert (row.refresh_due_at, row.refresh_blocked_until, row.refresh_failures, row.list_etag) == (None, None, 0, None)


def test_how_often_a_list_is_read_is_chosen_by_who_may_change_the_provider(
    app: Flask, admin: Person, owner: Person, manager: Program, add_provider: Add, far_end: FarEnd, refresh: Refresh
) -> None:
    provider = add_provider(far_end.base_url)
    refresh(owner, provider)
    place = f"/providers/{provider}/models/schedule"
    assert "Read every 6 hours" not in owner.get(f"/providers/{provider}/models").text
    assert owner.post(place, {"refresh_hours": "24"}).status_code == 403
    assert admin.post(place, {"refresh_hours": "5"}).status_code == 422
    shown = admin.post(place, {"refresh_hours": "24"}, htmx=True).text
    assert '<option value="24" selected>' in shown
    assert near(row_of(app, provider).refresh_due_at, 24 * HOUR)
    api = f"/api/providers/{provider}"
    assert manager.get(api).json["refresh_hours"] == 24
    assert manager.patch(api, {"refresh_hours": 0}).json["refresh_hours"] == 0
    assert list(manager.patch(api, {"refresh_hours": 2}).json["errors"]) == ["refresh_hours"]


def test_a_provider_without_a_list_offers_what_is_known_of_it_and_is_not_asked(
    app: Flask, admin: Person, manager: Program
) -> None:
    fields = {"type": "perplexity", "name": "Perplexity", "api_key": "pplx-0123456789abcdef"}
    made = manager.post("/api/providers", fields).json
    assert made["models_count"] > 0
    assert made["default_model"] in [row["model_id"] for row in manager.get(f"/api/providers/{made['id']}/models").json]
    section = admin.post(f"/providers/{made['id']}/models/refreshes", htmx=True).text
    assert "This provider has no list that could be read." in section
    assert "Refresh list" not in section
    found = manager.post("/api/models/discover", {"provider_id": made["id"], "refresh": True}).json
    assert (found["cached"], found["error"], len(found["models"])) == (True, None, made["models_count"])
    with app.app_context():
        assert made["id"] not in due_ids()
        assert len(models_of(db.session, made["id"])) == made["models_count"]
