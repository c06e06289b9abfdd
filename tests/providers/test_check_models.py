"""Which model a connection test asks: the one that somebody chose, and nobody silently."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Person
from tests.far_end import FarEnd
from tests.providers.conftest import KEY
from webapp.core.database import writing
from webapp.providers.check import Check
from webapp.providers.provider import Provider

Finished = Callable[..., Check]


def asked(far_end: FarEnd) -> list[str]:
    """The models of all chat calls so far."""
    return [call.json["model"] for call in far_end.calls if call.method == "POST"]


def verdict(check: Check, name: str) -> str:
    return next(str(rung["verdict"]) for rung in check.rungs if rung["name"] == name)


def test_without_a_choice_nobody_is_asked_and_three_are_offered(
    owner: Person, add_provider: Callable[..., int], far_end: FarEnd, finished: Finished
) -> None:
    provider = add_provider(far_end.base_url, key=KEY)
    place = owner.post(f"/providers/{provider}/checks").headers["Location"]
    check = finished(owner)
    assert (check.status, check.offers, asked(far_end)) == ("unknown", ["ok", "slow", "stall"], [])
    page = owner.get(place).text
    assert "Choose a model to test with" in page
    assert re.findall(r'name="model" value="([^"]+)"', page) == ["ok", "slow", "stall"]
    assert re.findall(r'<option value="([^"]+)">', page) == ["ok", "slow", "stall"]


def test_the_chosen_model_is_asked_and_asked_again_until_another_is_chosen(
    owner: Person, admin: Person, add_provider: Callable[..., int], far_end: FarEnd, finished: Finished
) -> None:
    provider = add_provider(far_end.base_url, key=KEY)
    owner.post(f"/providers/{provider}/checks", {"model": "ok"})
    finished(owner)
    admin.post(f"/providers/{provider}/checks", {"model": ""})
    assert finished(admin).model == "ok"
    owner.post(f"/providers/{provider}/checks", {"model": "typed/by-hand"})
    assert finished(owner).status == "good"
    assert asked(far_end) == ["ok"] * 4 + ["typed/by-hand"] * 2
    assert 'value="typed/by-hand"' in owner.get(f"/providers/{provider}").text


def test_the_default_of_the_provider_is_asked(
    app: Flask, owner: Person, add_provider: Callable[..., int], far_end: FarEnd, finished: Finished
) -> None:
    provider = add_provider(far_end.base_url)
    with app.app_context(), writing() as session:
        session.get_one(Provider, provider).default_model = "slow"
    owner.post(f"/providers/{provider}/checks")
    finished(owner)
    owner.post(f"/api/providers/{provider}/verify")
    assert set(asked(far_end)) == {"slow"}


def test_a_draft_asks_the_first_model_of_its_template(
    admin: Person, far_end: FarEnd, form: Callable[..., dict[str, Any]], finished: Finished
) -> None:
    draft = form(vendor="deepseek", base_url=far_end.base_url, allow_private="y")
    admin.post("/providers/checks", draft)
    assert finished(admin).model == "deepseek-v4-flash"
    assert set(asked(far_end)) == {"deepseek-v4-flash"}


def test_a_draft_offers_buttons_that_send_its_form_again(
    admin: Person, far_end: FarEnd, form: Callable[..., dict[str, Any]], finished: Finished
) -> None:
    draft = form(base_url=far_end.base_url, allow_private="y")
    admin.post("/providers/checks", draft, htmx=True)
    check = finished(admin)
    drawn = admin.client.get(f"/providers/checks/{check.id}/events", buffered=True).text
    button = re.search(r'<button class="btn sm" form="provider-form"[^>]*>', drawn)
    assert button
    assert 'name="model" value="ok"' in button[0]
    for alone in (f"/providers/checks/{check.id}", f"/providers/checks/{check.id}/events?alone=1"):
        page = admin.client.get(alone, buffered=True).text
        assert "provider-form" not in page
        assert "such as ok, slow, stall" in page


def test_a_list_without_a_model_is_no_dead_end(
    owner: Person, add_provider: Callable[..., int], far_end: FarEnd, finished: Finished
) -> None:
    provider = add_provider(far_end.at("empty-list"), key=KEY)
    place = owner.post(f"/providers/{provider}/checks").headers["Location"]
    finished(owner)
    assert "The list names none" in owner.get(place).text


@pytest.mark.parametrize("model", ["402", "1113", "insufficient_quota"])
def test_no_money_means_a_good_key_and_the_provider_is_kept(
    owner: Person, add_provider: Callable[..., int], far_end: FarEnd, finished: Finished, model: str
) -> None:
    provider = add_provider(far_end.base_url, key=KEY)
    far_end.key = KEY
    owner.post(f"/providers/{provider}/checks", {"model": model})
    check = finished(owner)
    assert (verdict(check, "authenticate"), verdict(check, "list"), verdict(check, "answer")) == ("good", "good", "bad")
    page = owner.get(f"/providers/{provider}").text
    assert "refused to an invented one" in page
    assert owner.get("/providers").status_code == 200
