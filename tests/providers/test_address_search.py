"""The search for an address, and addresses of the same company: what is offered, what is saved, who gets the key."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Person
from tests.far_end import FarEnd
from tests.providers.conftest import KEY, SECRET_HEADER
from webapp.providers.check import Check
from webapp.providers.provider import Provider
from webapp.upstream.addresses import origin
from webapp.upstream.classify.vendors import HOSTS, SIBLINGS

Form = dict[str, Any]


@pytest.fixture
def twins(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[FarEnd, FarEnd]]:
    """Two platforms of one company: the key is good at the second one only."""
    with FarEnd(key="sk-of-the-first-platform") as first, FarEnd(key=KEY) as second:
        monkeypatch.setitem(HOSTS, "127.0.0.1", "twins")
        monkeypatch.setitem(SIBLINGS, ("twins", "auth_invalid"), (first.base_url, f"http://localhost:{second.port}/v1"))
        yield first, second


def test_a_search_shows_each_try_and_offers_what_was_found(
    admin: Person, form: Callable[..., Form], far_end: FarEnd
) -> None:
    typed = form(base_url=f"{far_end.root}/mount/odd/path", allow_private="y", name="")
    response = admin.post("/providers/address-searches", typed, htmx=True)
    assert response.mimetype == "text/event-stream"
    frames = response.text.split("\n\n")[:-1]
    assert len(frames) == 5  # two tries begin and end; the last frame adds the button
    assert "No API here (HTTP 404)" in frames[1]
    assert f'name="address" value="{far_end.root}/mount/odd/path/v1"' in frames[-1]
    assert "Use this address" in frames[-1]
    assert "Use this address" not in frames[-2]
    assert KEY not in response.text


def test_the_found_address_fills_its_field_alone(admin: Person, form: Callable[..., Form], far_end: FarEnd) -> None:
    found = f"{far_end.root}/odd/path/v1"
    page = admin.post("/providers/drafts", form(base_url=far_end.root, address=found), htmx=True).text
    assert page.startswith('<div class="field" id="base-url-field">')
    assert f'value="{found}"' in page
    assert 'name="kept_key" value=""' in page  # the typed key stays where it is


def test_without_htmx_the_form_comes_back_with_the_result_and_keeps_the_key(
    admin: Person, form: Callable[..., Form], far_end: FarEnd, stored: Callable[[int], Provider], app: Flask
) -> None:
    typed = form(base_url=f"{far_end.root}/mount/odd/path", allow_private="y")
    page = admin.post("/providers/address-searches", typed).text
    assert 'formaction="/providers/drafts"' in page
    typed |= {"api_key": "", "kept_key": kept(page), "address": f"{far_end.root}/mount/odd/path/v1"}
    page = admin.post("/providers/drafts", typed).text
    assert f'value="{far_end.root}/mount/odd/path/v1"' in page
    typed |= {"kept_key": kept(page), "base_url": typed["address"]}
    saved = admin.post("/providers", typed)
    assert saved.status_code == 303
    row = stored(int(saved.headers["Location"].rpartition("/")[2]))
    assert key_of(app, row) == KEY


def test_a_kept_key_is_for_one_origin_and_one_user(
    admin: Person, owner: Person, form: Callable[..., Form], stored: Callable[[int], Provider]
) -> None:
    page = admin.post("/providers/drafts", form(address="https://api.example.com/v1")).text
    assert KEY not in page
    for person, base_url in ((admin, "https://api.example.org/v1"), (owner, "https://api.example.com/v1")):
        saved = person.post("/providers", form(api_key="", kept_key=kept(page), base_url=base_url))
        assert stored(int(saved.headers["Location"].rpartition("/")[2])).credential is None


def test_a_saved_provider_takes_the_found_path_and_keeps_its_key(
    admin: Person,
    create: Callable[..., int],
    stored: Callable[[int], Provider],
    finished: Callable[..., Check],
    app: Flask,
) -> None:
    with FarEnd(key=KEY) as far_end:
        provider = create(admin, base_url=f"{far_end.root}/mount/odd", allow_private="y", vendor="custom")
        admin.post(f"/providers/{provider}/checks", {"model": "404"})
        failed = finished(admin).failed_rung
        assert failed
        assert failed["failure"]["category"] == "wrong_path"
        page = admin.get(f"/providers/{provider}").text
        assert "Find the right address" in page
        page = admin.post(f"/providers/{provider}/address-searches").text
        assert f'name="address" value="{far_end.root}/mount/odd/v1"' in page
        assert (
            admin.post(f"/providers/{provider}/address", {"address": f"{far_end.root}/mount/odd/v1"}).status_code == 303
        )
    row = stored(provider)
    assert (row.base_url, key_of(app, row)) == (f"{far_end.root}/mount/odd/v1", KEY)


def test_a_refused_key_is_tried_at_the_sibling_only_after_a_click(
    app: Flask,
    admin: Person,
    twins: tuple[FarEnd, FarEnd],
    create: Callable[..., int],
    stored: Callable[[int], Provider],
    finished: Callable[..., Check],
) -> None:
    first, second = twins
    headers = {"headers-0-name": "X-Team", "headers-0-value": SECRET_HEADER}
    provider = create(admin, base_url=first.base_url, allow_private="y", **headers)
    admin.post(f"/providers/{provider}/checks", {"model": "ok"})
    finished(admin)
    assert second.calls == []
    page = admin.get(f"/providers/{provider}").text
    assert f"Send the key to localhost:{second.port} and test there" in page
    sibling = f"http://localhost:{second.port}/v1"
    page = admin.post(f"/providers/{provider}/address-searches", {"address": sibling, "model": "ok"}).text
    assert "Save this address with the key" in page
    assert f"Bearer {KEY}" in {call.headers["authorization"] for call in second.calls}
    assert [call for call in second.calls if "x-team" in call.headers] == []  # it may be secret too
    assert stored(provider).base_url == first.base_url
    admin.post(f"/providers/{provider}/address", {"address": sibling})
    row = stored(provider)
    assert (row.base_url, row.headers) == (sibling, [])
    assert row.credential
    assert row.credential.origin == origin(sibling)
    assert key_of(app, row) == KEY


def test_the_key_of_a_form_goes_to_the_sibling_that_was_agreed_to(
    admin: Person, twins: tuple[FarEnd, FarEnd], form: Callable[..., Form]
) -> None:
    first, second = twins
    sibling = f"http://localhost:{second.port}/v1"
    typed = form(base_url=first.base_url, allow_private="y", model="ok")
    page = admin.post("/providers/address-searches", typed | {"address": sibling}, htmx=True).text
    assert f'name="address" value="{sibling}"' in page
    assert f"Bearer {KEY}" in {call.headers["authorization"] for call in second.calls}
    assert first.calls == []
    assert admin.post("/providers/address-searches", typed | {"address": f"{sibling}/x"}).status_code == 409


def test_a_stored_key_goes_to_no_address_that_is_only_asked_for(
    admin: Person, create: Callable[..., int], stored: Callable[[int], Provider], far_end: FarEnd
) -> None:
    provider = create(admin, base_url="https://api.example.com/v1")
    for address in (far_end.base_url, "http://api.example.com/v1", "file:///etc/passwd", "x"):
        for noun in ("address-searches", "address"):
            assert admin.post(f"/providers/{provider}/{noun}", {"address": address}).status_code == 409
    assert far_end.connections == 0
    assert stored(provider).base_url == "https://api.example.com/v1"


def test_a_built_in_keeps_its_address_and_a_copy_gets_the_other_one(
    app: Flask, admin: Person, stored: Callable[[int], Provider]
) -> None:
    glm = next(int(found) for found in re.findall(r"/providers/(\d+)\"", admin.get("/providers?q=glm").text))
    admin.post(f"/providers/{glm}", {"name": "GLM", "api_key": KEY})
    saved = admin.post(f"/providers/{glm}/address", {"address": "https://open.bigmodel.cn/api/coding/paas/v4"})
    copy = stored(int(saved.headers["Location"].rpartition("/")[2]))
    assert (copy.is_builtin, copy.base_url) == (False, "https://open.bigmodel.cn/api/coding/paas/v4")
    assert key_of(app, copy) == KEY
    assert stored(glm).base_url == "https://open.bigmodel.cn/api/paas/v4"


def test_only_those_who_may_change_a_provider_search_for_it(
    owner: Person, stranger: Person, admin: Person, create: Callable[..., int]
) -> None:
    shared, private = create(admin), create(owner)
    for noun in ("address-searches", "address"):
        assert owner.post(f"/providers/{shared}/{noun}", {"address": "https://api.example.com"}).status_code == 403
        assert stranger.post(f"/providers/{private}/{noun}", {"address": "https://api.example.com"}).status_code == 404


def test_a_search_opens_no_private_address_for_a_member(
    owner: Person, form: Callable[..., Form], far_end: FarEnd
) -> None:
    refused = owner.post("/providers/address-searches", form(base_url=far_end.root, allow_private="y"), htmx=True)
    assert refused.status_code == 422
    assert far_end.connections == 0


def test_searches_count_among_the_ten_tests_of_a_minute(admin: Person, create: Callable[..., int]) -> None:
    with FarEnd() as far_end:
        provider = create(admin, base_url=far_end.base_url, allow_private="y")
        statuses = [admin.post(f"/providers/{provider}/address-searches", htmx=True).status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]


def kept(page: str) -> str:
    found = re.search(r'name="kept_key" value="([^"]+)"', page)
    assert found
    assert KEY not in page
    return found[1]


def key_of(app: Flask, row: Provider) -> str:
    with app.app_context():
        key = row.key()
        assert key
        return key.reveal()
