"""The picker's filters, favourites and recents, its closer look at one model, and its page without JavaScript."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Person
from tests.models.test_picker import HTMX, PLACE, found
from webapp.accounts.user import User
from webapp.core.database import db, writing
from webapp.models.mark import note_use
from webapp.models.model import Model
from webapp.models.overlay import override
from webapp.models.picker import RECENT
from webapp.providers.check import BAD, GOOD, Check
from webapp.providers.checks import RUNGS

Add = Callable[..., int]
Offer = Callable[..., None]


def key_of(app: Flask, model_id: str) -> int:
    with app.app_context():
        return db.session.query(Model).filter_by(model_id=model_id).one().id


def star(person: Person, key: int, favourite: str = "y", **more: Any) -> str:
    response = person.post("/models/picker/favourites", {"model": key, "favourite": favourite, **more}, htmx=True)
    assert response.status_code == 200
    return response.text


def groups(person: Person, **query: Any) -> dict[str, list[str]]:
    page = person.get("/models/picker", query_string=query, headers=HTMX).text
    parts = re.split(r'aria-labelledby="picker-([\w-]+)"', page)[1:]
    return {name: re.findall(r'data-name="([^"]*)"', part) for name, part in zip(parts[::2], parts[1::2], strict=True)}


def note_check(app: Flask, provider_id: int, status: str, rung: str = "connect") -> None:
    rungs = [{"name": name, "verdict": BAD if status == BAD and name == rung else GOOD} for name in RUNGS]
    with app.app_context(), writing() as session:
        user = session.query(User).filter_by(email="admin").one()
        session.add(Check(provider_id=provider_id, user_id=user.id, name="x", status=status, rungs=rungs))


@pytest.mark.parametrize("query", ["gpt4o", "gpt 4o", "gpt-4o", "4o gpt", "GPT.4o", "gpt-4-o"])
def test_punctuation_does_not_matter(owner: Person, add_provider: Add, offer: Offer, query: str) -> None:
    offer(add_provider(PLACE), "gpt-4o", "other")
    assert found(owner, query) == ["gpt-4o"]


def test_better_matches_come_first_within_a_provider(owner: Person, add_provider: Add, offer: Offer) -> None:
    provider = add_provider(PLACE)
    offer(provider, "unqwenched", "vendor/qwen-7", "qwen3")
    assert found(owner, "qwen", provider=provider) == ["qwen3", "vendor/qwen-7", "unqwenched"]


def test_several_filters_hold_at_once(app: Flask, owner: Person, add_provider: Add, offer: Offer) -> None:
    offer(add_provider(PLACE, name="A"), "sees", capabilities={"vision": True, "tools": False})
    cheap = {"details": {"price": {"input_price": 0.5}}}
    offer(add_provider(PLACE, name="B"), "both", capabilities={"vision": True, "tools": True}, **cheap)
    names = {"sees", "both"}

    def left(*must: str) -> set[str]:
        return names & set(found(owner, "", must=list(must)))

    assert left("vision") == names
    assert left("vision", "tools") == left("cheap") == {"both"}
    assert left("vision", "nonsense") == names
    assert left("audio_input") == set()
    assert left("local") == names  # a loopback address that an admin opened


def test_healthy_only_leaves_out_what_failed_its_newest_test(
    app: Flask, owner: Person, add_provider: Add, offer: Offer
) -> None:
    provider = add_provider(PLACE, name="Shaky")
    offer(provider, "model")
    assert found(owner, "shaky", must="healthy") == ["model"]
    note_check(app, provider, BAD, "stream")
    assert found(owner, "shaky", must="healthy") == []
    assert 'aria-disabled="true"' not in owner.get("/models/picker?q=shaky", headers=HTMX).text
    note_check(app, provider, BAD)
    page = owner.get("/models/picker?q=shaky", headers=HTMX).text
    assert 'aria-disabled="true"' in page
    assert "Down since" in page
    note_check(app, provider, GOOD)
    assert found(owner, "shaky", must="healthy") == ["model"]


def test_favourites_come_first_and_last_through_hiding_and_renaming(
    app: Flask, owner: Person, stranger: Person, add_provider: Add, offer: Offer
) -> None:
    provider = add_provider(PLACE)
    offer(provider, "one", "two")
    key = key_of(app, "two")
    assert "picker-kept" in star(owner, key)
    star(owner, key)  # twice is once
    assert groups(owner)["favourites"] == ["two"]
    assert "favourites" not in groups(stranger)
    assert "favourites" not in groups(owner, q="two")
    assert "favourites" not in groups(owner, must="vision")
    offer(provider, "one")  # its list lost it for a while
    assert "favourites" not in groups(owner)
    offer(provider, "one", "two")
    with app.app_context():
        override(db.session.get_one(Model, key), {"display_name": "Zwei"})
        db.session.commit()
    assert groups(owner)["favourites"] == ["Zwei"]
    star(owner, key, "")
    assert "favourites" not in groups(owner)


def test_recents_are_the_last_ones_used_without_favourites(
    app: Flask, owner: Person, add_provider: Add, offer: Offer
) -> None:
    names = [f"model-{number}" for number in range(RECENT + 3)]
    offer(add_provider(PLACE), *names)
    for name in names:
        with app.app_context(), writing() as session:
            note_use(session, owner.user_id or 0, session.query(Model).filter_by(model_id=name).one().id)
    star(owner, key_of(app, names[-1]))
    assert groups(owner)["favourites"] == names[-1:]
    assert groups(owner)["recents"] == names[-2 : -2 - RECENT : -1]


def test_a_group_counts_all_its_models_and_goes_on_with_the_next_page(
    owner: Person, add_provider: Add, offer: Offer
) -> None:
    offer(add_provider(PLACE, name="AAA"), *(f"model-{number:03d}" for number in range(120)))
    first = owner.get("/models/picker?q=aaa", headers=HTMX).text
    assert "120 models" in first
    assert "Showing 50 of 120" in first
    second = owner.get("/models/picker?q=aaa&offset=50", headers=HTMX).text
    assert "Showing 100 of 120" in second
    assert second.count('role="group"') == 0
    assert len(re.findall('role="option"', second)) == 50


def test_a_closer_look_says_what_is_known_and_where_else_it_is(
    app: Flask, owner: Person, stranger: Person, add_provider: Add, offer: Offer
) -> None:
    facts = {"context_length": 1000, "max_output_tokens": 300, "capabilities": {"tools": True}}
    price = {"details": {"price": {"input_price": 5.0, "output_price": 0.14, "cached_price": 0.028}}}
    mine = add_provider(PLACE, name="Mine", by="owner")
    offer(mine, "great-model", **facts, **price)
    offer(add_provider(PLACE, name="Dearer"), "vendor/great-model", details={"price": {"input_price": 9.0}})
    offer(add_provider(PLACE, name="Cheaper"), "Great-Model", details={"price": {"input_price": 0.0}})
    key = key_of(app, "great-model")
    page = owner.get(f"/models/picker/preview?model={key}").text
    for text in ("great-model", "Tools", "1,000", "300", "$5 / 1M", "$0.14 / 1M", "$0.028 / 1M", "Direct", "Mine"):
        assert text in page, text
    assert page.index("Cheaper") < page.index("Dearer")
    assert stranger.get(f"/models/picker/preview?model={key}").status_code == 404
    for wrong in ("", "0", "x", "9" * 30):
        assert owner.get(f"/models/picker/preview?model={wrong}").status_code == 404
    assert stranger.post("/models/picker/favourites", {"model": key, "favourite": "y"}).status_code == 404


def test_the_page_without_javascript_finds_stars_and_chooses(
    app: Flask, owner: Person, add_provider: Add, offer: Offer
) -> None:
    offer(add_provider(PLACE, name="AAA"), *(f"model-{number:03d}" for number in range(60)))
    page = owner.get("/models/picker?q=aaa").text
    assert "<html" in page
    assert "offset=50" in page
    key = key_of(app, "model-001")
    assert f'name="model" value="{key}"' in page
    response = owner.post("/chat/model", {"model": key})
    assert response.status_code == 303
    assert f'id="chosen-model" value="{key}"' in owner.get(response.headers["Location"]).text
    assert owner.post("/models/picker/favourites", {"model": key, "favourite": "y"}).status_code == 303


def test_a_default_chosen_in_the_picker_is_the_providers(
    app: Flask, admin: Person, owner: Person, add_provider: Add, offer: Offer
) -> None:
    provider = add_provider(PLACE, name="AAA")
    offer(provider, "one", "two")
    key = key_of(app, "two")
    section = admin.get(f"/providers/{provider}/models", headers=HTMX).text
    assert f'data-picker="/providers/default" data-provider="{provider}"' in section
    assert "data-picker" not in owner.get(f"/providers/{provider}/models", headers=HTMX).text
    answer = admin.post("/providers/default", {"model": key}, htmx=True)
    assert answer.text.startswith(f'<hx-partial hx-target="#provider-models-{provider}"')
    assert f'id="chosen-model" value="{key}"' in answer.text
    assert owner.post("/providers/default", {"model": key}).status_code == 403
    assert admin.post("/providers/default", {"model": "0"}).status_code == 404
    page = admin.get(f"/models/picker?provider={provider}").text
    assert 'action="/providers/default"' in page
    assert re.findall(r'class="opt-row" name="model" value="(\d+)"', page) == [str(key_of(app, "one")), str(key)]
    assert admin.post("/providers/default", {"model": key_of(app, "one")}).status_code == 303


def preview(person: Person, key: int) -> str:
    return person.get(f"/models/picker/preview?model={key}", headers=HTMX).text


def badges(person: Person, key: int) -> list[str]:
    return re.findall(r'<span class="badge">(\w+)</span>', preview(person, key))
