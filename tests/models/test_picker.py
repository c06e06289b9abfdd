"""Choosing a model: by any words in any order, page by page, and only among what one may use."""

import re
from collections.abc import Callable

import pytest
from flask import Flask

from tests.conftest import Person
from webapp.core.database import db
from webapp.models.picker import PAGE
from webapp.providers.provider import Provider

Add = Callable[..., int]
Offer = Callable[..., None]
HTMX = {"HX-Request": "true"}
PLACE = "http://127.0.0.1:9/v1"
NAMES = [
    "Kloud Sonett 4.6",
    "gtp-5.4-mini",
    "Đại Mô Hình",
    "通义千问 Max",
    "a_b",
    "axb",
    "100%",
    "1000",
    "back\\slash",
]

QUERIES = [
    ("sonett kloud", ["Kloud Sonett 4.6"]),
    ("4.6   KLOUD", ["Kloud Sonett 4.6"]),
    ("mini gtp 5.4", ["gtp-5.4-mini"]),
    ("gtp sonett", []),
    ("dai mo hinh", ["Đại Mô Hình"]),
    ("đại", ["Đại Mô Hình"]),
    ("ĐẠI MÔ", ["Đại Mô Hình"]),
    ("hình", ["Đại Mô Hình"]),
    ("千问", ["通义千问 Max"]),
    ("max 通义", ["通义千问 Max"]),
    ("a_b", ["a_b"]),
    ("100%", ["100%"]),
    ("%", ["100%"]),
    ("_", ["a_b"]),
    ("\\", ["back\\slash"]),
    ("xuong", NAMES),
    ("xưởng đà nẵng", NAMES),
    ("nang 4.6", ["Kloud Sonett 4.6"]),
    ("' OR 1=1 --", []),
    ("<script>", []),
    ("nothing like it", []),
    ("x" * 5_000, []),
    ("xuong\x00nang", NAMES),
]


def found(person: Person, query: str = "", **more: object) -> list[str]:
    response = person.get("/models/picker", query_string={"q": query, **more}, headers=HTMX)
    assert response.status_code == 200
    return re.findall(r'data-name="([^"]*)"', response.text)


def test_every_word_counts_in_any_order_whatever_the_accents(owner: Person, add_provider: Add, offer: Offer) -> None:
    offer(add_provider(PLACE, name="Xưởng Đà Nẵng"), *NAMES)
    for query, names in QUERIES:
        assert (query, found(owner, query)) == (query, names)


def test_a_renamed_provider_is_found_by_its_new_name_only(admin: Person, add_provider: Add, offer: Offer) -> None:
    provider = add_provider(PLACE, name="Before")
    offer(provider, "model")
    form = {"name": "Afterwards", "base_url": PLACE, "dialect": "openai", "auth_style": "none", "is_shared": "y"}
    assert admin.post(f"/providers/{provider}", form).status_code == 303
    assert found(admin, "afterwards") == ["model"]
    assert found(admin, "before") == []


def test_pages_follow_each_other_without_gap_or_repetition(owner: Person, add_provider: Add, offer: Offer) -> None:
    names = [f"model-{number:03d}" for number in range(2 * PAGE + 20)]
    offer(add_provider(PLACE), *names)
    first = owner.get("/models/picker?q=model-", headers=HTMX).text
    assert f"{len(names)} models" in first
    assert f"offset={PAGE}" in first
    pages = [found(owner, "model-", offset=start) for start in (0, PAGE, 2 * PAGE, 3 * PAGE, 999_999_999)]
    assert [len(page) for page in pages] == [PAGE, PAGE, 20, 0, 0]
    assert [name for page in pages for name in page] == names
    assert "picker-more" not in owner.get(f"/models/picker?q=model-&offset={2 * PAGE}", headers=HTMX).text


@pytest.mark.parametrize("offset", ["-1", "x", "9" * 30, "1e3", ""])
def test_an_offset_that_cannot_be_is_the_beginning(owner: Person, add_provider: Add, offer: Offer, offset: str) -> None:
    offer(add_provider(PLACE), "model")
    for path in ("/models/picker", "/models"):
        response = owner.get(path, query_string={"q": "far end", "offset": offset})
        assert response.status_code == 200
        assert "model" in response.text


