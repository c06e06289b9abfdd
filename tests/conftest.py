"""The cast and the stage of all tests: an app on a fresh database, people with browsers, a far end, a real server."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache
from werkzeug.test import TestResponse

from tests.connections import forbid_second_connection
from tests.far_end import FarEnd
from tests.serving import Server, serving
from webapp import create_app
from webapp.accounts.user import Role, User, create_user
from webapp.core.config import Settings
from webapp.core.database import db, writing
from webapp.core.secret import Secret
from webapp.providers.editing import ProviderInput, create_provider
from webapp.providers.private_address import open_address
from webapp.upstream.addresses import host_port

PASSWORD = "correct horse battery"
CAST = {"owner": Role.MEMBER, "stranger": Role.MEMBER, "admin": Role.ADMIN}


class Person:
    """Somebody with a browser that has no JavaScript: keeps cookies and sends the CSRF token of the last page."""

    def __init__(self, client: FlaskClient, user_id: int | None = None) -> None:
        self.client, self.user_id, self.csrf = client, user_id, ""

    def get(self, path: str, **more: Any) -> TestResponse:
        response = self.client.get(path, **more)
        if response.mimetype == "text/html":
            self._keep_token(response)
        return response

    def post(self, path: str, data: Any = None, *, htmx: bool = False, **more: Any) -> TestResponse:
        headers = {"X-CSRFToken": self.csrf, **more.pop("headers", {})}
        if htmx:
            headers["HX-Request"] = "true"
        response = self.client.post(path, data=data or {}, headers=headers, **more)
        self._keep_token(response)
        return response

    def sign_in(self, email: str) -> "Person":
        self.get("/login")
        response = self.post("/login", {"email": email, "password": PASSWORD})
        assert response.status_code == 303, response.text
        self.get("/settings")
        return self

    def at(self, client: FlaskClient) -> "Person":
        """The same person with another client: of this app, or of one that works on a copy of its data folder."""
        cookie = self.client.get_cookie("jackfield")
        assert cookie
        client.set_cookie("jackfield", cookie.value)
        other = Person(client, self.user_id)
        other.csrf = self.csrf
        return other

    def _keep_token(self, response: TestResponse) -> None:
        found = re.search(r'name="csrf_token" value="([^"]+)"', response.get_data(as_text=True))
        self.csrf = found[1] if found else self.csrf


@pytest.fixture(scope="session")
def beginning(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Person]]:
    """A data folder after the first start, and the cast, signed in there; tests work on copies."""
    folder = tmp_path_factory.mktemp("first-start")
    app = create_app(Settings(data_dir=folder))
    with app.app_context(), writing() as session:
        ids = {
            name: create_user(session, email=name, name=name.title(), password=PASSWORD, role=role).id
            for name, role in CAST.items()
        }
    cast = {name: Person(app.test_client(), ids[name]).sign_in(name) for name in CAST}
    with app.app_context():
        db.engine.dispose()
    return folder, cast


@pytest.fixture(scope="session")
def first_start(beginning: tuple[Path, dict[str, Person]]) -> Path:
    return beginning[0]


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> FileSystemBytecodeCache:
    """Templates, so that not every app compiles them again."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("compiled")))


@pytest.fixture
def data_dir(first_start: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    shutil.copytree(first_start, folder)
    return folder


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    return Settings(data_dir=data_dir, threads=64)


@pytest.fixture
def make_app(compiled: FileSystemBytecodeCache) -> Iterator[Callable[[Settings], Flask]]:
    """Makes apps whose jobs and connections end with the test."""
    made: list[Flask] = []

    def make(settings: Settings) -> Flask:
        app = create_app(settings)
        app.config["TESTING"], app.jinja_env.bytecode_cache = True, compiled
        forbid_second_connection(app)
        made.append(app)
        return app

    yield make
    for app in made:
        app.extensions["jackfield"].background.close(10)
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def app(make_app: Callable[[Settings], Flask], settings: Settings) -> Flask:
    return make_app(settings)


@pytest.fixture
def people(app: Flask, beginning: tuple[Path, dict[str, Person]]) -> dict[str, Person]:
    """The cast, signed in."""
    return {name: person.at(app.test_client()) for name, person in beginning[1].items()}


@pytest.fixture
def owner(people: dict[str, Person]) -> Person:
    return people["owner"]


@pytest.fixture
def admin(people: dict[str, Person]) -> Person:
    return people["admin"]


@pytest.fixture
def stranger(people: dict[str, Person]) -> Person:
    return people["stranger"]


@pytest.fixture
def visitor(app: Flask) -> Person:
    """Somebody who is not signed in."""
    return Person(app.test_client())


@pytest.fixture
def far_end() -> Iterator[FarEnd]:
    with FarEnd() as server:
        yield server


@pytest.fixture
def add_provider(app: Flask) -> Callable[..., int]:
    """Adds a provider at a loopback address, opened as an admin would; returns its id."""

    def add(base_url: str, *, by: str = "admin", name: str = "Far End", key: str = "", **more: Any) -> int:
        wanted = ProviderInput(
            vendor_id="custom",
            name=name,
            base_url=base_url,
            dialect="openai",
            auth_style="bearer" if key else "none",
            auth_name="",
            key=Secret(key) if key else None,
            headers=(),
            is_shared=by == "admin",
        )
        with app.app_context(), writing() as session:
            user = session.query(User).filter_by(email=by).one()
            open_address(session, *host_port(base_url), user.id)
            return create_provider(session, user, replace(wanted, **more)).id

    return add


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Starts `jackfield serve` on a free port and waits until it answers; ends it with the test."""
    with serving() as start:
        yield start
