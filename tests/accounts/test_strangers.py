"""What belongs to one user does not exist for another: every route of the map, with every kind of id."""

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import select

from tests.accounts.things import things_of, things_of_everybody
from tests.conftest import Person
from webapp.accounts.api_token import SCOPES, create_token
from webapp.accounts.user import User
from webapp.core.database import db, reading, writing

# What belongs to everybody here: members see it, admins change it.
HOUSE = {"address_id", "gateway_id", "rule_id", "alias_id"}
Things = dict[str, str]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


@pytest.fixture
def things(app: Flask, owner: Person, add_provider: Callable[..., int]) -> Things:
    """One of everything that the owner, a member, has; by the name of its argument in the routes."""
    provider_id = add_provider("http://127.0.0.1:9/v1", by="owner", key="sk-canary-of-the-owner-1234")
    with app.app_context(), writing() as session:
        assert owner.user_id
        return {**things_of(session, owner.user_id, provider_id), **things_of_everybody(session)}


def routes(app: Flask, things: Things) -> Iterator[tuple[str, list[str]]]:
    """Yield every rule that names something, and its arguments. A new kind fails here until it is added above."""
    for rule in app.url_map.iter_rules():
        names = re.findall(r"<(?:\w+:)?(\w+)>", rule.rule)
        if names and rule.endpoint != "static":
            assert set(names) <= set(things), f"{rule}: no example of {names}"
            yield rule.rule, names


def filled(rule: str, things: Things) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: things[found[1]], rule)


def everything(app: Flask) -> dict[str, list[object]]:
    """Every row of every table but those that note a request."""
    with app.app_context(), reading() as session:
        tables = [table for table in db.metadata.sorted_tables if table.name not in ("sessions", "failed_sign_ins")]
        return {table.name: sorted(map(str, session.execute(select(table)))) for table in tables}


@pytest.mark.parametrize("who", ["stranger", "admin"])
def test_somebody_elses_things_are_not_found_by_any_route(
    app: Flask, people: dict[str, Person], things: Things, who: str
) -> None:
    person, before = people[who], everything(app)
    for rule, names in routes(app, things):
        is_of_the_house = bool(HOUSE & set(names)) or rule.startswith("/routes/")
        if who == "admin" and is_of_the_house:
            continue  # admins look after those
        expected: tuple[int, ...] = (403, 404, 405) if is_of_the_house else (404, 405)
        if is_of_the_house and rule.startswith("/api/"):
            expected += (200,)  # everybody may know of them
        if rule.startswith("/v1/"):
            expected = (401, 405)  # a browser's cookie opens nothing there
        for method in METHODS:
            for more in ({}, {"HX-Request": "true"}):
                headers = {"X-CSRFToken": person.csrf, **more}
                response = person.client.open(filled(rule, things), method=method, headers=headers)
                assert response.status_code in expected, f"{method} {rule}: {response.status_code}"
                assert "Secret" not in response.text
    assert everything(app) == before


def test_the_owner_finds_them(owner: Person, things: Things) -> None:
    addresses = ("/providers/{provider_id}", "/chat/{conversation_id}", "/providers/checks/{check_id}")
    for address in addresses:
        assert owner.get(address.format(**things)).status_code == 200
    progress = "/providers/batches/{batch_id}".format(**things)
    assert owner.get(progress, headers={"HX-Request": "true"}).status_code == 200


@pytest.mark.parametrize(
    ("method", "address", "form"),
    [
        ("GET", "/providers/{provider_id}/models", {}),
        ("POST", "/providers/{provider_id}/models", {"model_id": "x"}),
        ("POST", "/providers/{provider_id}/models/refreshes", {}),
        ("POST", "/providers/checks", {"provider_id": "{provider_id}", "name": "x", "vendor": "custom"}),
        ("GET", "/providers/checks/{draft_id}", {}),
        ("GET", "/providers/checks/{draft_id}/events", {}),
        ("POST", "/chat", {"model": "{model_pk}", "text": "x", "send_key": "12345678"}),
        ("POST", "/chat/model", {"model": "{model_pk}"}),
        ("POST", "/chat/settings", {"conversation": "{conversation_id}"}),
        ("POST", "/chat/settings", {"preset": "{preset_id}"}),
        ("POST", "/presets/drafts", {"preset": "{preset_id}"}),
        ("POST", "/presets/drafts", {"model": "{model_pk}"}),
    ],
)
@pytest.mark.parametrize("is_htmx", [False, True])
def test_somebody_elses_things_are_not_found_by_a_form_or_a_query(
    app: Flask, stranger: Person, things: Things, method: str, address: str, form: dict[str, str], is_htmx: bool
) -> None:
    before = everything(app)
    headers = {"X-CSRFToken": stranger.csrf} | ({"HX-Request": "true"} if is_htmx else {})
    data = {name: value.format(**things) for name, value in form.items()}
    response = stranger.client.open(address.format(**things), method=method, data=data or None, headers=headers)
    assert response.status_code in (404, 422)
    assert "mine" not in response.text
    assert everything(app) == before


