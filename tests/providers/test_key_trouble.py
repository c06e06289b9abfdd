"""Keys that need somebody: what is told of them and where; tests of one alone; what programs do with them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Person
from tests.far_end import FarEnd
from tests.program import Program
from tests.providers.conftest import KEY, SECOND, add_key
from webapp.core import clock
from webapp.core.database import writing
from webapp.providers.check import Check
from webapp.providers.provider import Provider

Form = dict[str, Any]
Stored = Callable[[int], Provider]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"is_enabled": False, "disabled_because": "auth_invalid"}, "was refused three times"),
        ({"expires_at": timedelta(days=5)}, "expires in 5 days"),
        ({"expires_at": timedelta(seconds=-1)}, "has expired"),
    ],
)
def test_trouble_with_a_key_is_told_on_the_card_in_the_list_and_in_the_rail(
    admin: Person, provider_id: int, change: Callable[..., None], columns: Form, words: str
) -> None:
    add_key(admin, provider_id)
    quiet = admin.get("/providers?tab=attention").text
    assert "Workshop" not in quiet
    if "expires_at" in columns:
        columns = {
            "expires_at": clock.now() + columns["expires_at"] + timedelta(seconds=5) * (columns["expires_at"].days > 0)
        }
    change(1, **columns)
    page = admin.get("/providers?tab=attention").text
    assert f"The key Team B {words}" in page
    assert '<span class="n" id="providers-attention">1' in page
    assert "Workshop" in admin.get(f"/providers/{provider_id}").text


def test_a_key_that_ends_in_eight_days_is_no_trouble(
    admin: Person, provider_id: int, change: Callable[..., None]
) -> None:
    change(0, expires_at=clock.now() + timedelta(days=8))
    assert "Workshop" not in admin.get("/providers?tab=attention").text


def test_a_provider_is_counted_once_however_many_keys_it_has(admin: Person, provider_id: int) -> None:
    before = admin.get("/providers").text
    add_key(admin, provider_id)
    after = admin.get("/providers").text
    counted = [text.partition('id="tab-count-all">')[2].partition("<")[0] for text in (before, after)]
    assert counted[0] == counted[1] != ""


def test_a_provider_whose_only_key_was_refused_says_so_and_what_to_do(
    admin: Person, provider_id: int, stored: Stored, change: Callable[..., None]
) -> None:
    change(0, is_enabled=False, disabled_because="auth_invalid")
    page = admin.get(f"/providers/{provider_id}").text
    assert "refused it three times in a row" in page
    assert "Enable again" in page
    assert "Replace this key" in page
    assert "Key refused" in admin.get("/providers").text
    assert stored(provider_id).key_fault == "refused"
    admin.post(f"/providers/{provider_id}/keys/{stored(provider_id).credentials[0].id}/switch")
    row = stored(provider_id).credentials[0]
    assert (row.is_enabled, row.disabled_because) == (True, None)


def test_a_key_is_tested_alone(
    app: Flask,
    admin: Person,
    create: Callable[..., int],
    far_end: FarEnd,
    finished: Callable[..., Check],
    stored: Stored,
) -> None:
    provider_id = create(admin, base_url=far_end.base_url, allow_private="y")
    add_key(admin, provider_id)
    with app.app_context(), writing() as session:
        session.get_one(Provider, provider_id).default_model = "ok"
    far_end.plays = {SECOND: "401"}
    for row, status in zip(stored(provider_id).credentials, ("good", "bad"), strict=True):
        far_end.calls.clear()
        address = f"/providers/{provider_id}/keys/{row.id}/checks"
        drawn = admin.post(address, {}, htmx=True)
        assert "provider-check-" in drawn.text
        check = finished(admin)
        assert (check.provider_id, check.status) == (None, status)
        sent = {call.headers.get("authorization") for call in far_end.calls}
        assert f"Bearer {SECOND if status == 'bad' else KEY}" in sent
        assert f"Bearer {KEY if status == 'bad' else SECOND}" not in sent
    assert "Not tested yet" in admin.get("/providers").text


def test_programs_look_after_keys_too(manager: Program, member: Program, provider_id: int) -> None:
    address = f"/api/providers/{provider_id}/keys"
    made = manager.post(address, {"api_key": SECOND, "label": "Team B", "expires_at": "2099-01-01T00:00:00+01:00"})
    assert made.status_code == 201, made.text
    assert made.json["expires_at"] == "2098-12-31T23:00:00+00:00"
    expected = {"masked": f"…{SECOND[-4:]}", "label": "Team B", "weight": 1, "enabled": True, "state": "good"}
    assert expected.items() <= made.json.items()
    first, second = manager.get(address).json
    assert second == made.json
    changed = manager.patch(f"{address}/{second['id']}", {"weight": 0, "enabled": False, "expires_at": None})
    assert changed.json == second | {"weight": 0, "enabled": False, "state": "disabled", "expires_at": None}
    replaced = manager.patch(f"{address}/{first['id']}", {"api_key": "sk-third-canary-0123456789", "label": "A"})
    assert (replaced.json["masked"], replaced.json["label"]) == ("…6789", "A")
    for fields in ({"weight": 101}, {"expires_at": "soon"}, {"api_key": "two words"}, {"sealed": "x"}, {"label": "\0"}):
        answer = manager.patch(f"{address}/{first['id']}", fields)
        assert (answer.status_code, list(answer.json["errors"])) == (422, list(fields))
    assert manager.post(address, {"label": "no key"}).status_code == 422
    assert member.get(address).status_code == 200
    assert member.delete(f"{address}/{first['id']}").status_code == 403
    assert manager.delete(f"{address}/{first['id']}").status_code == 204
    assert manager.delete(f"{address}/{first['id']}").status_code == 404
    assert [row["id"] for row in manager.get(address).json] == [second["id"]]
    assert SECOND not in manager.get(address).text
