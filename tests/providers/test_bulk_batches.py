"""Many connection tests at once: four at a time, told as they go, stopped, limited, ended when their process died."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from tests.conftest import Person
from tests.far_end import FarEnd
from webapp.accounts.user import User
from webapp.core import clock
from webapp.core.database import db, writing
from webapp.monitor import CHECK_LIMIT, end_runs_of_the_dead
from webapp.providers.batch import end_abandoned, run_turns
from webapp.providers.check import Check
from webapp.providers.checks import all_waiting
from webapp.providers.provider import Provider

Add = Callable[..., int]
Finished = Callable[..., Check]


@pytest.fixture
def checks(app: Flask) -> Callable[[], list[Check]]:
    """All tests as they stand."""

    def load() -> list[Check]:
        with app.app_context():
            rows = db.session.query(Check).order_by(Check.id).all()
            db.session.expunge_all()
            return rows

    return load


@pytest.fixture
def end(checks: Callable[[], list[Check]], finished: Finished) -> Callable[[Person], list[Check]]:
    """Waits until every test came to an end."""

    def wait(person: Person) -> list[Check]:
        return [finished(person, check.id) for check in checks()]

    return wait


def start(person: Person, *ids: int, **more: object) -> str:
    answer = person.post("/providers/batches", {"provider": list(ids), **more}, htmx=True)
    assert answer.status_code == 200, answer.text
    found = re.search(r"/providers/batches/(\w+)\?", answer.text)
    assert found
    return found[1]


def test_a_hanging_and_a_failing_provider_hold_up_nobody(
    app: Flask, owner: Person, add_provider: Add, far_end: FarEnd, checks: Callable[[], list[Check]], finished: Finished
) -> None:
    scripts = ["hold", "401", *["ok"] * 10]
    ids = [add_provider(far_end.at(script), name=f"P{place:02}") for place, script in enumerate(scripts)]
    with app.app_context(), writing() as session:
        session.execute(update(Provider).where(Provider.id.in_(ids)).values(default_model="ok"))
    batch = start(owner, *ids)
    statuses = [finished(owner, check.id).status for check in checks() if check.name != "P00"]
    assert statuses == ["bad", *["good"] * 10]
    shown = owner.get(f"/providers/batches/{batch}?ended=11", headers={"HX-Request": "true"}).text
    assert "Testing 12 of 12" in shown
    assert "10 good" in shown
    assert "1 failed" in shown
    assert next(check for check in checks() if check.name == "P00").status == "running"
    assert "Testing 12 of 12" in owner.get("/providers").text  # after a reload, and in a second tab
    owner.post(f"/providers/batches/{batch}/stop")
    assert finished(owner, checks()[0].id).status == "stopped"


def test_four_run_at_a_time_and_the_others_wait(
    owner: Person,
    add_provider: Add,
    far_end: FarEnd,
    checks: Callable[[], list[Check]],
    end: Callable[[Person], list[Check]],
) -> None:
    ids = [add_provider(far_end.at("hold"), name=f"P{place}") for place in range(7)]
    batch = start(owner, *ids, *ids)  # each once, however often it is named
    far_end.wait_for_calls(4)
    assert sorted(check.status for check in checks()) == ["running"] * 4 + ["waiting"] * 3
    page = owner.get("/providers").text
    assert page.count("</span>Waiting</span>") == 3
    assert "Testing 4 of 7" in page
    owner.post(f"/providers/batches/{batch}/stop", htmx=True)
    assert [check.status for check in end(owner)] == ["stopped"] * 7
    assert len(far_end.calls) == 4


def test_only_cards_that_changed_are_drawn_again(
    owner: Person, add_provider: Add, far_end: FarEnd, end: Callable[[Person], list[Check]]
) -> None:
    ids = [add_provider(far_end.base_url, name=f"P{place}") for place in range(9)]
    batch = start(owner, *ids)
    end(owner)
    shown = owner.get(f"/providers/batches/{batch}?ended=9", headers={"HX-Request": "true"}).text
    assert len(re.findall('id="batch-card-', shown)) == 4  # those that may have ended at the same time
    assert "9 tested" in shown
    assert "hx-get" not in shown.partition("</div>")[0]
    assert "The tests are over." in shown


def test_one_batch_runs_at_a_time_and_few_in_a_minute(
    owner: Person, add_provider: Add, far_end: FarEnd, end: Callable[[Person], list[Check]]
) -> None:
    held, quick = add_provider(far_end.at("hold")), add_provider(far_end.base_url)
    batch = start(owner, held)
    refused = owner.post("/providers/batches", {"provider": quick}, htmx=True)
    assert refused.status_code == 429
    assert "At most 1 of these run at once" in refused.text
    owner.post(f"/providers/batches/{batch}/stop")
    for _ in range(2):
        end(owner)
        start(owner, quick)
    end(owner)
    refused = owner.post("/providers/batches", {"provider": quick})
    assert refused.status_code == 429
    assert "At most 3 of these within a minute" in refused.text


def test_a_batch_leaves_single_tests_their_own_limit(
    owner: Person, add_provider: Add, far_end: FarEnd, end: Callable[[Person], list[Check]]
) -> None:
    ids = [add_provider(far_end.base_url, name=f"P{place}") for place in range(12)]
    start(owner, *ids)
    end(owner)
    assert owner.post(f"/providers/{ids[0]}/checks").status_code == 303


def test_those_that_cannot_be_called_are_left_out_and_told(
    app: Flask, admin: Person, add_provider: Add, far_end: FarEnd, checks: Callable[[], list[Check]]
) -> None:
    good, off = add_provider(far_end.base_url, name="Good"), add_provider(far_end.base_url, name="Off")
    keyless = add_provider(far_end.base_url, name="Keyless", auth_style="bearer")
    admin.post(f"/providers/{off}/switch")
    told = admin.post("/providers/batches", {"provider": [good, off, keyless]}).text
    assert "Testing 1 provider · 1 is disabled · 1 waits for a key" in told
    assert [check.provider_id for check in checks()] == [good]


def test_test_all_takes_every_provider_that_can_be_called(
    owner: Person, add_provider: Add, far_end: FarEnd, checks: Callable[[], list[Check]]
) -> None:
    add_provider(far_end.base_url, name="Shared")
    add_provider(far_end.base_url, name="Mine", by="owner")
    add_provider(far_end.base_url, name="Theirs", by="stranger")
    start(owner, all=1)
    assert {check.name for check in checks()} == {"Shared", "Mine", "Demo"}


def test_a_batch_is_its_users_own(
    owner: Person, stranger: Person, add_provider: Add, far_end: FarEnd, checks: Callable[[], list[Check]]
) -> None:
    shared = add_provider(far_end.at("hold"))
    batch = start(owner, shared)
    far_end.wait_for_calls(1)
    assert stranger.get(f"/providers/batches/{batch}").status_code == 404
    assert stranger.post(f"/providers/batches/{batch}/stop").status_code == 404
    page = stranger.get("/providers").text
    assert "batch-progress" not in page
    assert f'hx-get="/providers/{shared}/card"' in page
    assert checks()[0].status == "running"


def test_a_provider_that_was_deleted_meanwhile_is_not_called(
    app: Flask, owner: Person, add_provider: Add, far_end: FarEnd, checks: Callable[[], list[Check]]
) -> None:
    _wait_in_line(app, add_provider(far_end.base_url), deleted_at=clock.now())
    with app.app_context():
        run_turns("b")
    assert [check.status for check in checks()] == ["stopped"]
    assert far_end.calls == []


def test_a_waiting_test_can_be_stopped_alone(
    app: Flask, owner: Person, add_provider: Add, far_end: FarEnd, checks: Callable[[], list[Check]]
) -> None:
    check_id = _wait_in_line(app, add_provider(far_end.base_url))
    owner.post(f"/providers/checks/{check_id}/stop")
    with app.app_context():
        run_turns("b")
    assert [check.status for check in checks()] == ["stopped"]
    assert far_end.calls == []


def test_what_a_dead_process_left_waiting_is_ended(
    app: Flask, add_provider: Add, far_end: FarEnd, checks: Callable[[], list[Check]]
) -> None:
    _wait_in_line(app, add_provider(far_end.base_url))
    with app.app_context(), writing() as session:
        end_abandoned(session, clock.now() - CHECK_LIMIT)
    assert checks()[0].status == "waiting"  # somebody may still begin it
    with app.app_context(), writing() as session:
        end_abandoned(session, clock.now() + timedelta(seconds=1))
    assert checks()[0].status == "stopped"
    _wait_in_line(app, add_provider(far_end.base_url))
    with app.app_context(), writing() as session:
        end_runs_of_the_dead(session)
    assert checks()[1].status == "stopped"


def _wait_in_line(app: Flask, provider_id: int, **changes: object) -> int:
    """A test that waits in a batch that nobody works on."""
    with app.app_context(), writing() as session:
        for name, value in changes.items():
            setattr(session.get_one(Provider, provider_id), name, value)
        user = session.query(User).filter_by(email="owner").one()
        check = Check(
            provider_id=provider_id, user_id=user.id, name="P", status="waiting", batch="b", rungs=all_waiting()
        )
        session.add(check)
        session.flush()
        return check.id