@pytest.mark.parametrize(
    "address",
    ["/api/providers/{provider_id}", "/api/presets/{preset_id}", "/v1/models/{name}", "/v1/models/preset/mine"],
)
def test_a_program_finds_only_what_its_user_finds(app: Flask, visitor: Person, things: Things, address: str) -> None:
    found = []
    for email in ("stranger", "owner"):
        with app.app_context(), writing() as session:
            user = session.scalars(select(User).filter_by(email=email)).one()
            token = create_token(session, user, "test", SCOPES)
        answer = visitor.client.get(address.format(**things), headers={"Authorization": f"Bearer {token}"})
        found.append(answer.status_code)
    assert found == [404, 200]


def test_lists_and_searches_hold_only_ones_own(stranger: Person, things: Things) -> None:
    for address in (
        "/",
        "/providers",
        "/providers?q=Far",
        "/models",
        "/models?q=mine",
        "/models/picker?q=mine",
        "/presets",
    ):
        text = stranger.get(address).text
        assert "Secret" not in text, address
        assert "127.0.0.1:9" not in text, address
        assert things["conversation_id"] not in text, address


def test_visitors_are_asked_to_sign_in_whatever_they_name(app: Flask, visitor: Person, things: Things) -> None:
    visitor.get("/login")
    before = everything(app)
    for rule, _ in routes(app, things):
        for method in METHODS:
            headers = {"X-CSRFToken": visitor.csrf}
            response = visitor.client.open(filled(rule, things), method=method, headers=headers)
            assert response.status_code in (303, 401, 405), f"{method} {rule}: {response.status_code}"
            if response.status_code == 303:
                assert response.headers["Location"].startswith("/login")
    assert everything(app) == before


def test_members_may_use_what_is_shared_but_not_change_it(app: Flask, owner: Person, admin: Person) -> None:
    with app.app_context(), reading() as session:
        shared = session.execute(db.text("SELECT id FROM providers WHERE is_shared AND is_builtin LIMIT 1")).scalar()
    before = everything(app)
    assert owner.get(f"/providers/{shared}").status_code == 200
    for address in ("", "/switch", "/delete", "/key/delete", "/private-address"):
        assert owner.post(f"/providers/{shared}{address}").status_code == 403, address
    assert owner.get(f"/providers/{shared}/edit").status_code == 403
    assert owner.get("/settings/workspace").status_code == 403
    assert owner.get("/providers/private-addresses").status_code == 403
    assert admin.get("/settings/workspace").status_code == 200
    assert everything(app) == before


@pytest.mark.parametrize(
    "value",
    ["0", "999999", str(2**31), str(2**63), "9" * 30, "-1", "1.5", "1e3", "%00", "..%2f..", "x" * 500, "%F0%9F%A6%8A"],
)
def test_an_id_that_nothing_can_have_is_not_found(app: Flask, admin: Person, things: Things, value: str) -> None:
    for rule, _ in routes(app, things):
        address = re.sub(r"<[^>]+>", value, rule)
        for method in ("GET", "POST"):
            response = admin.client.open(address, method=method, headers={"X-CSRFToken": admin.csrf})
            refused = 401 if rule.startswith("/v1/") else 404
            assert response.status_code in (refused, 405), f"{method} {address}"
    for address in ("/models?offset=", "/models/picker?chosen=", "/providers/headers/new?number="):
        assert admin.client.get(address + value, headers={"HX-Request": "true"}).status_code < 500, address
