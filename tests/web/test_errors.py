"""Errors as a page, as a notice for htmx, as JSON for programs."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, abort
from sqlalchemy import event, text

from tests.conftest import Person
from webapp.core.config import Settings
from webapp.core.database import db, writing
from webapp.core.errors import BusyError, ConflictError, ForbiddenError, NotFoundError
from webapp.web.guard import public


def _fail() -> str:
    raise RuntimeError("canary: a detail that nobody may read")


def _raise(error: BaseException) -> Callable[[], str]:
    def view() -> str:
        raise error

    return view


FAULTS: dict[str, tuple[int, Callable[[], Any]]] = {
    "bad": (400, lambda: abort(400)),
    "forbidden": (403, _raise(ForbiddenError())),
    "missing": (404, _raise(NotFoundError("canary"))),
    "conflict": (409, _raise(ConflictError("In your own words."))),
    "large": (413, lambda: abort(413)),
    "broken": (500, _fail),
    "busy": (503, _raise(BusyError("canary"))),
}


@pytest.fixture
def app(make_app: Callable[[Settings], Flask], settings: Settings) -> Flask:
    """The app with an address for each kind of fault; faults are answered as in service."""
    app = make_app(settings)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    for name, (_, view) in FAULTS.items():
        app.add_url_rule(f"/faults/{name}", f"fault_{name}", view)
        app.add_url_rule(f"/api/faults/{name}", f"api_fault_{name}", public(_again(view)))
    return app


def _again(view: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: view()


@pytest.mark.parametrize("name", FAULTS)
def test_a_browser_gets_a_page_without_details(owner: Person, name: str) -> None:
    response = owner.get(f"/faults/{name}")
    assert response.status_code == FAULTS[name][0]
    assert response.mimetype == "text/html"
    assert "<h1" in response.text
    assert 'href="/"' in response.text
    assert "canary" not in response.text
    assert "Traceback" not in response.text


@pytest.mark.parametrize("name", FAULTS)
def test_htmx_gets_a_notice_for_the_alerts(owner: Person, name: str) -> None:
    response = owner.client.get(f"/faults/{name}", headers={"HX-Request": "true"})
    assert response.status_code == FAULTS[name][0]
    assert response.headers["HX-Retarget"] == "#alerts"
    assert response.headers["HX-Reswap"] == "innerHTML"
    assert 'role="alert"' in response.text
    assert "<html" not in response.text
    assert "canary" not in response.text


@pytest.mark.parametrize("name", FAULTS)
def test_a_program_gets_json(visitor: Person, name: str) -> None:
    response = visitor.client.get(f"/api/faults/{name}")
    assert response.status_code == FAULTS[name][0]
    assert response.json
    assert response.json["error"]
    assert "canary" not in response.text


def test_a_mistake_of_ours_shows_its_number_only_and_the_log_has_the_rest(
    owner: Person, caplog: pytest.LogCaptureFixture
) -> None:
    response = owner.get("/faults/broken")
    assert f"<code>{response.headers['X-Request-Id']}</code>" in response.text
    assert "RuntimeError" not in response.text
    assert any(record.exc_info and "canary" in str(record.exc_info[1]) for record in caplog.records)


def test_a_full_house_says_when_to_come_back(owner: Person) -> None:
    assert owner.get("/faults/busy").headers["Retry-After"] == "2"


def test_what_is_not_there_and_what_is_not_taken(owner: Person, visitor: Person) -> None:
    assert owner.get("/nothing").status_code == 404
    assert visitor.get("/nothing").status_code == 404
    assert visitor.get("/static/nothing.css").status_code == 404
    assert visitor.get("/static/../webapp/cli.py").status_code == 404
    response = owner.get("/logout")
    assert response.status_code == 405
    assert {"POST", "OPTIONS"} <= set(response.headers["Allow"].replace(" ", "").split(","))


def test_texts_speak_the_language_of_the_reader(owner: Person) -> None:
    english = owner.get("/nothing").text
    owner.post("/settings/look", {"language": "vi", "theme": "system"})
    assert '<html lang="vi"' in owner.get("/nothing").text
    assert '<html lang="en"' in english


@pytest.mark.parametrize("is_htmx", [False, True])
def test_a_locked_database_is_a_page_and_nothing_is_lost(
    app: Flask, owner: Person, is_htmx: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with app.app_context():
        event.listen(db.engine, "checkout", lambda connection, *_: connection.execute("PRAGMA busy_timeout=50"))
        with writing() as session:
            session.execute(text("UPDATE users SET name = name"))
            form = {"language": "vi", "theme": "dark"}
            response = owner.post("/settings/look", form, htmx=is_htmx)
    assert response.status_code == 507
    assert ("<html" in response.text) is not is_htmx
    assert "sqlite" not in response.text.lower()
    assert "The database failed" in caplog.text
    assert "'dark'" not in caplog.text
    page = owner.get("/settings")
    assert page.status_code == 200
    assert 'data-theme="dark"' not in page.text
