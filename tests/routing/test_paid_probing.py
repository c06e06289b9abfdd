"""Probes that cost money: only within the day's budget, only of who is in doubt, booked to the billionth."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from flask import Flask

from tests.conftest import Person
from tests.far_end import FarEnd
from tests.models.lists import join
from tests.routing.conftest import Time
from tests.routing.test_probing import change
from webapp.core import clock
from webapp.core.database import db, reading, writing
from webapp.core.secret import Secret
from webapp.models.model import Model, id_hash
from webapp.models.overlay import override
from webapp.providers.credential import Credential
from webapp.providers.keys import KeyInput, add_key
from webapp.providers.provider import Provider
from webapp.providers.vendors import vendors
from webapp.routing.health import Call, health
from webapp.routing.paid_probing import PaidProber
from webapp.routing.probe_budget import Budget, read_budget, set_budget
from webapp.upstream.failures import failure
from webapp.usage.event import UsageEvent
from webapp.usage.recorder import write_waiting

CENT = 10**7  # billionths of a dollar
MOST = 256 * 1_000 + 16 * 2_000  # what is set aside at $1 and $2 for a million tokens
COST = 9 * 1_000 + 14 * 2_000  # of the far end's answer


@dataclass
class House:
    """A provider at the far end with models of known prices, and a process that probes."""

    app: Flask
    far_end: FarEnd
    time: Time
    provider_id: int
    prober: PaidProber

    def look(self, seconds: float = 46) -> str | None:
        """Let time pass, look once, and wait for the answer; return which model was asked, by which route and key."""
        self.time.now += seconds
        with self.app.app_context():
            option = self.prober.probe_next()
        join("_ask_paid")
        return f"{option.place.model_id} {option.route} {option.key.id}" if option else None

    def add(self, name: str, price: float | None = 1.0) -> int:
        with self.app.app_context(), writing() as session:
            model = Model(provider_id=self.provider_id, model_id=name, id_hash=id_hash(name), search_text=name)
            session.add(model)
            if price is not None:
                override(model, {"input_price": price, "output_price": 2 * price})
            session.flush()
            return model.id

    def fail(
        self, model_pk: int, category: str = "server_error", route: str = "direct", key: int | None = None
    ) -> None:
        for _ in range(3):
            health.note_failure(Call(self.provider_id, model_pk, route, key), failure(category))

    def allow(self, nano_usd: int) -> None:
        with self.app.app_context(), writing() as session:
            set_budget(session, nano_usd)

    @property
    def budget(self) -> Budget:
        with self.app.app_context(), reading() as session:
            return read_budget(session)

    @property
    def usage(self) -> list[UsageEvent]:
        with self.app.app_context():
            write_waiting()
            return db.session.query(UsageEvent).order_by(UsageEvent.id).all()


@pytest.fixture
def house(app: Flask, far_end: FarEnd, add_provider: Callable[..., int], time: Time) -> Iterator[House]:
    provider_id = add_provider(far_end.base_url)
    house = House(app, far_end, time, provider_id, PaidProber())
    house.allow(CENT)
    with app.app_context():  # what tests before left
        write_waiting()
        db.session.query(UsageEvent).delete()
        db.session.commit()
    yield house
    join("_ask_paid")


def test_nothing_is_spent_while_there_is_no_budget(house: House) -> None:
    house.allow(0)
    house.fail(house.add("ok"))
    assert house.look() is None
    assert house.far_end.calls == []


def test_a_model_on_trial_is_asked_for_one_token_and_comes_back(house: House) -> None:
    model = house.add("ok")
    house.fail(model)
    assert house.look(40) is None  # 15 seconds of rest, then 30 for a user's own call
    assert house.look(10) == "ok direct None"
    [call] = house.far_end.calls
    assert (call.json["model"], call.json["max_tokens"]) == ("ok", 1)
    house.time.now += 300
    assert health.state(house.provider_id, model, "direct") == "good"
    assert house.budget == Budget(CENT, COST, 1)
    [row] = house.usage
    assert (row.kind, row.source, row.user_id, row.outcome, row.cost_nano_usd) == (
        "probe",
        "background",
        None,
        "ok",
        COST,
    )
    assert house.look(600) is None  # it is well


def test_a_users_own_call_goes_first(house: House) -> None:
    model = house.add("ok")
    house.fail(model)
    house.time.now += 40
    health.note_good(Call(house.provider_id, model), 5.0)
    assert house.look() is None


def test_who_still_fails_is_left_alone_for_longer_and_at_least_five_minutes(house: House) -> None:
    model = house.add("500")
    house.fail(model)
    assert house.look() == "500 direct None"
    assert health.state(house.provider_id, model, "direct") == "down"
    assert house.budget == Budget(CENT, 0, 1)  # what was refused costs nothing
    assert house.usage[0].outcome == "server_error"
    assert [house.look(99), house.look(99), house.look(90)] == [None] * 3
    assert house.look(20) == "500 direct None"


def test_what_may_have_been_processed_counts_as_what_was_set_aside(house: House) -> None:
    house.fail(house.add("reset"))
    assert house.look()
    assert house.budget == Budget(CENT, MOST, 1)


def test_a_provider_in_doubt_is_asked_by_its_default_model_else_by_the_cheapest(house: House) -> None:
    for name, price in (("dear", 9.0), ("cheap", 0.5), ("unknown", None)):
        house.add(name, price)
    house.fail(0, "blocked")
    assert house.look(700) == "cheap direct None"
    change(house.app, house.provider_id, default_model="dear")
    house.fail(0, "blocked")
    assert house.look(1000) == "dear direct None"


def test_a_model_whose_price_is_not_known_is_never_asked(house: House) -> None:
    house.fail(house.add("unknown", None))
    assert house.look(600) is None
    assert house.far_end.calls == []


def test_whom_a_free_check_can_tell_of_is_not_asked_for_money(house: House) -> None:
    house.add("ok")
    house.fail(0, "network_tls")
    assert house.look(700) is None
    change(house.app, house.provider_id, care={"probes": False})
    assert house.look() == "ok direct None"


@pytest.mark.parametrize(
    ("values", "is_asked"),
    [
        ({"care": {"paid_probes": False}}, False),
        ({"is_shared": False}, False),
        ({"is_shared": False, "care": {"paid_probes": True}}, True),
        ({"is_enabled": False}, False),
        ({"deleted_at": clock.now()}, False),
    ],
    ids=["left out", "private", "private, allowed", "off", "deleted"],
)
def test_who_was_left_out_is_not_asked(house: House, values: dict[str, object], is_asked: bool) -> None:
    house.fail(house.add("ok"))
    change(house.app, house.provider_id, **values)
    assert bool(house.look()) is is_asked


def test_a_key_in_doubt_is_the_one_that_is_tried(house: House) -> None:
    model = house.add("ok")
    change(house.app, house.provider_id, auth_style="bearer")
    with house.app.app_context(), writing() as session:
        provider = session.get_one(Provider, house.provider_id)
        for label in ("first", "second"):
            add_key(session, provider, Secret(f"sk-{label}-0c1d94e07c3f28aa"), KeyInput(label, 1))
    with house.app.app_context():
        second = db.session.query(Credential).filter_by(label="second").one().id
    house.fail(model, "billing", key=second)
    assert house.look(10_000) == f"ok direct {second}"
    assert house.far_end.calls[-1].headers["authorization"] == "Bearer sk-second-0c1d94e07c3f28aa"
    house.time.now += 300
    assert health.key_state(second) == "good"


def test_a_provider_without_a_list_is_asked_when_nobody_called_it_for_an_hour(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = replace(vendors()["perplexity"], base_url=house.far_end.base_url)
    monkeypatch.setitem(vendors(), "perplexity", known)
    house.add("ok")
    assert house.look() is None  # it has a list
    change(house.app, house.provider_id, vendor_id="perplexity")
    assert house.look() is None  # it is new
    change(house.app, house.provider_id, created_at=clock.now() - timedelta(days=1))
    assert house.look() == "ok direct None"
    assert len(house.usage) == 1
    assert house.look(600) is None
    with house.app.app_context(), writing() as session:
        session.query(UsageEvent).update({"at": clock.now() - timedelta(minutes=61)})
    assert house.look() == "ok direct None"


def test_the_budget_ends_the_day_and_the_next_day_begins_anew(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.allow(MOST + COST - 1)
    house.fail(house.add("ok"))
    assert house.look()
    house.fail(house.add("another"))
    assert house.look(400) is None
    assert house.budget.left_nano_usd == MOST - 1
    tomorrow = clock.now() + timedelta(days=1)
    monkeypatch.setattr(clock, "now", lambda: tomorrow)
    assert house.budget == Budget(MOST + COST - 1)
    assert house.look()


def test_a_provider_is_left_out_on_its_page(house: House, admin: Person) -> None:
    address = f"/providers/{house.provider_id}/health"
    assert admin.post(address, {"probes": "1"}, htmx=True).status_code == 200
    house.fail(house.add("ok"))
    assert house.look() is None
    admin.post(address, {"probes": "1", "paid_probes": "1"}, htmx=True)
    assert house.look()
