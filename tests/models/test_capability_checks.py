"""What a model can do is checked by a real call from its page, and what the call showed is kept."""

import re
import threading
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import delete, select

from tests.conftest import Person
from tests.far_end import FarEnd
from webapp.core import clock
from webapp.core.database import db, reading, writing
from webapp.models.capability_check import LONGEST, CapabilityCheck
from webapp.models.facts import PROBED, merged
from webapp.models.model import Model
from webapp.providers.check import RUNNING
from webapp.usage.event import UsageEvent
from webapp.usage.recorder import write_waiting

Add = Callable[..., int]
Offer = Callable[..., None]


@pytest.fixture
def add(app: Flask, add_provider: Add, far_end: FarEnd, offer: Offer) -> Iterator[Callable[..., int]]:
    """Adds a provider with one model that plays a script; returns the model's key."""

    def add_model(script: str, **more: str) -> int:
        provider = add_provider(far_end.base_url, **more)
        offer(provider, script)
        with app.app_context():
            return db.session.query(Model.id).filter_by(provider_id=provider).one()[0]

    yield add_model
    far_end.release.set()
    settle()


def settle() -> None:
    for thread in threading.enumerate():
        if thread.name == "run_checks":
            thread.join(40)


def press(person: Person, model: int, capability: str = "") -> str:
    """Check one capability, or all, and return the table after that."""
    answer = person.post(f"/models/{model}/capability-checks", {"capability": capability}, htmx=True)
    assert answer.status_code == 200, answer.text
    settle()
    return person.get(f"/models/{model}/facts", headers={"HX-Request": "true"}).text


def told(app: Flask, model: int) -> dict[str, tuple[bool, str]]:
    with app.app_context(), reading() as session:
        row = session.get_one(Model, model)
        return {name: (fact.value, fact.source) for name, fact in merged(row.facts, row.overrides).items()}


def test_all_that_can_be_checked_is_checked_one_after_the_other(
    app: Flask, stranger: Person, add: Callable[..., int], far_end: FarEnd
) -> None:
    model = add("able")
    shown = press(stranger, model)
    for name in ("vision", "tools", "structured_output", "streaming", "reasoning"):
        assert told(app, model)[name] == (True, PROBED)
    assert shown.count("checked by a real call") == 5
    assert "It named the colours of a picture that was sent to it." in shown
    assert shown.count("Raw exchange") == 5
    assert "hx-trigger" not in shown
    with app.app_context(), reading() as session:
        can = session.get_one(Model, model).capabilities
        assert all(can[name] for name in ("vision", "tools", "structured_output", "streaming", "reasoning"))


def test_a_refusal_is_kept_with_its_date_through_every_refresh(
    app: Flask, admin: Person, add: Callable[..., int], refresh: Callable[..., None]
) -> None:
    model = add("refusing")
    assert "The provider refused it by name." in press(admin, model, "tools")
    with app.app_context(), reading() as session:
        row = session.get_one(Model, model)
        provider, date = row.provider_id, row.facts[PROBED]["at"]["tools"]
    refresh(admin, provider)
    assert told(app, model)["tools"] == (False, PROBED)
    with app.app_context(), reading() as session:
        assert session.get_one(Model, model).facts[PROBED] == {"tools": False, "at": {"tools": date}}


def test_each_capability_has_the_date_of_its_own_check(app: Flask, admin: Person, add: Callable[..., int]) -> None:
    model = add("able")
    press(admin, model, "tools")
    with app.app_context():
        first = db.session.get_one(Model, model).facts[PROBED]["at"]["tools"]
    press(admin, model, "vision")
    with app.app_context():
        dates = db.session.get_one(Model, model).facts[PROBED]["at"]
        assert dates["tools"] == first < dates["vision"]


@pytest.mark.parametrize(("script", "title"), [("401", "401"), ("429", "Wait 7 s"), ("503", "503"), ("silent", "")])
def test_an_outage_changes_nothing_and_says_what_to_do(
    app: Flask, admin: Person, add: Callable[..., int], script: str, title: str
) -> None:
    model = add(script)
    before = told(app, model)
    shown = press(admin, model, "vision")
    assert told(app, model) == before
    assert "Cannot tell" in shown
    assert title in shown
    assert "Check again" in shown


