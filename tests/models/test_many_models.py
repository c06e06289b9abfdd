"""What is done to many models at once: those that were checked, or all that match, and how it is undone."""

import re

import pytest
from flask import Flask

from tests.conftest import Person
from tests.models.shelf import PLACE, Add, Offer, Read, hidden, listed
from webapp.core.database import writing
from webapp.models.bulk import packed, unpacked
from webapp.models.mark import set_favourite
from webapp.models.model import Model
from webapp.models.overlay import override
from webapp.models.table import PAGE

UNDO = re.compile(r'name="(models|where|offer|is_undo)" value="([^"]*)"')
NAMES = re.compile(r'id="select-(\d+)"')


def test_a_member_may_not_change_what_is_shared(
    app: Flask, owner: Person, shelf: int, add_provider: Add, offer: Offer, row: Read
) -> None:
    mine = add_provider(PLACE, by="owner", name="Kệ riêng")
    offer(mine, "own")
    page = owner.get("/models?q=k%E1%BB%87").text
    assert page.count('disabled title="Only an admin can change this provider."') == 5
    assert "Models of shared providers are offered or hidden by an admin." in page
    assert owner.post(f"/models/{row('plain').id}/offer", {"offer": "0"}).status_code == 403
    told = owner.post("/models/offers", {"offer": "0", "all": "1", "where": "q=ke"}, htmx=True).text
    assert "1 model is hidden. 5 models belong to providers that an admin must change." in " ".join(told.split())
    assert (hidden(app, mine), hidden(app, shelf)) == ({"own"}, {"mute"})
    told = owner.post("/models/offers", {"offer": "0", "ids": [row("seer").id]}, htmx=True).text
    assert "1 model belongs to a provider that an admin must change." in told
    assert "Undo" not in told


def test_a_strangers_models_can_neither_be_seen_nor_changed(
    app: Flask, admin: Person, stranger: Person, add_provider: Add, offer: Offer, row: Read
) -> None:
    provider = add_provider(PLACE, by="owner", name="Private place")
    offer(provider, "secret-model")
    key = row("secret-model").id
    for person in (stranger, admin):
        assert "secret-model" not in person.get("/models").text
        assert listed(person, provider=provider) == []
        assert person.post(f"/models/{key}/offer", {"offer": "0"}).status_code == 404
        for chosen in ({"ids": [key]}, {"models": str(key)}, {"all": "1", "where": f"provider={provider}"}):
            assert person.post("/models/offers", {"offer": "0", **chosen}).status_code == 200
            assert person.post("/models/favourites", {"favourite": "1", **chosen}).status_code == 200
            assert person.post("/models/overrides", {"context_length": "5", **chosen}).status_code == 200
        assert person.post("/models", {"provider": provider, "model_id": "x"}).status_code == 422
    assert (hidden(app, provider), row("secret-model").overrides) == (set(), {})


def test_an_action_on_all_that_match_reaches_beyond_the_page_and_can_be_undone_exactly(
    app: Flask, admin: Person, add_provider: Add, offer: Offer
) -> None:
    provider = add_provider(PLACE)
    offer(provider, *(f"model-{number:03d}" for number in range(3 * PAGE)), "other")
    with app.app_context(), writing() as session:
        for number in (5, 77):
            session.query(Model).filter_by(model_id=f"model-{number:03d}").one().is_enabled = False
    before = hidden(app, provider)
    where = f"q=model&provider={provider}"
    told = admin.post("/models/offers", {"offer": "0", "all": "1", "where": where}, htmx=True).text
    assert f"{3 * PAGE - 2} models are hidden." in told
    assert len(hidden(app, provider)) == 3 * PAGE
    undo = dict(
        re.findall(r'name="(models|where|offer|is_undo)" value="([^"]*)"', told[told.index('id="models-told"') :])
    )
    assert undo["offer"] == "1"
    told = admin.post("/models/offers", undo, htmx=True).text
    assert hidden(app, provider) == before
    assert 'id="models-undo"' not in told


def test_without_javascript_an_action_is_told_on_a_page_with_undo(
    app: Flask, admin: Person, shelf: int, row: Read
) -> None:
    admin.get("/models")
    keys = [row("plain").id, row("seer").id]
    told = admin.post("/models/offers", {"offer": "0", "ids": keys, "where": f"provider={shelf}"})
    assert "<html" in told.text
    assert "2 models are hidden." in told.text
    assert f'href="/models?provider={shelf}"' in told.text
    assert hidden(app, shelf) == {"mute", "plain", "seer"}
    undo = dict(UNDO.findall(told.text))
    admin.post("/models/offers", undo)
    assert hidden(app, shelf) == {"mute"}


