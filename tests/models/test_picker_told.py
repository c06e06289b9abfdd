"""What the picker tells beside names: parameters, how soon answers begin, how many it searches; and plain stars."""

import re
from collections.abc import Callable

from flask import Flask

from tests.conftest import Person
from tests.models.test_picker import HTMX, PLACE
from tests.models.test_picker_kept import badges, groups, key_of, preview
from webapp.accounts.user import User
from webapp.core.database import db
from webapp.models.drift import Drift
from webapp.providers.provider import Provider
from webapp.usage.event import call_to
from webapp.usage.recorder import record, write_waiting

Add = Callable[..., int]
Offer = Callable[..., None]


def test_a_closer_look_names_the_parameters_that_the_list_told_of(
    app: Flask, owner: Person, add_provider: Add, offer: Offer
) -> None:
    provider = add_provider(PLACE)
    told = {"details": {"parameters": ["top_p", "temperature", "max_completion_tokens", "tools"]}}
    offer(provider, "told", **told)
    offer(provider, "told", **told)
    offer(add_provider(PLACE, name="Silent"), "untold")
    assert badges(owner, key_of(app, "told")) == ["temperature", "top_p", "max_tokens"]
    assert badges(owner, key_of(app, "untold")) == []
    with app.app_context():
        assert not db.session.query(Drift).filter_by(provider_id=provider).count()
        db.session.get_one(Provider, provider).quirks = {"told": {"drop top_p": {"by": "x", "at": "2026-01-01"}}}
        db.session.commit()
    assert badges(owner, key_of(app, "told")) == ["temperature", "max_tokens"]


def test_a_protocol_that_lacks_some_parameters_tells_of_the_others(
    app: Flask, owner: Person, add_provider: Add, offer: Offer
) -> None:
    offer(add_provider(PLACE, dialect="anthropic"), "model")
    assert badges(owner, key_of(app, "model")) == ["temperature", "top_p", "max_tokens", "stop"]


def test_a_closer_look_tells_how_soon_answers_begin(app: Flask, owner: Person, add_provider: Add, offer: Offer) -> None:
    provider = add_provider(PLACE)
    offer(provider, "model")
    key = key_of(app, "model")
    assert "p50" not in preview(owner, key)
    with app.app_context():
        user_id = db.session.query(User).filter_by(email="owner").one().id
        for first_token_ms in (200, 600, 900):
            call = call_to(db.session.get_one(Provider, provider), "model", user_id=user_id, source="chat")
            call.end("ok", latency_ms=1000, first_token_ms=first_token_ms)
            record(call)
        write_waiting()
    assert "p50 600 ms" in preview(owner, key)


def test_stars_work_without_javascript_and_lead_back(
    app: Flask, owner: Person, add_provider: Add, offer: Offer
) -> None:
    offer(add_provider(PLACE), "model")
    key = key_of(app, "model")
    action = re.search(r'formaction="([^"]*)"', owner.get("/models/picker?q=model").text)
    assert action
    answer = owner.post(action[1], {"model": key, "q": "model"})
    assert (answer.status_code, answer.location) == (303, "/models/picker?q=model")
    assert groups(owner)["favourites"] == ["model"]
    assert '/models/picker/favourites"' in owner.get("/models/picker?q=model").text


def test_the_field_says_among_how_many_it_searches(owner: Person, add_provider: Add, offer: Offer) -> None:
    offer(add_provider(PLACE), *(f"model-{number}" for number in range(5)))
    total = re.search(
        r"(\d+) models?</span>", owner.get("/models/picker", headers=HTMX).text.partition("picker-count")[2]
    )
    assert total
    assert f"Search {total[1]} models" in owner.get("/").text