def test_what_was_proven_stays_when_a_later_check_cannot_tell(
    app: Flask, admin: Person, add: Callable[..., int], far_end: FarEnd
) -> None:
    far_end.key = None
    model = add("able")
    press(admin, model, "tools")
    far_end.key = "another"
    assert "Cannot tell" in press(admin, model, "tools")
    assert told(app, model)["tools"] == (True, PROBED)


def test_while_it_runs_the_table_asks_for_itself_and_a_second_click_costs_nothing(
    admin: Person, add: Callable[..., int], far_end: FarEnd
) -> None:
    model = add("hold")
    at = f"/models/{model}/capability-checks"
    running = admin.post(at, {"capability": "vision"}, htmx=True).text
    assert re.search(r'id="model-facts"[^>]*hx-trigger="load delay', running)
    far_end.wait_for_calls(1)
    admin.post(at, {"capability": "vision"}, htmx=True)
    far_end.release.set()
    settle()
    assert len(far_end.calls) == 1


def test_a_plain_form_checks_too(admin: Person, add: Callable[..., int]) -> None:
    model = add("able")
    answer = admin.post(f"/models/{model}/capability-checks", {"capability": "tools"})
    assert (answer.status_code, answer.location) == (303, f"/models/{model}")
    settle()
    assert "It called the tool that it was given." in admin.get(f"/models/{model}").text


def test_checks_count_among_the_tests_of_a_minute(
    app: Flask, admin: Person, owner: Person, add: Callable[..., int]
) -> None:
    model = add("able")
    press(admin, model)
    press(admin, model)
    full = admin.post(f"/models/{model}/capability-checks", {"capability": "tools"}, htmx=True)
    assert full.status_code == 429
    with app.app_context(), reading() as session:
        provider = session.get_one(Model, model).provider_id
        assert session.query(CapabilityCheck).count() == 10
    assert admin.post(f"/providers/{provider}/checks", htmx=True).status_code == 429
    assert owner.post(f"/models/{model}/capability-checks", {"capability": "tools"}, htmx=True).status_code == 200
    settle()


def test_what_a_check_cost_is_recorded(app: Flask, admin: Person, add: Callable[..., int]) -> None:
    model = add("able")
    with app.app_context():
        write_waiting()  # calls of earlier tests
        with writing() as session:
            session.execute(delete(UsageEvent))
    press(admin, model, "streaming")
    with app.app_context():
        write_waiting()
        with reading() as session:
            row = session.scalars(select(UsageEvent).where(UsageEvent.model_id == "able")).one()
    assert (row.source, row.kind, row.outcome, row.output_tokens) == ("check", "probe", "ok", 5)
    assert row.first_token_ms


def test_a_check_whose_process_died_is_not_waited_for(app: Flask, admin: Person, add: Callable[..., int]) -> None:
    model = add("able")
    with app.app_context(), writing() as session:
        lost = CapabilityCheck(model_pk=model, user_id=admin.user_id or 0, capability="vision", status=RUNNING)
        lost.created_at = clock.now() - LONGEST
        session.add(lost)
    shown = admin.get(f"/models/{model}").text
    assert "The check was interrupted. Check again." in shown
    assert "It named the colours" in press(admin, model, "vision")


def test_only_what_can_be_asked_is_checked(
    app: Flask, admin: Person, stranger: Person, add: Callable[..., int], offer: Offer
) -> None:
    model = add("able")
    assert admin.post(f"/models/{model}/capability-checks", {"capability": "price"}).status_code == 422
    with app.app_context():
        row = db.session.get_one(Model, model)
        row.kind = "embedding"
        db.session.commit()
    assert admin.post(f"/models/{model}/capability-checks", {"capability": "vision"}).status_code == 409
    assert "Check all" not in admin.get(f"/models/{model}").text
    mine = add("able", by="owner", name="Mine")
    assert stranger.post(f"/models/{mine}/capability-checks").status_code == 404


def test_the_demo_is_checked_without_a_network(app: Flask, owner: Person) -> None:
    with app.app_context():
        model = db.session.query(Model.id).filter_by(model_id="demo-echo").one()[0]
    press(owner, model)
    found = told(app, model)
    assert {name: found[name] for name in ("vision", "tools", "structured_output", "streaming")} == {
        "vision": (False, PROBED),
        "tools": (False, PROBED),
        "structured_output": (False, PROBED),
        "streaming": (True, PROBED),
    }
