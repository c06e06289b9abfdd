"""Rules: their pages without JavaScript, their JSON, their order, and where they send real questions."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from tests.conftest import Person
from tests.program import Program, manager, member
from tests.routing.test_aliases import change, listed
from webapp.core import clock
from webapp.core.database import writing
from webapp.monitor import sweep
from webapp.routing.choose import choose
from webapp.routing.gateway import Gateway
from webapp.routing.health import Health
from webapp.routing.rule import RuleRecord
from webapp.routing.terms import Place, Question, Rule
from webapp.routing.world import rules

__all__ = ["manager", "member"]

Add = Callable[..., int]


@pytest.fixture
def provider(app: Flask, add_provider: Add) -> int:
    """A shared provider, `far-end`, with two models."""
    provider_id = add_provider("http://127.0.0.1:9/v1")
    with app.app_context(), writing() as session:
        session.add_all(listed(provider_id, name) for name in ("small", "large"))
    return provider_id


def form(**more: str) -> dict[str, str]:
    wanted = {"name": "Old to new", "provider": "open*", "model": "gpt-3*", "to": "far-end/large", "is_enabled": "y"}
    return wanted | {"capability": "", "route": ""} | more


def read(app: Flask) -> tuple[Rule, ...]:
    with app.app_context():
        return rules()


def sent_to(app: Flask, provider: str, model: str, needs: frozenset[str] = frozenset()) -> str:
    question = Question(Place(99, provider, 999, model), needs)
    return choose(question, read(app), Health(), 1).options[0].place.name


def order(app: Flask) -> list[str]:
    return [rule.name for rule in read(app)]


def test_a_rule_is_made_shown_and_changed(app: Flask, admin: Person, owner: Person, provider: int) -> None:
    assert admin.post("/routes/rules", form(capability="tools")).headers["Location"] == "/routes"
    page = owner.get("/routes").text
    for text in ("Old to new", "open*", "gpt-3*", "far-end/large", "Tools"):
        assert text in page
    assert "New rule" not in page
    assert 'value="far-end/large"' in admin.get("/routes/rules/1/edit").text
    admin.post("/routes/rules/1", form(name="Other", to="", route="automatic"))
    (rule,) = read(app)
    assert (rule.name, rule.to, rule.route) == ("Other", None, "automatic")


def test_questions_go_where_the_first_matching_rule_says(app: Flask, admin: Person, provider: int) -> None:
    admin.post("/routes/rules", form(name="Seeing", provider="", model="", capability="vision", to="far-end/small"))
    admin.post("/routes/rules", form())
    admin.post("/routes/rules", form(name="Later", to="far-end/small"))
    assert sent_to(app, "OpenAI", "GPT-3.5") == "far-end/large"
    assert sent_to(app, "openai", "gpt-4") == "openai/gpt-4"
    assert sent_to(app, "openai", "gpt-4", needs=frozenset({"vision"})) == "far-end/small"


def test_brackets_in_a_pattern_mean_themselves(app: Flask, admin: Person, provider: int) -> None:
    admin.post("/routes/rules", form(provider="", model="[free]*"))
    assert sent_to(app, "any", "[free] mini") == "far-end/large"
    assert sent_to(app, "any", "free mini") == "any/free mini"


def test_rules_are_put_in_order_and_switched(app: Flask, admin: Person, provider: int) -> None:
    for name in ("a", "b", "c"):
        admin.post("/routes/rules", form(name=name))
    assert admin.post("/routes/rules/3/move", {"to": "up"}).status_code == 303
    assert order(app) == ["a", "c", "b"]
    assert 'id="rules"' in admin.post("/routes/rules/1/move", {"to": "down"}, htmx=True).text
    assert order(app) == ["c", "a", "b"]
    admin.post("/routes/rules/3/move", {"to": "up"})  # it is the first already
    admin.post("/routes/rules/1/switch")
    assert order(app) == ["c", "b"]
    admin.post("/routes/rules/1/switch", {"is_enabled": "y"})
    assert order(app) == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        (form(name=" "), "Give it a name."),
        (form(to=""), "Choose a model to send to, a route, or both."),
        (form(to="far-end/none"), "There is no such model."),
        (form(to="mine/own"), "Only you can use this provider"),
        (form(route="nowhere"), "Not a valid choice"),
        (form(capability="flying"), "Not a valid choice"),
        (form(model="x" * 501), "Field cannot be longer than 500 characters."),
    ],
)
def test_wrong_input_is_told_beside_its_field(
    app: Flask, admin: Person, provider: int, add_provider: Add, typed: dict[str, str], reason: str
) -> None:
    own = add_provider("http://127.0.0.1:9/v1", name="Mine", is_shared=False)
    with app.app_context(), writing() as session:
        session.add(listed(own, "own"))
    for htmx in (False, True):
        response = admin.post("/routes/rules", typed, htmx=htmx)
        assert response.status_code == 422
        assert reason in response.text
    assert read(app) == ()


def test_members_change_no_rule(admin: Person, owner: Person, provider: int) -> None:
    admin.post("/routes/rules", form())
    for path in ("", "/1", "/1/switch", "/1/move", "/1/delete", "/1/restore"):
        assert owner.post(f"/routes/rules{path}", form()).status_code == 403
    assert owner.get("/routes/rules/1/edit").status_code == 403


def test_a_rule_whose_target_is_gone_is_flagged_and_sends_nothing_there(
    app: Flask, admin: Person, provider: int
) -> None:
    admin.post("/routes/rules", form())
    change(app, "far-end/large", is_enabled=False)
    assert "Cannot be asked" in admin.get("/routes").text
    assert sent_to(app, "openai", "gpt-3.5") == "openai/gpt-3.5"
    assert admin.post("/routes/rules/1", form(name="Kept")).status_code == 303  # what it had may stay
    change(app, "far-end/large", is_enabled=True)
    assert sent_to(app, "openai", "gpt-3.5") == "far-end/large"


def test_a_deleted_rule_comes_back_within_half_a_minute_and_then_is_gone(
    app: Flask, admin: Person, provider: int
) -> None:
    admin.post("/routes/rules", form())
    after = admin.get(admin.post("/routes/rules/1/delete").headers["Location"]).text
    assert "Old to new was deleted." in after
    assert "/routes/rules/1/restore" in after
    assert read(app) == ()
    assert admin.get("/routes/rules/1/edit").status_code == 404
    admin.post("/routes/rules/1/restore")
    assert order(app) == ["Old to new"]
    assert admin.post("/routes/rules/1/restore").status_code == 404
    admin.post("/routes/rules/1/delete")
    with app.app_context(), writing() as session:
        session.get_one(RuleRecord, 1).deleted_at = clock.now() - timedelta(seconds=31)
    with app.app_context(), writing() as session:
        sweep(session)
    assert admin.post("/routes/rules/1/restore").status_code == 404


def test_programs_manage_rules_with_the_same_checks(manager: Program, member: Program, provider: int) -> None:
    made = manager.post("/api/rules", {"name": "First", "model": "gpt-3*", "to": "far-end/large"})
    assert made.status_code == 201
    assert made.json == {
        "id": 1,
        "position": 0,
        "name": "First",
        "provider": "",
        "model": "gpt-3*",
        "capability": "",
        "to": "far-end/large",
        "dangling": False,
        "route": "",
        "enabled": True,
    }
    manager.post("/api/rules", {"name": "Second", "route": "direct"})
    moved = manager.patch("/api/rules/2", {"position": 0, "enabled": False}).json
    assert moved
    assert (moved["position"], moved["enabled"], moved["route"]) == (0, False, "direct")
    listed_rules = member.get("/api/rules").json
    assert listed_rules
    assert [row["name"] for row in listed_rules] == ["Second", "First"]
    refused = manager.patch("/api/rules/1", {"to": None})
    assert refused.status_code == 422
    assert refused.json
    assert set(refused.json["errors"]) == {"route"}
    for response in (member.post("/api/rules", {"name": "x"}), member.patch("/api/rules/1", {})):
        assert response.status_code == 403
    assert member.delete("/api/rules/1").status_code == 403
    assert manager.delete("/api/rules/1").status_code == 204
    assert member.get("/api/rules/1").status_code == 404


def test_a_rule_whose_gateway_is_off_or_gone_is_flagged(app: Flask, admin: Person) -> None:
    with app.app_context(), writing() as session:
        session.add(Gateway(slug="office", name="Office", base_url="https://office.example/v1"))
    admin.post("/routes/rules", form(to="", route="office"))
    assert "Gateway is off" not in admin.get("/routes").text
    admin.post("/gateways/1/switch")
    assert "Gateway is off" in admin.get("/routes").text
    admin.post("/gateways/1/delete")
    assert "Gateway is off" in admin.get("/routes").text
