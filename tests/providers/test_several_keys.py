"""The card of keys: several for a provider, each with its own end, fault and history; none is ever shown."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Person
from tests.providers.conftest import KEY, SECOND, add_key
from webapp.core import clock
from webapp.core.database import db, writing
from webapp.monitor import sweep
from webapp.providers.credential import Credential
from webapp.providers.keys import MOST_KEYS, store_key
from webapp.providers.provider import Provider

Form = dict[str, Any]
Stored = Callable[[int], Provider]


def opened(app: Flask, provider: Provider) -> list[str]:
    with app.app_context():
        return [key.reveal() for row in provider.credentials if (key := provider.key(row.id))]


def test_a_second_key_stands_beside_the_first(app: Flask, admin: Person, provider_id: int, stored: Stored) -> None:
    add_key(admin, provider_id)
    row = stored(provider_id)
    assert opened(app, row) == [KEY, SECOND]
    assert [(key.label, key.weight) for key in row.credentials] == [("", 1), ("Team B", 2)]
    page = admin.get(f"/providers/{provider_id}").text
    assert f"…{KEY[-4:]}" in page
    assert f"…{SECOND[-4:]}" in page
    assert "Team B" in page
    assert KEY not in page
    assert SECOND not in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"api_key": ""}, "Type the key."),
        ({"api_key": "two words"}, "one line of plain ASCII"),
        ({"api_key": "k" * 8_001}, "8000"),
        ({"weight": "many"}, "whole number"),
        ({"weight": "101"}, "from 0 to 100"),
        ({"weight": "0" * 5_000}, "from 0 to 100"),
        ({"expires_on": "tomorrow"}, "Type a day like"),
        ({"expires_on": "2020-01-01"}, "This day is over"),
        ({"expires_on": "9999-12-31"}, "too far away"),
        ({"label": "x" * 101}, "100"),
    ],
)
def test_bad_input_comes_back_with_the_reason_and_without_the_key(
    admin: Person, provider_id: int, stored: Stored, fields: Form, words: str
) -> None:
    sent = {"api_key": SECOND, "label": "Team B", "weight": "1", "expires_on": ""} | fields
    for htmx in (True, False):
        answer = admin.post(f"/providers/{provider_id}/keys", sent, htmx=htmx)
        assert answer.status_code == 422
        assert words in answer.text
        assert SECOND not in answer.text
        assert 'value="Team B"' in answer.text or "label" in fields
    assert len(stored(provider_id).credentials) == 1


def test_what_is_said_of_a_key_is_changed_and_its_end_kept_to_the_second(
    admin: Person, provider_id: int, stored: Stored, change: Callable[..., None]
) -> None:
    end = clock.now().replace(microsecond=0) + timedelta(days=2)
    change(0, expires_at=end)
    address = f"/providers/{provider_id}/keys/{stored(provider_id).credentials[0].id}"
    day = (end - timedelta(seconds=1)).date()
    admin.post(address, {"label": "Workshop's", "weight": "7", "expires_on": day.isoformat()})
    row = stored(provider_id).credentials[0]
    assert (row.label, row.weight, row.expires_at) == ("Workshop's", 7, end)
    admin.post(address, {"label": "", "weight": "0", "expires_on": (day + timedelta(days=1)).isoformat()})
    row = stored(provider_id).credentials[0]
    assert row.expires_at
    assert row.expires_at.isoformat() == f"{(day + timedelta(days=2)).isoformat()}T00:00:00+00:00"
    admin.post(address, {"label": "", "weight": "1", "expires_on": ""})
    assert stored(provider_id).credentials[0].expires_at is None


def test_a_key_is_switched_off_and_on(admin: Person, provider_id: int, stored: Stored) -> None:
    address = f"/providers/{provider_id}/keys/{stored(provider_id).credentials[0].id}/switch"
    assert "Enable again" in admin.post(address, htmx=True).text
    row = stored(provider_id)
    assert (row.is_usable, row.needs_key, row.key_fault) == (False, True, "disabled")
    assert "Key disabled" in admin.get("/providers").text
    admin.post(address)
    assert stored(provider_id).is_usable


def test_a_deleted_key_comes_back_for_half_a_minute(
    app: Flask, admin: Person, provider_id: int, stored: Stored
) -> None:
    add_key(admin, provider_id)
    first, second = (row.id for row in stored(provider_id).credentials)
    assert "was deleted" in admin.post(f"/providers/{provider_id}/keys/{second}/delete", htmx=True).text
    assert [row.id for row in stored(provider_id).credentials] == [first]
    assert f"/keys/{second}/restore" in admin.get(f"/providers/{provider_id}").text
    assert admin.post(f"/providers/{provider_id}/keys/{second}/restore").status_code == 303
    assert opened(app, stored(provider_id)) == [KEY, SECOND]
    admin.post(f"/providers/{provider_id}/keys/{second}/delete")
    with app.app_context(), writing() as session:
        session.get_one(Credential, second).deleted_at = clock.now() - timedelta(seconds=31)
    assert admin.post(f"/providers/{provider_id}/keys/{second}/restore").status_code == 404
    with app.app_context(), writing() as session:
        sweep(session)
        assert session.get(Credential, second) is None


def test_a_new_key_takes_over_while_the_old_one_stands_in(
    app: Flask, admin: Person, provider_id: int, stored: Stored
) -> None:
    old = stored(provider_id).credentials[0].id
    address = f"/providers/{provider_id}/keys/{old}/rotation"
    assert admin.post(address, {"api_key": "", "overlap": "24"}, htmx=True).status_code == 422
    assert admin.post(address, {"api_key": SECOND, "overlap": "5"}, htmx=True).status_code == 422
    assert admin.post(address, {"api_key": SECOND, "overlap": "24"}).status_code == 303
    row = stored(provider_id)
    assert opened(app, row) == [KEY, SECOND]
    first, second = row.credentials
    assert (first.weight, first.is_replaced, second.weight) == (0, True, 1)
    assert first.expires_at
    assert timedelta(hours=23) < first.expires_at - clock.now() <= timedelta(hours=24)
    assert not first.needs_attention
    with app.app_context():
        assert not row.has_key_trouble


def test_a_new_key_takes_over_until_the_old_one_is_deleted_or_at_once(
    app: Flask, admin: Person, provider_id: int, stored: Stored
) -> None:
    old = stored(provider_id).credentials[0].id
    admin.post(f"/providers/{provider_id}/keys/{old}/rotation", {"api_key": SECOND, "overlap": ""})
    assert stored(provider_id).credentials[0].expires_at is None
    admin.post(f"/providers/{provider_id}/keys/{old}/rotation", {"api_key": "sk-third-0123456789", "overlap": "0"})
    row = stored(provider_id)
    assert opened(app, row) == ["sk-third-0123456789", SECOND]
    assert not row.credentials[0].is_replaced


def test_the_field_of_the_form_replaces_the_key_that_stands_for_all(
    app: Flask, admin: Person, provider_id: int, stored: Stored, form: Callable[..., Form]
) -> None:
    add_key(admin, provider_id)
    admin.post(f"/providers/{provider_id}", form(api_key="sk-typed-again-0123456789"))
    assert opened(app, stored(provider_id)) == ["sk-typed-again-0123456789", SECOND]


def test_another_address_drops_all_keys_and_those_that_could_come_back(
    app: Flask, admin: Person, provider_id: int, stored: Stored, form: Callable[..., Form]
) -> None:
    for _ in range(2):
        add_key(admin, provider_id)
    deleted = stored(provider_id).credentials[1].id
    admin.post(f"/providers/{provider_id}/keys/{deleted}/delete")
    admin.post(f"/providers/{provider_id}", form(base_url="https://other.example.com/v1", api_key=""))
    with app.app_context():
        assert db.session.query(Credential).count() == 0
    assert admin.post(f"/providers/{provider_id}/keys/{deleted}/restore").status_code == 404


def test_members_see_the_keys_of_what_is_shared_and_change_none(
    admin: Person, owner: Person, stranger: Person, create: Callable[..., int], provider_id: int, stored: Stored
) -> None:
    key_id = stored(provider_id).credentials[0].id
    page = owner.get(f"/providers/{provider_id}/keys").text
    assert f"…{KEY[-4:]}" in page
    assert "<details" not in page
    paths = ("", f"/{key_id}", *(f"/{key_id}/{what}" for what in ("switch", "rotation", "delete", "restore", "checks")))
    for path in paths:
        assert (path, owner.post(f"/providers/{provider_id}/keys{path}").status_code) == (path, 403)
    mine = create(owner, name="Mine alone")
    for path in paths:
        assert (path, stranger.post(f"/providers/{mine}/keys{path}").status_code) == (path, 404)
    other = stored(mine).credentials[0].id
    assert admin.post(f"/providers/{provider_id}/keys/{other}/delete").status_code == 404


def test_a_write_without_a_token_is_refused(admin: Person, provider_id: int) -> None:
    admin.csrf = ""
    assert admin.post(f"/providers/{provider_id}/keys", {"api_key": SECOND, "weight": "1"}).status_code == 400


def test_there_are_never_more_keys_than_allowed(app: Flask, admin: Person, provider_id: int, stored: Stored) -> None:
    with app.app_context(), writing() as session:
        provider = session.get_one(Provider, provider_id)
        credential = provider.credential
        assert credential
        key = provider.key()
        assert key
        for _ in range(MOST_KEYS - 1):
            store_key(session, provider, key)
    assert admin.post(f"/providers/{provider_id}/keys", {"api_key": SECOND, "weight": "1"}).status_code == 409
    assert len(stored(provider_id).credentials) == MOST_KEYS


def test_a_copy_has_all_keys(app: Flask, admin: Person, provider_id: int, stored: Stored) -> None:
    add_key(admin, provider_id)
    place = admin.post(f"/providers/{provider_id}/duplicates").headers["Location"]
    copy = stored(int(place.split("/")[2]))
    assert opened(app, copy) == [KEY, SECOND]
    assert copy.credentials[1].label == "Team B"
