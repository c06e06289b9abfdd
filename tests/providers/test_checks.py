"""Connection tests: what each far end makes of the ladder, and how a test is watched, stopped and limited."""

import re
from collections.abc import Callable

import pytest
from flask import Flask

from tests.conftest import Person
from tests.far_end import FarEnd
from tests.providers.conftest import KEY
from tests.serving import free_port
from webapp.accounts.user import User
from webapp.core.database import db
from webapp.models.model import Model
from webapp.providers.check import Check
from webapp.providers.checks import RUNGS, start_check
from webapp.providers.provider import Provider
from webapp.upstream.target import Limits, Target

Finished = Callable[..., Check]
GOOD = {"resolve": "good", "connect": "good", "tls": "skipped", "authenticate": "good", "list": "good"}
GOOD |= {"answer": "good", "stream": "good"}
NOTHING_MORE = {"list": "skipped", "answer": "skipped", "stream": "skipped"}


def verdicts(check: Check) -> dict[str, str]:
    return {rung["name"]: rung["verdict"] for rung in check.rungs}


def category(check: Check) -> str:
    assert check.failed_rung
    return str(check.failed_rung["failure"]["category"])


def test_a_good_far_end_passes_every_rung_and_its_models_are_kept(
    app: Flask, owner: Person, add_provider: Callable[..., int], far_end: FarEnd, finished: Finished
) -> None:
    provider = add_provider(far_end.base_url, key=KEY)
    place = owner.post(f"/providers/{provider}/checks", {"model": "ok"}).headers["Location"]
    check = finished(owner)
    assert (check.status, verdicts(check), check.passed) == ("good", GOOD, 6)
    assert {rung["name"]: rung["failure"] for rung in check.rungs} == dict.fromkeys(RUNGS)
    assert "Works" in owner.get(place).text
    with app.app_context():
        ids = [row.model_id for row in db.session.query(Model).filter_by(provider_id=provider).order_by(Model.position)]
    assert ids == ["text-embedding-3-small", "ok", "slow", "stall", "whisper-1"]
    assert "Healthy" in owner.get("/providers").text


@pytest.mark.parametrize(
    ("script", "expected", "failure"),
    [
        ("401", {"authenticate": "bad", **NOTHING_MORE}, "auth_invalid"),
        ("403", {"authenticate": "good", "list": "bad", "answer": "skipped"}, "permission"),
        ("html", {"list": "bad"}, None),
        ("badjson", {"list": "bad"}, "bad_response"),
        ("429", {"list": "bad", "answer": "skipped", "stream": "skipped"}, "rate_limit"),
        ("500", {"list": "bad"}, "server_error"),
        ("silent", {"list": "bad"}, "stream_cut"),
        ("redirect:302:http://169.254.169.254/", {"list": "bad", "answer": "skipped"}, None),
    ],
)
def test_each_fault_stands_at_its_rung(
    owner: Person,
    add_provider: Callable[..., int],
    far_end: FarEnd,
    finished: Finished,
    script: str,
    expected: dict[str, str],
    failure: str | None,
) -> None:
    provider = add_provider(far_end.at(script), key=KEY)
    place = owner.post(f"/providers/{provider}/checks").headers["Location"]
    check = finished(owner)
    assert check.status == "bad"
    assert {name: verdicts(check)[name] for name in expected} == expected
    assert failure in (None, category(check))
    page = owner.get(place).text
    assert "Failed" in page
    assert re.search(r'id="failure-\d+-\w+" role="alert"', page)
    assert ("Wait 7 s" in page) == (script == "429")


def test_a_wrong_key_is_told_from_a_wrong_address(
    owner: Person, add_provider: Callable[..., int], finished: Finished
) -> None:
    with FarEnd(key="the right one") as far_end:
        wrong = add_provider(far_end.base_url, key="the wrong one")
        owner.post(f"/providers/{wrong}/checks")
        check = finished(owner)
        assert (category(check), verdicts(check)["authenticate"]) == ("auth_invalid", "bad")
    closed = add_provider(f"http://127.0.0.1:{free_port()}/v1", key=KEY)
    owner.post(f"/providers/{closed}/checks")
    check = finished(owner)
    assert (category(check), verdicts(check)["connect"]) == ("network_refused", "bad")
    nowhere = add_provider("http://no-such-host.invalid/v1", key=KEY)
    owner.post(f"/providers/{nowhere}/checks")
    check = finished(owner)
    assert (category(check), verdicts(check)["resolve"]) == ("network_dns", "bad")


@pytest.mark.parametrize(
    ("script", "models"), [("bare", 5), ("envelope-models", 5), ("10mb", 2000), ("pages:250", 250)]
)
def test_lists_of_any_shape_are_read(
    app: Flask,
    owner: Person,
    add_provider: Callable[..., int],
    far_end: FarEnd,
    finished: Finished,
    script: str,
    models: int,
) -> None:
    provider = add_provider(far_end.at(script), key=KEY)
    owner.post(f"/providers/{provider}/checks", {"model": "ok"})
    assert verdicts(finished(owner)) == GOOD
    with app.app_context():
        assert db.session.query(Model).filter_by(provider_id=provider).count() == models


def test_an_empty_list_proves_nothing(
    owner: Person, add_provider: Callable[..., int], far_end: FarEnd, finished: Finished
) -> None:
    owner.post(f"/providers/{add_provider(far_end.at('empty-list'), key=KEY)}/checks")
    check = finished(owner)
    assert (check.status, check.failed_rung) == ("unknown", None)
    assert verdicts(check)["list"] == "unknown"


def test_a_far_end_without_a_list_can_still_be_proved_by_a_chat(
    owner: Person, add_provider: Callable[..., int], far_end: FarEnd, finished: Finished
) -> None:
    provider = add_provider(far_end.at("no-list"), key=KEY)
    owner.post(f"/providers/{provider}/checks", {"model": "ok"})
    check = finished(owner)
    assert (check.status, verdicts(check)) == ("good", GOOD | {"list": "unknown"})


def test_a_silent_far_end_ends_at_the_limit(app: Flask, owner: Person, far_end: FarEnd, finished: Finished) -> None:
    limits = Limits(connect_seconds=1, first_byte_seconds=0.3, idle_seconds=0.3, list_seconds=0.3)
    target = Target("openai", far_end.at("stall"), allow_private=True, limits=limits)
    with app.test_request_context():
        user = db.session.get_one(User, owner.user_id)
        check_id = start_check(db.session, user, target, name="Silence", provider=None, model=None).id
    check = finished(owner, check_id)
    assert (check.status, category(check)) == ("bad", "timeout")
    assert far_end.client_gone.wait(2)


def test_the_demo_passes_without_any_network(app: Flask, owner: Person, finished: Finished) -> None:
    with app.app_context():
        demo = db.session.query(Provider).filter_by(vendor_id="demo").one().id
    owner.post(f"/providers/{demo}/checks")
    check = finished(owner)
    assert check.status == "good"
    assert verdicts(check)["connect"] == "skipped"
