"""The page that explains a decision: every step in words, the order with states, chances where dice are thrown."""

import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from flask import Flask
from sqlalchemy import text

from tests.conftest import Person
from tests.routing.test_aliases import form, providers
from tests.routing.test_choose import GROQ, OPENAI, ZAI, Now
from webapp.core.database import db
from webapp.routing import choose as choosing
from webapp.routing.explain import explain
from webapp.routing.terms import Alias, Question, Rule, State, Strategy

__all__ = ["providers"]


def shown(person: Person, address: str) -> str:
    """The decision's text, without markup."""
    page = person.get(address)
    assert page.status_code == 200
    return " ".join(re.sub("<[^>]+>", " ", page.text.partition('id="decision"')[2]).split())


WORLDS = {
    "insisted": (Question(GROQ, route="direct"), [], {}),
    "rule_target": (Question(GROQ), [Rule("Tame", to=OPENAI)], {}),
    "rule_route": (Question(GROQ), [Rule("Office", route="direct")], {}),
    "ordered": (Question(Alias("best", ((GROQ, 1),))), [], {}),
    "weighted": (Question(Alias("best", ((GROQ, 1),), "weighted")), [], {}),
    "cheapest": (Question(Alias("best", ((GROQ, 1),), "cheapest")), [], {}),
    "fastest": (Question(Alias("best", ((GROQ, 1),), "fastest")), [], {}),
    "lacks": (Question(replace(GROQ, capabilities={"vision": False}), frozenset({"vision"})), [], {}),
    "automatic": (Question(GROQ, route="automatic"), [], {}),
    "no_such_route": (Question(GROQ, route="office"), [], {}),
    "no_key": (Question(replace(GROQ, keys=())), [], {}),
    "out": (Question(Alias("best", ((GROQ, 1), (OPENAI, 1)))), [], {("groq", "direct"): "down"}),
    "sticky": (Question(Alias("best", ((GROQ, 1), (OPENAI, 1))), last=(OPENAI.model_pk, "direct")), [], {}),
}


@pytest.mark.parametrize("language", ["en", "vi", "zh"])
@pytest.mark.parametrize("word", [*WORLDS, "out of all"])
def test_every_step_that_can_be_taken_is_told_in_a_sentence(app: Flask, word: str, language: str) -> None:
    states: dict[tuple[str, str], State]
    question, rules, states = WORLDS[word.removesuffix(" of all")]  # type: ignore[assignment]
    if word == "out of all":
        states = {("groq", "direct"): "down", ("openai", "direct"): "resting"}
    decision = choosing.choose(question, rules, Now(states), 1)
    [step] = [step for step in decision.steps if step.word == word.removesuffix(" of all")]
    with app.test_request_context(headers={"Accept-Language": language}):
        told = app.jinja_env.get_template("routing/words.html").module.step_text(step).strip()  # type: ignore[attr-defined]
        english = told if language == "en" else None
    names = [value for value in step.values.values() if isinstance(value, str) and value not in ("direct", "automatic")]
    assert told.endswith((".", "。"))
    assert (
        english is None
        or word != "no_key"
        or english == "groq/groq-model has no key that may be used, so it is left out."
    )
    assert all(name in told for name in names)


def test_no_step_is_forgotten_here() -> None:
    assert set(re.findall(r'Step\("(\w+)"', Path(choosing.__file__ or "").read_text())) <= set(WORLDS)
    assert set(get_args(Strategy)) <= set(WORLDS)


def test_an_alias_is_explained_in_its_order(admin: Person, owner: Person, providers: object) -> None:
    admin.post("/routes/aliases", form())
    told = shown(owner, "/routes/why?model=best")
    assert "The alias asks in its own order: far-end/small, second/large." in told
    assert told.index("1 far-end/small") < told.index("2 second/large")


def test_needs_rules_and_routes_are_told(app: Flask, admin: Person, owner: Person, providers: object) -> None:
    admin.post("/routes/aliases", form())
    rule = {"name": "Tame", "model": "small", "to": "best", "capability": "tools", "is_enabled": "y", "route": ""}
    admin.post("/routes/rules", rule)
    assert "Tame" not in shown(owner, "/routes/why?model=far-end/small")
    told = shown(owner, "/routes/why?model=far-end/small&needs=tools")
    assert "The rule “Tame” matches and sends it to best." in told
    told = shown(owner, "/routes/why?model=second/small&route=nowhere")
    assert "second/small cannot be reached by the route nowhere, so it is left out." in told
    assert "Nobody can be asked" in told


def test_an_unknown_name_is_told_beside_the_field(owner: Person) -> None:
    for headers in ({}, {"HX-Request": "true"}):
        response = owner.get("/routes/why?model=none", headers=headers)
        assert response.status_code == 422
        assert "There is no such model." in response.text
    assert "Choose a model or an alias to see" in owner.get("/routes/why").text


def test_nobody_learns_of_the_providers_of_others(
    app: Flask, admin: Person, owner: Person, stranger: Person, providers: object
) -> None:
    admin.post("/routes/aliases", form())
    assert stranger.get("/routes/why?model=far-end/small").status_code == 200
    with app.app_context():
        db.session.execute(text("UPDATE providers SET is_shared = false, owner_id = NULL WHERE slug = 'far-end'"))
        db.session.commit()
    assert stranger.get("/routes/why?model=far-end/small").status_code == 422
    assert "far-end/small" not in shown(stranger, "/routes/why?model=best")


@pytest.mark.parametrize(("weights", "chances"), [((3, 1, 0), [75, 25, 0]), ((0, 5, 0), [0, 100, 0])])
def test_dice_are_told_as_chances(app: Flask, weights: tuple[int, ...], chances: list[int]) -> None:
    alias = Alias("best", tuple(zip((GROQ, OPENAI, ZAI), weights, strict=True)), "weighted")
    with app.app_context():
        explained = explain(db.session, Question(alias), (), Now())
    assert explained.by_chance
    found = {line.option.place.name: line.chance or 0 for line in explained.lines}
    for place, chance in zip((GROQ, OPENAI, ZAI), chances, strict=True):
        assert found[place.name] == pytest.approx(chance, abs=6)
    assert found[explained.lines[0].option.place.name] == max(found.values())


def test_who_is_out_has_no_chance_to_be_first(app: Flask) -> None:
    alias = Alias("best", ((GROQ, 9), (OPENAI, 1)), "weighted")
    with app.app_context():
        explained = explain(db.session, Question(alias), (), Now({("groq", "direct"): "down"}))
    assert [(line.option.place.provider, line.chance) for line in explained.lines] == [("openai", 100), ("groq", 0)]
