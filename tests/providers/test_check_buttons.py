"""What a failed test and a failed answer offer as buttons; each of them does something."""

import re
from collections.abc import Callable

import pytest
from flask import Flask

from tests.conftest import Person
from tests.far_end import FarEnd
from tests.providers.conftest import KEY
from webapp.core.database import db, writing
from webapp.providers.check import Check
from webapp.providers.provider import Provider

Finished = Callable[..., Check]


def notice_of(page: str) -> str:
    found = re.search(r'<div class="notice bad".*?</ol>(.*?)</li>', page, re.DOTALL)
    assert found, page
    return found[1]


def labels(notice: str) -> list[str]:
    """What stands on the buttons and links of a notice."""
    found = re.findall(r'<(?:a|button) class="btn[^>]*>(.*?)</(?:a|button)>', notice, re.DOTALL)
    return [re.sub(r"<[^>]+>", "", label).strip() for label in found]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("401", ["Replace key", "Open the provider’s page"]),
        ("402", ["Open the provider’s page"]),
        ("429", ["Test again"]),
        ("500", ["Test again"]),
        ("503", ["Test again"]),
        ("html", ["Change the address"]),
        ("silent", ["Test again"]),
        ("1308", ["Open the provider’s page", "Choose another model", "Test again"]),
        ("1311", ["Test with ok", "Test with slow", "Test with stall"]),
    ],
)
def test_each_failure_of_a_test_has_its_buttons(
    app: Flask,
    admin: Person,
    add_provider: Callable[..., int],
    far_end: FarEnd,
    finished: Finished,
    model: str,
    expected: list[str],
) -> None:
    provider = add_provider(far_end.base_url, key=KEY)
    with app.app_context(), writing() as session:
        session.get_one(Provider, provider).vendor_id = "zai" if model.startswith("13") else "deepseek"
    place = admin.post(f"/providers/{provider}/checks", {"model": model}).headers["Location"]
    finished(admin)
    page = admin.get(place).text
    assert set(expected) <= set(labels(notice_of(page)))


def test_the_buttons_of_a_notice_work(
    app: Flask, admin: Person, add_provider: Callable[..., int], far_end: FarEnd, finished: Finished
) -> None:
    provider = add_provider(far_end.at("404"), key=KEY)
    place = admin.post(f"/providers/{provider}/checks", {"model": "ok"}).headers["Location"]
    finished(admin)
    notice = notice_of(admin.get(place).text)
    for method, address in re.findall(r'<form method="(post)" action="([^"]+)"', notice):
        assert method == "post"
        assert admin.post(address).status_code in (200, 303)
        if "/checks" in address:
            assert finished(admin).provider_id == provider
    for address in re.findall(r'<a class="btn[^>]* href="(/[^"#]+)', notice):
        assert admin.get(address).status_code == 200


def test_a_step_that_fails_like_the_one_above_says_just_that(
    owner: Person, add_provider: Callable[..., int], far_end: FarEnd, finished: Finished
) -> None:
    provider = add_provider(far_end.base_url, key=KEY)
    place = owner.post(f"/providers/{provider}/checks", {"model": "500"}).headers["Location"]
    assert [rung["verdict"] for rung in finished(owner).rungs][-2:] == ["bad", "bad"]
    page = owner.get(place).text
    assert page.count('id="failure-') == 1
    assert page.count("It failed in the same way as the step above.") == 1


def test_nobody_gets_a_button_for_what_they_may_not_do(
    owner: Person, add_provider: Callable[..., int], far_end: FarEnd, finished: Finished
) -> None:
    provider = add_provider(far_end.base_url, key=KEY)
    place = owner.post(f"/providers/{provider}/checks", {"model": "401"}).headers["Location"]
    finished(owner)
    assert labels(notice_of(owner.get(place).text)) == ["Choose another model"]


def test_a_key_that_cannot_be_read_is_told_before_it_is_used(
    app: Flask, admin: Person, owner: Person, add_provider: Callable[..., int], far_end: FarEnd
) -> None:
    moved, sealed_elsewhere = (add_provider(far_end.base_url, key=KEY, name=name) for name in ("Moved", "Sealed"))
    assert "Key unreadable" not in admin.get("/providers").text
    with app.app_context(), writing() as session:
        session.get_one(Provider, moved).base_url = "https://api.example.com/v1"
        row = session.get_one(Provider, sealed_elsewhere).credential
        assert row
        row.sealed = row.sealed.replace("v1.k1.", "v1.k0.", 1)
    for person in (admin, owner):
        assert person.get("/providers").text.count("Key unreadable") == 2
        assert person.get("/providers?tab=attention").text.count("The saved key does not open") == 2
    for provider in (moved, sealed_elsewhere):
        assert f"/providers/{provider}/edit#api_key" in admin.get("/providers").text
        assert f"/providers/{provider}/edit#api_key" not in owner.get("/providers").text
        assert "The saved key does not open" in admin.get(f"/providers/{provider}").text
    with app.app_context():
        assert db.session.get_one(Provider, moved).is_key_unreadable
    assert far_end.calls == []