def test_selecting_a_page_or_everything_checks_its_rows(admin: Person, add_provider: Add, offer: Offer) -> None:
    provider = add_provider(PLACE)
    offer(provider, *(f"model-{number:03d}" for number in range(PAGE + 5)))
    path = f"/models?provider={provider}"
    page = admin.get(f"{path}&select=page").text
    assert f"{PAGE} selected" in page
    assert f"Select all {PAGE + 5} that match" in page
    assert len(re.findall(r'class="sel"[^>]* checked', page)) == PAGE
    every = admin.get(f"{path}&select=all").text
    assert f"All {PAGE + 5} selected" in every
    assert '<input type="hidden" name="all" value="1">' in every
    keys = NAMES.findall(page)[:2]
    bar = admin.get("/models/selection", query_string={"ids": keys, "where": f"provider={provider}"}).text
    assert "2 selected" in bar
    assert 'name="all"' not in bar


def test_favourites_are_ones_own(app: Flask, owner: Person, admin: Person, shelf: int, row: Read) -> None:
    owner.get("/models")
    with app.app_context(), writing() as session:
        set_favourite(session, owner.user_id or 0, row("mute").id, is_favourite=True)
    for _ in range(2):
        owner.post("/models/favourites", {"favourite": "1", "ids": [row("seer").id, row("mute").id]})
    assert listed(owner, only="favourite") == ["mute", "seer"]
    assert listed(admin, only="favourite") == []
    owner.post("/models/favourites", {"favourite": "0", "all": "1", "where": "only=favourite&q=seer"})
    assert listed(owner, only="favourite") == ["mute"]


def test_saying_something_of_many_models_changes_only_what_was_filled_in(
    admin: Person, shelf: int, offer: Offer, row: Read
) -> None:
    admin.get("/models")
    where = f"provider={shelf}&only=tools"
    form = admin.post("/models/overrides/new", {"all": "1", "where": where}).text
    assert "Override 2 models" in form
    filled = {"all": "1", "where": where, "input_price": "0.25", "vision": "no", "context_length": ""}
    told = admin.post("/models/overrides", filled).text
    assert "2 models changed." in told
    for name in ("seer", "solver"):
        model = row(name)
        assert (model.input_price, model.capabilities["vision"]) == (0.25, False)
        assert "context_length" not in model.overrides
    assert row("plain").overrides == {}
    admin.post("/models/overrides", {"ids": [row("seer").id], "vision": "back", "where": ""})
    assert (row("seer").capabilities["vision"], row("seer").input_price) == (None, 0.25)


def test_models_that_differ_keep_what_they_differ_in(
    admin: Person, add_provider: Add, offer: Offer, row: Read, app: Flask
) -> None:
    provider = add_provider(PLACE)
    offer(provider, "one", "two", "three", capabilities={"tools": True})
    offer(provider, "one", "two", "three", "blind", capabilities={"tools": True, "vision": False})
    with app.app_context(), writing() as session:
        override(session.query(Model).filter_by(model_id="two").one(), {"max_output_tokens": 7})
    admin.get("/models")
    where = f"provider={provider}"
    admin.post("/models/overrides", {"all": "1", "where": where, "context_length": "4096", "reasoning": "yes"})
    for name in ("one", "two", "three", "blind"):
        model = row(name)
        assert (model.context_length, model.capabilities["reasoning"]) == (4096, True)
        assert (model.capabilities["tools"], model.capabilities["vision"]) == (True, False)
        assert model.overrides.get("max_output_tokens") == (7 if name == "two" else None)
        assert model.max_output_tokens == (7 if name == "two" else None)
    refreshed = ("one", "two", "three", "blind")
    offer(provider, *refreshed, context_length=1_000, capabilities={"reasoning": False})
    assert [row(name).context_length for name in refreshed] == [4096] * 4
    admin.post("/models/overrides", {"all": "1", "where": where, "reasoning": "back"})
    assert [row(name).capabilities["reasoning"] for name in refreshed] == [False] * 4


@pytest.mark.parametrize(
    ("field", "typed"),
    [("context_length", "many"), ("context_length", "0"), ("max_output_tokens", "9" * 12), ("input_price", "-1")],
)
def test_what_cannot_be_said_of_models_is_told_beside_its_field(
    admin: Person, shelf: int, field: str, typed: str, row: Read
) -> None:
    admin.get("/models")
    answer = admin.post("/models/overrides", {"models": str(row("seer").id), field: typed, "tools": "no"})
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert f'value="{typed}"' in answer.text
    assert f'name="models" value="{row("seer").id}"' in answer.text
    assert row("seer").overrides == {}


def test_packed_keys_are_the_same_when_unpacked() -> None:
    for keys in ((), (7,), (1, 2, 3), (1, 3, 5, 6, 7, 100), tuple(range(10_000))):
        assert unpacked(packed(keys)) == keys
    assert packed(range(1, 10_001)) == "1-10000"
    for wrong in ("x", "1-", "-5", "1-999999999", "9" * 30, "1,,2"):
        with pytest.raises(ValueError):  # noqa: PT011
            unpacked(wrong)
