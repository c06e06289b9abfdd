"""The page that explains a decision: every step in words, the order with states, chances where dice are thrown."""

import re
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from tests.conftest import Person
from tests.routing.test_aliases import form, providers
from tests.routing.test_choose import GROQ, OPENAI, ZAI, Now
from webapp.core.database import db
from webapp.routing import choose as choosing
from webapp.routing.explain import explain
from webapp.routing.terms import Alias, Question

__all__ = ["providers"]

WORDS = Path("templates/routing/words.html")


def shown(person: Person, address: str) -> str:
    """The decision's text, without markup."""
    page = person.get(address)
    assert page.status_code == 200
    return " ".join(re.sub("<[^>]+>", " ", page.text.partition('id="decision"')[2]).split())


def test_every_step_that_can_be_taken_has_its_words() -> None:
    taken = set(re.findall(r'Step\("(\w+)"', Path(choosing.__file__ or "").read_text())) | {
        "ordered",
        "weighted",
        "cheapest",
        "fastest",
    }
    assert taken <= set(re.findall(r'step\.word == "(\w+)"', WORDS.read_text()))


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
