"""The cast and the stage of all tests: an app on a fresh database, people with browsers, a far end, a real server."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.connections import forbid_second_connection
from tests.far_end import FarEnd
from webapp import create_app
from webapp.accounts.user import Role, User, create_user
from webapp.core.config import Settings
from webapp.core.database import db, writing
from webapp.core.secret import Secret
from webapp.providers.editing import ProviderInput, create_provider
from webapp.providers.private_address import open_address
from webapp.upstream.addresses import host_port

ROOT = Path(__file__).parent.parent
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

    def _keep_token(self, response: TestResponse) -> None:
        found = re.search(r'name="csrf_token" value="([^"]+)"', response.get_data(as_text=True))
        self.csrf = found[1] if found else self.csrf


@pytest.fixture(scope="session")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder after the first start, with the cast in it; tests work on copies."""
    folder = tmp_path_factory.mktemp("first-start")
    app = create_app(Settings(data_dir=folder))
    with app.app_context():
        with writing() as session:
            for name, role in CAST.items():
                create_user(session, email=name, name=name.title(), password=PASSWORD, role=role)
        db.engine.dispose()
    return folder


@pytest.fixture
def data_dir(first_start: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    shutil.copytree(first_start, folder)
    return folder


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    return Settings(data_dir=data_dir, threads=64)


@pytest.fixture
def make_app() -> Iterator[Callable[[Settings], Flask]]:
    """Makes apps whose jobs and connections end with the test."""
    made: list[Flask] = []

    def make(settings: Settings) -> Flask:
        app = create_app(settings)
        app.config["TESTING"] = True
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
def people(app: Flask) -> dict[str, Person]:
    """The cast, signed in."""
    with app.app_context():
        ids = {user.email: user.id for user in db.session.query(User)}
    return {name: Person(app.test_client(), ids[name]).sign_in(name) for name in CAST}


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


@dataclass
class Server:
    """A serving process. `output` grows while it runs."""

    process: subprocess.Popen[str]
    url: str
    data_dir: Path
    output: list[str]

    @property
    def setup_url(self) -> str:
        while not (found := re.search(r"\S+/setup\?token=\S+", "".join(self.output))):
            assert self.process.poll() is None, "".join(self.output)
            time.sleep(0.01)  # it is printed just after the address
        return found[0]

    def stop(self, number: int = 15) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Starts `jackfield serve` on a free port and waits until it answers; ends it with the test."""
    with serving() as start:
        yield start


@contextlib.contextmanager
def serving() -> Iterator[Callable[..., Server]]:
    """What `serve` does, for as long as the block."""
    running: list[Server] = []

    def start(data_dir: Path, **environment: str) -> Server:
        port = environment.pop("JACKFIELD_PORT", "") or str(free_port())
        process = subprocess.Popen(
            [sys.executable, "-m", "webapp", "serve"],
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "JACKFIELD_DATA_DIR": str(data_dir), "JACKFIELD_PORT": port, **environment},
        )
        ready, output = threading.Event(), []
        threading.Thread(target=_read, args=(process, output, ready), daemon=True).start()
        server = Server(process, f"http://127.0.0.1:{port}", data_dir, output)
        running.append(server)
        assert ready.wait(30), "".join(output)
        return server

    try:
        yield start
    finally:
        for server in running:
            server.stop()
            assert server.process.stdout
            server.process.stdout.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _read(process: subprocess.Popen[str], output: list[str], ready: threading.Event) -> None:
    assert process.stdout
    with contextlib.suppress(ValueError):  # the test ended and closed the pipe
        for line in process.stdout:
            output.append(line)
            if "Jackfield is at" in line:
                ready.set()
