"""Connection tests by another way: through a gateway, side by side with the direct one."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from tests.conftest import Person
from tests.far_end import FarEnd
from tests.models.lists import join
from tests.program import program
from tests.serving import free_port
from webapp.accounts.user import find_user
from webapp.core.database import db, writing
from webapp.models.model import Model, id_hash
from webapp.models.standing import UNTESTED, standings_of
from webapp.providers.check import Check
from webapp.providers.provider import Provider
from webapp.routing.gateway import Gateway
from webapp.usage.event import UsageEvent
from webapp.usage.recorder import write_waiting

Add = Callable[..., int]


@pytest.fixture
def office(admin: Person, far_end: FarEnd) -> str:
    """A gateway at the far end that offers `ok` among others."""
    answer = admin.post("/gateways", {"name": "Office", "allow_private": "y", "weight": "3", "base_url": far_end.root})
    assert answer.status_code == 303, answer.text
    far_end.calls.clear()
    return "office"


@pytest.fixture
def gone(add_provider: Add) -> int:
    """A provider at whose own address nobody is."""
    return add_provider(f"http://127.0.0.1:{free_port()}/v1", name="Trạm xa")


def checks_of(app: Flask) -> list[Check]:
    join("run_check")
    with app.app_context():
        return list(db.session.scalars(select(Check).order_by(Check.id)))


def test_a_test_through_a_gateway_calls_it_and_is_kept_apart_from_that_of_the_provider(
    app: Flask, admin: Person, far_end: FarEnd, office: str, gone: int
) -> None:
    assert "Test both ways" in admin.get(f"/providers/{gone}").text
    answer = admin.post(f"/providers/{gone}/checks", {"route": office, "model": "ok"})
    assert answer.status_code == 303
    (check,) = checks_of(app)
    assert (check.status, check.route, check.is_usual) == ("good", office, False)
    assert {call.json["model"] for call in far_end.calls if call.path.endswith("/chat/completions")} == {"ok"}
    page = admin.get(answer.headers["Location"]).text
    assert "Testing Trạm xa through Office" in page
    assert "Not tested yet" in admin.get(f"/providers/{gone}").text
    with app.app_context():
        admin_row = find_user(db.session, "admin")
        assert admin_row
        assert standings_of(db.session, admin_row)[gone].word == UNTESTED
        write_waiting()
        assert set(db.session.scalars(select(UsageEvent.route).filter_by(provider_slug="tram-xa"))) == {office}
        assert db.session.scalars(select(Model).filter_by(provider_id=gone)).all() == []


def test_automatic_leaves_a_way_on_which_a_test_reached_nobody(
    app: Flask, admin: Person, far_end: FarEnd, office: str, gone: int
) -> None:
    with app.app_context(), writing() as session:
        session.get_one(Provider, gone).route = "automatic"
        session.add(Model(provider_id=gone, model_id="ok", id_hash=id_hash("ok"), search_text="ok"))
    assert admin.post(f"/providers/{gone}/checks", {"model": "ok"}).status_code == 303
    assert [check.status for check in checks_of(app)] == ["bad"]
    answer = program(app, "admin", "chat").post(
        "/v1/chat/completions", {"model": "tram-xa/ok", "messages": [{"role": "user", "content": "Hi"}]}
    )
    assert (answer.headers["x-jackfield-route"], answer.headers["x-jackfield-attempts"]) == (office, "1")


def test_both_ways_stand_side_by_side(app: Flask, admin: Person, far_end: FarEnd, office: str, gone: int) -> None:
    answer = admin.post(f"/providers/{gone}/checks", {"both": "1", "model": "ok"})
    direct, through = checks_of(app)
    assert (direct.status, direct.route, direct.is_usual) == ("bad", "direct", True)
    assert (through.status, through.route) == ("good", office)
    page = admin.get(answer.headers["Location"]).text
    assert re.findall(r'<section class="card" id="provider-check-(\d+)"', page) == [str(direct.id), str(through.id)]
    assert admin.get(f"/providers/checks/{direct.id}?beside=99").status_code == 404


def test_a_failing_gateway_is_named_and_nobody_is_sent_to_the_key_of_the_provider(
    app: Flask, admin: Person, far_end: FarEnd, office: str, gone: int
) -> None:
    far_end.key = "sk-another"
    answer = admin.post(f"/providers/{gone}/checks", {"route": office, "model": "ok"})
    (check,) = checks_of(app)
    assert check.status == "bad"
    page = admin.get(answer.headers["Location"]).text
    assert "Trạm xa through Office" in page
    assert f"/providers/{gone}/edit" not in page
    assert 'href="/gateways"' in page


def test_programs_test_by_a_way_of_their_choice_else_by_that_of_chats(
    app: Flask, admin: Person, far_end: FarEnd, office: str, gone: int
) -> None:
    tester = program(app, "admin")

    def verify(**asked: str) -> tuple[int, bool | None, str | None]:
        answer = tester.post(f"/api/providers/{gone}/verify", {"model": "ok", **asked})
        return answer.status_code, answer.json.get("success"), answer.json.get("route")

    assert verify() == (200, False, "direct")
    assert verify(route=office) == (200, True, office)
    assert verify(route="nowhere")[0] == 422
    with app.app_context(), writing() as session:
        session.get_one(Provider, gone).route = office
    assert verify() == (200, True, office)
    assert checks_of(app)[-1].is_usual
    with app.app_context(), writing() as session:
        session.scalars(select(Gateway)).one().is_enabled = False
    assert verify() == (200, False, "direct")
    assert verify(route=office)[0] == 422
