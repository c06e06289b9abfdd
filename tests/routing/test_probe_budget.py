"""The day's budget of checks that cost money: shared by all processes, chosen by admins, shown with what is left."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.chat.conftest import in_parallel
from tests.conftest import Person
from tests.routing.test_paid_probing import CENT, House, house
from tests.serving import ROOT
from webapp.core import clock
from webapp.core.database import db, writing
from webapp.monitor import sweep
from webapp.providers.provider import Provider
from webapp.routing.probe_budget import Budget, ProbeDay, book, reserve
from webapp.usage.event import call_to
from webapp.usage.recorder import record

__all__ = ["house"]


def test_of_many_that_want_the_last_of_it_only_so_many_get_it_as_can_be_paid(house: House) -> None:
    house.allow(100)

    def ask(_number: int) -> str | None:
        with house.app.app_context():
            return reserve(30)

    days = [day for day in in_parallel(12, ask) if day]
    assert len(days) == 3
    assert house.budget == Budget(100, 90, 3)
    with house.app.app_context():
        book(str(days[0]), 30, 7)
        assert reserve(30)
    assert house.budget == Budget(100, 97, 4)


def test_days_that_are_long_over_are_forgotten(house: House) -> None:
    with house.app.app_context(), writing() as session:
        session.add(ProbeDay(day="2020-01-01", spent_nano_usd=1, calls=1))
        session.add(ProbeDay(day=clock.now().date().isoformat(), spent_nano_usd=1, calls=1))
    with house.app.app_context(), writing() as session:
        sweep(session)
        assert session.query(ProbeDay).count() == 1


def test_admins_say_what_a_day_may_cost_and_see_what_is_left(house: House, admin: Person, owner: Person) -> None:
    assert "Checks that cost money" in admin.get("/settings/workspace").text
    assert owner.get("/settings/probe-budget").status_code == 403
    assert owner.post("/settings/probe-budget", {"usd": "9"}).status_code == 403
    assert admin.post("/settings/probe-budget", {"usd": "0,05"}).status_code == 303
    assert house.budget.nano_usd == 5 * CENT
    with house.app.app_context():
        assert reserve(2 * CENT)
    card = " ".join(admin.post("/settings/probe-budget", {"usd": "0.05"}, htmx=True).text.split())
    assert "$0.020 for 1 check" in card
    assert "$0.030" in card
    assert 'value="0.05"' in admin.get("/settings/probe-budget").text
    shown = admin.get(f"/providers/{house.provider_id}/health").text
    assert "Today $0.020 of $0.050 were spent here for all providers, $0.030 are left." in shown
    assert admin.post("/settings/probe-budget", {"usd": ""}).status_code == 303
    assert house.budget.nano_usd == 0


@pytest.mark.parametrize("typed", ["much", "-1", "1e3", "0.0000001", "100.01", "٣", "9" * 400])
def test_a_budget_that_is_none_is_refused_beside_its_field(house: House, admin: Person, typed: str) -> None:
    for htmx in (False, True):
        response = admin.post("/settings/probe-budget", {"usd": typed}, htmx=htmx)
        assert response.status_code == 422
        assert 'id="usd-error"' in response.text
        assert f'value="{typed}"' in response.text
    assert house.budget.nano_usd == CENT


def test_what_a_check_costs_is_told_among_the_figures_of_its_model(house: House, admin: Person) -> None:
    model = house.add("ok")
    with house.app.app_context():
        provider = db.session.get_one(Provider, house.provider_id)
        call = call_to(provider, "ok", user_id=None, source="background", kind="probe")
    call.cost_nano_usd = 340_000_000
    record(call)
    assert house.usage
    assert "$0.34" in admin.get(f"/usage/models/{model}").text


def test_several_processes_share_one_budget(house: House, data_dir: Path) -> None:
    house.allow(455)
    assert sum(tries_apart(str(data_dir))) == 45
    assert house.budget == Budget(455, 450, 45)


def tries_apart(*where: str) -> list[int]:
    """Let three processes try at the same time; return how often each was lucky."""
    command = [sys.executable, "-m", "tests.routing.reserve_apart", *where]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, cwd=ROOT, **pipes) for _ in range(3)]  # type: ignore[call-overload]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    return [int(process.communicate(timeout=60)[0]) for process in processes]
