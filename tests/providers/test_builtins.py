"""The providers that are there from the start: once, for good, at their own address."""

from collections.abc import Callable
from typing import Any

from flask import Flask

from tests.conftest import Person
from tests.providers.conftest import KEY
from webapp.core.config import Settings
from webapp.core.database import db
from webapp.core.secret import Secret
from webapp.providers.provider import ALIAS, Provider
from webapp.providers.vendors import vendors

BUILTINS = ["anthropic", "deepseek", "demo", "glm", "openai", "qwen"]
Form = dict[str, Any]


def builtins(app: Flask) -> dict[str, Provider]:
    """Those that people see; what stands for aliases is a provider to the database only."""
    with app.app_context():
        rows = db.session.query(Provider).filter(Provider.is_builtin, Provider.dialect != ALIAS)
        found = {row.vendor_id: row for row in rows}
        db.session.expunge_all()
        return found


def test_six_are_seeded_once_and_stay_as_people_left_them(
    app: Flask, admin: Person, make_app: Callable[[Settings], Flask], settings: Settings
) -> None:
    before = builtins(app)
    assert sorted(before) == BUILTINS
    admin.post(f"/providers/{before['openai'].id}/switch")
    admin.post(f"/providers/{before['qwen'].id}", {"name": "Our Qwen"})
    after = builtins(make_app(settings))
    assert {name: row.id for name, row in after.items()} == {name: row.id for name, row in before.items()}
    assert [name for name, row in after.items() if not row.is_enabled] == ["openai"]
    assert after["qwen"].name == "Our Qwen"


def test_what_stands_for_aliases_is_no_provider_to_anybody(app: Flask, admin: Person) -> None:
    with app.app_context():
        hidden = db.session.query(Provider).filter_by(dialect=ALIAS).one().id
    for path in ("", "/edit", "/card", "/models"):
        assert admin.get(f"/providers/{hidden}{path}").status_code == 404
    assert "Aliases" not in admin.get("/providers").text


def test_every_builtin_but_the_demo_needs_a_key(owner: Person) -> None:
    page = owner.get("/providers").text
    assert page.count("Needs a key") == 5


def test_a_builtin_cannot_be_deleted(app: Flask, admin: Person, owner: Person) -> None:
    for row in builtins(app).values():
        assert admin.post(f"/providers/{row.id}/delete", htmx=True).status_code == 409
        assert admin.post(f"/providers/{row.id}/delete").status_code == 409
        assert owner.post(f"/providers/{row.id}/delete").status_code == 403
        assert f"/providers/{row.id}/delete" not in admin.get(f"/providers/{row.id}").text
    assert sorted(builtins(app)) == BUILTINS


def test_a_builtin_keeps_its_address_and_protocol_whatever_is_posted(
    app: Flask, admin: Person, form: Callable[..., Form], stored: Callable[[int], Provider]
) -> None:
    posted = form(name="Renamed", base_url="https://evil.example/v1", dialect="anthropic", auth_style="query")
    posted |= {"auth_name": "key", "is_shared": "", "vendor": "custom", "headers-0-name": "X-Team"}
    posted |= {"headers-0-value": "v"}
    for row in builtins(app).values():
        assert admin.post(f"/providers/{row.id}", posted).status_code == 303, row.vendor_id
        after = stored(row.id)
        kept = ("base_url", "dialect", "auth_style", "auth_name", "vendor_id", "is_shared", "is_builtin", "slug")
        assert [getattr(after, name) for name in kept] == [getattr(row, name) for name in kept]
        assert after.name == "Renamed"
        assert (after.credential is None) == (row.vendor_id == "demo")


