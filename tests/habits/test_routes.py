"""No route is open by accident, no write goes without a CSRF token, no address vanishes silently."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from tests.habits.tree import ROOT
from webapp import create_app
from webapp.accounts.user import Role, create_user
from webapp.core.config import Settings
from webapp.core.database import writing

# What needs no sign-in: endpoint -> reason.
PUBLIC = {
    "static": "style sheets, scripts and icons",
    "health.show_liveness": "supervisors have no account",
    "health.show_readiness": "load balancers have no account",
    "accounts.new_setup": "the first account: guarded by the one-time link",
    "accounts.create_setup": "the first account: guarded by the one-time link",
    "accounts.new_session": "signing in",
    "accounts.create_session": "signing in",
    "accounts.update_language": "the sign-in page in one's own language",
}
PROMISED = ROOT / "tests/habits/routes.txt"
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return create_app(Settings.from_environment({"JACKFIELD_DATA_DIR": str(tmp_path_factory.mktemp("data"))}))


def test_strangers_are_asked_to_sign_in(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)  # it would answer before the guard does
    opened = []
    for method, url, endpoint in _calls(app):
        if endpoint not in PUBLIC:
            answer = app.test_client().open(url, method=method)
            is_sent_to_login = answer.status_code == 303 and answer.headers["Location"].startswith("/login")
            if not is_sent_to_login and answer.status_code != 401:
                opened.append(f"{method} {url}: {answer.status_code}")
    assert opened == []


def test_the_list_of_public_routes_holds_only_routes(app: Flask) -> None:
    # A typing error or a renamed view would otherwise stay in the list and open the next view of that name.
    assert set(PUBLIC) <= set(app.view_functions)


def test_a_signed_in_write_without_a_csrf_token_is_refused(app: Flask) -> None:
    client = _signed_in(app)
    accepted = []
    for method, url, _ in _calls(app):
        if method != "GET":
            status = client.open(url, method=method).status_code
            if status not in (400, 401, 403):  # 401: routes that take tokens only, never a session
                accepted.append(f"{method} {url}: {status}")
    assert accepted == []


def test_every_promised_address_is_there_and_every_address_is_promised(app: Flask) -> None:
    found = {f"{method} {rule}" for rule, methods in _rules(app) for method in methods}
    assert sorted(found) == PROMISED.read_text().splitlines(), "programs and bookmarks rely on these addresses"


def _signed_in(app: Flask) -> FlaskClient:
    with app.app_context(), writing() as session:
        create_user(session, email="owner@example.org", name="Owner", password=PASSWORD, role=Role.ADMIN)
    client = app.test_client()
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/login").text)
    assert found
    form = {"csrf_token": found[1], "email": "owner@example.org", "password": PASSWORD}
    assert client.post("/login", data=form).status_code == 303
    return client


def _rules(app: Flask) -> Iterator[tuple[Rule, list[str]]]:
    """Yield every rule with the methods that a view answers itself."""
    for rule in app.url_map.iter_rules():
        yield rule, sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})


def _calls(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Yield (method, address with made-up arguments, endpoint) for every route."""
    for rule, methods in _rules(app):
        built = rule.build(dict.fromkeys(rule.arguments, 1))
        assert built
        yield from ((method, built[1], rule.endpoint) for method in methods)
