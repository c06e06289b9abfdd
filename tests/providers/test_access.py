"""Whose a provider is, who may see, use and change it, and how it goes and comes back."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Person
from tests.far_end import FarEnd
from tests.providers.conftest import KEY
from webapp.core import clock
from webapp.core.config import Settings
from webapp.core.database import db, writing
from webapp.monitor import sweep
from webapp.providers.private_address import PrivateAddress
from webapp.providers.provider import Provider

Form = dict[str, Any]
GETS = ("", "/edit", "/card")
POSTS = ("", "/switch", "/duplicates", "/delete", "/restore", "/key/delete", "/checks", "/private-address")


def test_a_strangers_private_provider_is_not_there(
    app: Flask, owner: Person, stranger: Person, admin: Person, create: Callable[..., int], form: Callable[..., Form]
) -> None:
    provider = create(owner, name="Mine alone")
    for person in (stranger, admin):
        for path in GETS:
            assert (path, person.get(f"/providers/{provider}{path}").status_code) == (path, 404)
        for path in POSTS:
            response = person.post(f"/providers/{provider}{path}", form(name="Taken"))
            assert (path, response.status_code) == (path, 404)
        assert person.post("/providers/checks", form(provider_id=provider)).status_code == 404
        for path in (f"/providers/{provider}/models", f"/providers/{provider}/models/refreshes"):
            call = person.get if "refreshes" not in path else person.post
            assert (path, call(path).status_code) == (path, 404)
        assert person.post(f"/providers/{provider}/models", {"model_id": "x"}).status_code == 404
        assert "Mine alone" not in person.get("/providers?q=mine").text
    with app.app_context():
        row = db.session.get_one(Provider, provider)
        assert (row.name, row.deleted_at, row.is_enabled, bool(row.credential)) == ("Mine alone", None, True, True)


def test_members_use_what_is_shared_and_change_nothing_of_it(
    owner: Person, admin: Person, create: Callable[..., int], form: Callable[..., Form], app: Flask
) -> None:
    provider = create(admin, name="For all")
    assert "For all" in owner.get("/providers").text
    page = owner.get(f"/providers/{provider}").text
    assert "/edit" not in page
    assert owner.get(f"/providers/{provider}/edit").status_code == 403
    for path in ("", "/switch", "/delete", "/key/delete", "/private-address"):
        assert (path, owner.post(f"/providers/{provider}{path}", form()).status_code) == (path, 403)
    assert owner.post("/providers/checks", form(provider_id=provider)).status_code == 403
    assert owner.post(f"/providers/{provider}/models", {"model_id": "x"}).status_code == 403


def test_a_members_provider_is_the_members_own_even_when_shared_is_ticked(
    owner: Person, create: Callable[..., int], stored: Callable[[int], Provider]
) -> None:
    row = stored(create(owner, is_shared="y"))
    assert (row.is_shared, row.owner_id) == (False, owner.user_id)


def test_a_members_copy_of_a_shared_provider_has_no_key(
    owner: Person, admin: Person, create: Callable[..., int], stored: Callable[[int], Provider], app: Flask
) -> None:
    headers = {"headers-0-name": "X-Team-Secret", "headers-0-value": "v"}
    provider = create(admin, **headers)

    def copied(person: Person) -> Provider:
        place = person.post(f"/providers/{provider}/duplicates").headers["Location"]
        return stored(int(place.split("/")[2]))

    mine, theirs = copied(owner), copied(admin)
    assert (mine.credential, mine.headers, mine.is_shared, mine.name) == (None, [], False, "Workshop, copy")
    assert theirs.is_shared
    assert (mine.slug, theirs.slug) == ("workshop-copy", "workshop-copy-2")
    with app.app_context():
        target = theirs.target(db.session)
        assert target.api_key
        assert (target.api_key.reveal(), target.headers) == (KEY, (("X-Team-Secret", "v"),))


def test_switching_off_and_on(owner: Person, create: Callable[..., int], stored: Callable[[int], Provider]) -> None:
    provider = create(owner)
    assert 'class="card prov off"' in owner.post(f"/providers/{provider}/switch", htmx=True).text
    assert not stored(provider).is_enabled
    assert "Workshop" in owner.get("/providers?tab=disabled").text
    assert owner.post(f"/providers/{provider}/switch").status_code == 303
    assert stored(provider).is_enabled


def test_deleting_can_be_undone_with_key_and_all(
    owner: Person, stranger: Person, create: Callable[..., int], stored: Callable[[int], Provider]
) -> None:
    provider = create(owner)
    assert "/restore" in owner.post(f"/providers/{provider}/delete").text
    assert owner.get(f"/providers/{provider}").status_code == 404
    assert "Workshop" not in owner.get("/providers").text
    assert stranger.post(f"/providers/{provider}/restore").status_code == 404
    assert owner.post(f"/providers/{provider}/restore").status_code == 303
    assert owner.post(f"/providers/{provider}/restore").status_code == 404
    assert stored(provider).credential


def test_what_was_deleted_is_gone_with_its_key_after_half_a_minute(
    app: Flask, owner: Person, create: Callable[..., int]
) -> None:
    provider, other = create(owner), create(owner)
    owner.post(f"/providers/{provider}/delete")
    owner.post(f"/providers/{other}/delete")
    with app.app_context(), writing() as session:
        session.get_one(Provider, provider).deleted_at = clock.now() - timedelta(seconds=31)
        session.flush()
        sweep(session)
    assert owner.post(f"/providers/{provider}/restore").status_code == 404
    assert owner.post(f"/providers/{other}/restore").status_code == 303
    with app.app_context():
        found = db.session.execute(db.text("SELECT provider_id FROM credentials")).scalars().all()
    assert found == [other]


@pytest.mark.parametrize("provider_id", ["0", "-1", "9" * 30, "x", "1.5"])
def test_a_provider_that_cannot_be_is_not_found(admin: Person, provider_id: str) -> None:
    for path in GETS:
        assert admin.get(f"/providers/{provider_id}{path}").status_code == 404
    for path in POSTS[1:]:
        assert admin.post(f"/providers/{provider_id}{path}").status_code == 404
    assert admin.get(f"/providers/{provider_id}/models").status_code == 404
    assert admin.get(f"/models/picker?offset={provider_id}&chosen={provider_id}").status_code == 200
    assert admin.post(f"/providers/{provider_id}/models/refreshes").status_code == 404
    assert admin.get(f"/providers/checks/{provider_id}").status_code == 404


def test_a_private_address_waits_for_the_word_of_an_admin(
    app: Flask, owner: Person, admin: Person, form: Callable[..., Form], far_end: FarEnd, create: Callable[..., int]
) -> None:
    wanted = form(base_url=far_end.base_url)
    for path in ("/providers", "/providers/checks"):
        refused = owner.post(path, wanted | {"allow_private": "y"})
        assert refused.status_code == 422
        assert f"An admin can open 127.0.0.1:{far_end.port}." in refused.text
        asked = admin.post(path, wanted)
        assert asked.status_code == 422
        assert 'id="allow_private-error"' in asked.text
    assert _open(app) == []
    create(admin, base_url=far_end.base_url, allow_private="y")
    assert _open(app) == [("127.0.0.1", far_end.port)]
    create(owner, base_url=far_end.base_url)  # open for all from now on
    assert far_end.connections == 0


def test_an_operator_may_open_private_addresses_by_the_environment(
    make_app: Callable[[Settings], Flask], data_dir: Any, form: Callable[..., Form]
) -> None:
    allowed = Settings.from_environment({"JACKFIELD_ALLOWED_PRIVATE": "llm.lan:11434, [::1]:8080"}).allowed_private
    app = make_app(Settings(data_dir=data_dir, threads=64, allowed_private=allowed))
    person = Person(app.test_client()).sign_in("owner")
    for base_url, status in {
        "http://llm.lan:11434/v1": 303,
        "http://LLM.lan.:11434": 303,
        "http://[0:0::1]:8080": 303,
        "http://llm.lan:22": 422,
        "http://127.0.0.1:8080": 422,
    }.items():
        assert (base_url, person.post("/providers", form(base_url=base_url)).status_code) == (base_url, status)


def test_only_admins_see_and_close_open_addresses(
    app: Flask, owner: Person, admin: Person, create: Callable[..., int], far_end: FarEnd, finished: Callable[..., Any]
) -> None:
    provider = create(admin, base_url=far_end.base_url, allow_private="y")
    with app.app_context():
        address = db.session.query(PrivateAddress).one().id
    for call in (owner.get, owner.post):
        path = "/providers/private-addresses" + (f"/{address}/delete" if call == owner.post else "")
        assert call(path).status_code == 403
    assert f"127.0.0.1:{far_end.port}" in admin.get("/providers/private-addresses").text
    assert admin.post(f"/providers/private-addresses/{address}/delete").status_code == 200
    assert _open(app) == []
    admin.post(f"/providers/{provider}/checks", {"model": "ok"})
    failed = finished(admin).failed_rung
    assert failed
    assert failed["failure"]["category"] == "blocked_address"
    assert far_end.connections == 0
    assert admin.post(f"/providers/{provider}/private-address").status_code == 303
    assert finished(admin).status == "good"


def _open(app: Flask) -> list[tuple[str, int]]:
    with app.app_context():
        return [(row.host, row.port) for row in db.session.query(PrivateAddress)]