def test_disabled_providers_and_what_cannot_chat_are_left_out(admin: Person, add_provider: Add, offer: Offer) -> None:
    off, on = add_provider(PLACE, name="Far off"), add_provider(PLACE, name="Far on")
    offer(off, "never")
    offer(on, "always")
    offer(on, "always", "embedding", kind="embedding")
    admin.post(f"/providers/{off}/switch")
    assert found(admin, "far") == []
    offer(on, "always")
    assert found(admin, "far") == ["always"]


def test_models_whose_provider_lacks_its_key_come_last_and_cannot_be_chosen(
    app: Flask, owner: Person, add_provider: Add, offer: Offer
) -> None:
    offer(add_provider(PLACE, name="zz keyless", auth_style="bearer"), "locked")
    offer(add_provider(PLACE, name="zzz ready"), "open")
    assert found(owner, "zz") == ["open", "locked"]
    page = owner.get("/models/picker?q=locked", headers=HTMX).text
    assert re.search(r'aria-disabled="true" data-model="\d+" data-name="locked"', page)
    assert "Needs a key" in page
    assert 'aria-disabled="true"' not in owner.get("/models/picker?q=open+zzz", headers=HTMX).text
    with app.app_context():
        ready = {row.id for row in db.session.query(Provider) if not row.needs_key}
    assert len(ready) == 3  # and the demo, and what stands for aliases


def test_a_strangers_private_models_are_in_no_list(
    owner: Person, stranger: Person, admin: Person, add_provider: Add, offer: Offer
) -> None:
    offer(add_provider(PLACE, by="owner", name="Private place"), "secret-model")
    assert found(owner, "secret") == ["secret-model"]
    for person in (stranger, admin):
        assert found(person, "secret") == []
        for path in ("/models?q=secret", "/models?q=private", "/models/picker?q=private", "/providers?q=private"):
            page = person.get(path).text
            assert "secret-model" not in page
            assert "Private place" not in page


def test_markup_in_a_search_comes_back_as_text(owner: Person) -> None:
    for path in ("/models/picker", "/models", "/providers"):
        page = owner.get(path, query_string={"q": '"><script>alert(1)</script>'}).text
        assert "<script>alert" not in page
        assert '"><script' not in page


def test_the_chosen_model_is_marked(owner: Person, add_provider: Add, offer: Offer) -> None:
    offer(add_provider(PLACE), "one", "two")
    pk = re.findall(r'data-model="(\d+)"', owner.get("/models/picker?q=far+end", headers=HTMX).text)[1]
    page = owner.get(f"/models/picker?q=far+end&chosen={pk}", headers=HTMX).text
    assert re.findall(r'aria-selected="true"[^>]*data-name="(\w+)"', page) == ["two"]


def test_adding_a_model_by_its_id(admin: Person, add_provider: Add, offer: Offer) -> None:
    provider = add_provider(PLACE)
    offer(provider, "listed")
    path = f"/providers/{provider}/models"
    assert admin.post(path, {"model_id": " odd id/with:all "}, htmx=True).status_code == 200
    assert found(admin, "odd") == [" odd id/with:all "]
    for wrong in ("listed", "", "   ", "x" * 2_001, "bell\x07"):
        for htmx in (True, False):
            response = admin.post(path, {"model_id": wrong}, htmx=htmx)
            assert (wrong, response.status_code) == (wrong, 422)
            assert 'id="model_id-error"' in response.text
            assert ("<html" in response.text) != htmx


def test_the_default_is_a_model_of_ones_own_provider(
    admin: Person, owner: Person, add_provider: Add, offer: Offer
) -> None:
    provider = add_provider(PLACE, name="AAA")
    offer(provider, "one", "two")
    pk = re.findall(r'data-model="(\d+)"', admin.get("/models/picker?q=two", headers=HTMX).text)[0]
    assert owner.post(f"/models/{pk}/default").status_code == 403
    assert admin.post(f"/models/{pk}/default", htmx=True).status_code == 200
    assert f'id="chosen-model" value="{pk}"' in owner.get("/").text
    for wrong in ("0", "9" * 30):
        assert admin.post(f"/models/{wrong}/default").status_code == 404
