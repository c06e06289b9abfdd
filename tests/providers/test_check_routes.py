"""How a connection test is watched, stopped and limited, and whose it is."""

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Person
from tests.far_end import FarEnd
from tests.providers.conftest import KEY
from tests.serving import free_port
from webapp.accounts.user import User
from webapp.core import clock
from webapp.core.database import db, writing
from webapp.core.errors import BusyError, TooOftenError
from webapp.models.model import Model
from webapp.monitor import end_runs_of_the_dead
from webapp.providers.check import Check
from webapp.providers.checks import MINUTE, RUNS_PER_USER, STARTS_PER_USER, begin_check
from webapp.providers.provider import Provider

Form = dict[str, Any]
Finished = Callable[..., Check]
CSRF = re.compile(r'name="csrf_token" value="[^"]*"')


def test_a_running_test_can_be_stopped_and_frees_the_far_end(
    owner: Person, add_provider: Callable[..., int], far_end: FarEnd, finished: Finished
) -> None:
    provider = add_provider(far_end.at("hold"), key=KEY)
    place = owner.post(f"/providers/{provider}/checks").headers["Location"]
    far_end.wait_for_calls(1)
    assert owner.post(f"{place}/stop", htmx=True).status_code == 204
    assert far_end.client_gone.wait(2)
    assert finished(owner).status == "stopped"
    assert "Test again" in owner.get(place).text
    assert owner.post(f"{place}/stop").status_code == 303


def test_the_stream_ends_with_what_the_page_shows(
    owner: Person, add_provider: Callable[..., int], far_end: FarEnd
) -> None:
    far_end.pace = 0.05
    place = owner.post(f"/providers/{add_provider(far_end.base_url, key=KEY)}/checks", {"model": "ok"}).headers[
        "Location"
    ]
    response = owner.client.get(f"{place}/events", buffered=True)
    assert (response.mimetype, response.headers["X-Accel-Buffering"]) == ("text/event-stream", "no")
    events = [_html(event) for event in response.text.split("\n\n") if "<section" in event]
    assert len(events) >= 2
    assert 'aria-busy="true"' in events[0]
    assert events[-1] in CSRF.sub("", owner.get(place).text)


def _html(event: str) -> str:
    lines = [line for line in event.split("\n") if line.startswith("data: ")]
    return CSRF.sub("", "\n".join(line.removeprefix("data: ") for line in lines)).strip()


def test_after_four_at_once_the_fifth_is_asked_to_wait(
    owner: Person, stranger: Person, add_provider: Callable[..., int], far_end: FarEnd, finished: Finished
) -> None:
    provider = add_provider(far_end.at("hold"), key=KEY)
    places = [owner.post(f"/providers/{provider}/checks").headers["Location"] for _ in range(RUNS_PER_USER)]
    refused = owner.post(f"/providers/{provider}/checks", htmx=True)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "2")
    assert "At most 4 of these run at once." in refused.text
    assert stranger.post(f"/providers/{provider}/checks").status_code == 303
    for place in places:
        owner.post(f"{place}/stop")
        finished(owner, int(place.rpartition("/")[2]))
    assert owner.post(f"/providers/{provider}/checks").status_code == 303
    far_end.hang_up()


def test_after_ten_in_a_minute_the_next_is_asked_to_wait_whatever_the_door(
    app: Flask, owner: Person, stranger: Person, add_provider: Callable[..., int], finished: Finished
) -> None:
    provider = add_provider(f"http://127.0.0.1:{free_port()}/v1")
    for count in range(STARTS_PER_USER):
        path = f"/api/providers/{provider}/verify" if count % 2 else f"/providers/{provider}/checks"
        assert owner.post(path).status_code in (200, 303)
        finished(owner)
    page, notice = (owner.post(f"/providers/{provider}/checks", htmx=htmx) for htmx in (False, True))
    answer = owner.post(f"/api/providers/{provider}/verify")
    for refused in (page, notice, answer):
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["Retry-After"]) <= 61
        assert "At most 10 of these within a minute." in refused.text
    assert answer.is_json
    with app.app_context(), writing() as session:
        assert session.query(Check).count() == STARTS_PER_USER
        session.query(Check).update({"created_at": clock.now() - MINUTE})
    assert owner.post(f"/providers/{provider}/checks").status_code == 303
    assert stranger.post(f"/providers/{provider}/checks").status_code == 303