def test_a_builtin_can_be_tested_as_a_draft_and_its_copy_edited(
    app: Flask, admin: Person, finished: Callable[..., Any]
) -> None:
    demo = builtins(app)["demo"]
    assert admin.post("/providers/checks", {"provider_id": demo.id, "name": "Demo"}).status_code == 303
    assert finished(admin).status == "good"
    assert admin.post(f"/providers/{demo.id}/private-address").status_code == 409
    copy = admin.post(f"/providers/{builtins(app)['openai'].id}/duplicates").headers["Location"]
    page = admin.get(copy).text
    assert 'value="https://api.openai.com/v1"' in page
    assert 'value="OpenAI, copy"' in page


def test_an_environment_key_serves_only_the_vendors_own_address_and_never_over_a_saved_one(
    make_app: Callable[[Settings], Flask], data_dir: Any, admin: Person, form: Callable[..., Form]
) -> None:
    keys = {"OPENAI_API_KEY": Secret("sk-from-the-environment-1"), "OTHER_API_KEY": Secret("sk-from-elsewhere-22")}
    app = make_app(Settings(data_dir=data_dir, threads=64, environment_keys=keys))
    person = Person(app.test_client()).sign_in("admin")
    openai = builtins(app)["openai"].id
    elsewhere = form(vendor="openai", base_url="https://proxy.example.com/v1", api_key="")
    other_path = form(vendor="openai", base_url="https://api.openai.com/v2", api_key="")
    with_others = [person.post("/providers", posted).headers["Location"] for posted in (elsewhere, other_path)]

    def key(provider_id: int) -> str | None:
        with app.app_context():
            found = db.session.get_one(Provider, provider_id).target(db.session).api_key
            return found.reveal() if found else None

    assert key(openai) == "sk-from-the-environment-1"
    assert "$OPENAI_API_KEY" in person.get(f"/providers/{openai}").text
    assert "sk-from-the" not in person.get(f"/providers/{openai}/edit").text
    assert [key(int(place.rpartition("/")[2])) for place in with_others] == [None, None]
    person.post(f"/providers/{openai}", {"name": "OpenAI", "api_key": KEY})
    assert key(openai) == KEY
    person.post(f"/providers/{openai}/key/delete")
    assert key(openai) == "sk-from-the-environment-1"


def test_a_member_does_not_spend_the_environment_key_on_a_provider_of_their_own(
    make_app: Callable[[Settings], Flask], data_dir: Any, admin: Person, form: Callable[..., Form]
) -> None:
    keys = {"OPENAI_API_KEY": Secret("sk-from-the-environment-1")}
    app = make_app(Settings(data_dir=data_dir, threads=64, environment_keys=keys))
    typed = form(vendor="openai", base_url="https://api.openai.com/v1", api_key="", is_shared="y")
    has_key = []
    for name in ("admin", "owner"):
        place = Person(app.test_client()).sign_in(name).post("/providers", typed).headers["Location"]
        with app.app_context():
            found = db.session.get_one(Provider, int(place.rpartition("/")[2])).target(db.session).api_key
        has_key.append(bool(found))
    assert has_key == [True, False]


def test_a_form_with_a_fault_is_drawn_also_when_the_key_comes_from_the_environment(
    make_app: Callable[[Settings], Flask], data_dir: Any
) -> None:
    keys = {"OPENAI_API_KEY": Secret("sk-from-the-environment-1")}
    app = make_app(Settings(data_dir=data_dir, threads=64, environment_keys=keys))
    person = Person(app.test_client()).sign_in("admin")
    openai = builtins(app)["openai"].id
    for path in ("/providers/checks", f"/providers/{openai}"):
        response = person.post(path, {"provider_id": openai, "name": ""}, htmx=True)
        assert response.status_code == 422
        assert "$OPENAI_API_KEY" in response.text


def test_every_template_opens_a_form_that_is_filled_in(admin: Person) -> None:
    for template in vendors().values():
        page = admin.get(f"/providers/new?vendor={template.id}").text
        assert f'value="{template.base_url}"' in page
    assert admin.get("/providers/new?vendor=<nobody>").status_code == 200