def test_the_limit_holds_for_many_at_the_same_moment(app: Flask, owner: Person) -> None:
    def begin(_number: int) -> bool:
        with app.test_request_context():
            user = db.session.get_one(User, owner.user_id)
            try:
                begin_check(db.session, user, name="Draft", provider=None, model=None)
            except TooOftenError:
                return False
            return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(begin, range(24))) == RUNS_PER_USER


def test_a_test_for_which_no_place_is_left_is_not_left_running(
    app: Flask, owner: Person, add_provider: Callable[..., int], far_end: FarEnd
) -> None:
    provider = add_provider(far_end.base_url, key=KEY)
    release = threading.Event()
    with app.app_context():
        background = app.extensions["jackfield"].background
        for _ in range(background.places):
            background.start(release.wait)
        for path in (f"/providers/{provider}/checks", f"/providers/{provider}/models/refreshes"):
            assert owner.post(path).status_code == 503
        with pytest.raises(BusyError):
            background.start(release.wait)
    release.set()
    assert "Testing" not in owner.get(f"/providers/{provider}/card", headers={"HX-Request": "true"}).text
    assert "Refresh list" in owner.get(f"/providers/{provider}/models").text


def test_what_a_killed_process_left_running_is_ended_at_the_next_start(
    app: Flask, owner: Person, add_provider: Callable[..., int], far_end: FarEnd
) -> None:
    provider = add_provider(far_end.base_url, key=KEY)
    with app.app_context(), writing() as session:
        check = Check(provider_id=provider, user_id=owner.user_id, name="Far End", rungs=[])
        session.add(check)
        row = session.get_one(Provider, provider)
        row.refresh_started_at = row.created_at
        session.flush()
        assert check.is_running
        assert row.is_refreshing
        end_runs_of_the_dead(session)
        session.refresh(row)
        session.refresh(check)
        assert (check.status, row.is_refreshing) == ("stopped", False)


def test_a_draft_is_tested_and_changes_nothing_of_what_is_saved(
    app: Flask,
    admin: Person,
    add_provider: Callable[..., int],
    far_end: FarEnd,
    form: Callable[..., Form],
    finished: Finished,
) -> None:
    provider = add_provider(far_end.base_url, key=KEY)
    admin.post(f"/providers/{provider}/checks")
    finished(admin)
    with FarEnd() as other:
        draft = form(base_url=f"{other.root}/models:3/v1", provider_id=provider, allow_private="y", model="ok")
        assert 'id="provider-check-' in admin.post("/providers/checks", draft, htmx=True).text
        check = finished(admin)
    assert (check.status, check.name, check.provider_id) == ("good", "Workshop", None)
    with app.app_context():
        known = db.session.query(Model).filter_by(provider_id=provider, vanished_at=None).count()
        assert (known, db.session.get_one(Provider, provider).name) == (5, "Far End")


def test_checks_of_private_providers_and_drafts_are_ones_own(
    owner: Person,
    stranger: Person,
    admin: Person,
    far_end: FarEnd,
    add_provider: Callable[..., int],
    finished: Finished,
) -> None:
    private, shared = add_provider(far_end.base_url, by="owner"), add_provider(far_end.at("hold"))
    for provider, status in {private: 404, shared: 200}.items():
        place = owner.post(f"/providers/{provider}/checks").headers["Location"]
        if provider == private:
            finished(owner)
        assert stranger.get(place).status_code == status
        if status == 404:
            assert stranger.get(f"{place}/events").status_code == 404
            assert stranger.post(f"{place}/stop").status_code == 404
    assert stranger.post(f"{place}/stop").status_code == 403
    assert '/stop"' not in stranger.get(place).text
    assert admin.post(f"{place}/stop").status_code == 303
    assert finished(owner).status == "stopped"


def test_deleting_a_provider_ends_the_stream_of_its_test(
    admin: Person, add_provider: Callable[..., int], far_end: FarEnd
) -> None:
    provider = add_provider(far_end.at("hold"), key=KEY)
    place = admin.post(f"/providers/{provider}/checks").headers["Location"]
    with admin.client.get(f"{place}/events") as response:
        events = response.iter_encoded()
        next(events)
        admin.post(f"/providers/{provider}/delete")
        assert b"event: over" in b"".join(events)
    assert admin.get(place).status_code == 404
