"""Chromium in front of a real server. Whatever the browser complains about fails the test, unless it was allowed."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Request, expect
from sqlalchemy import delete, update

from tests.browser.house import House
from tests.conftest import PASSWORD
from tests.far_end import FarEnd
from tests.real.processes import lack
from tests.serving import Server, serving
from webapp import create_app
from webapp.accounts.user import Role, create_user
from webapp.core.config import Settings
from webapp.core.database import db, writing
from webapp.core.ids import random_text
from webapp.providers.private_address import PrivateAddress
from webapp.providers.provider import Provider

CHROMIUM = os.environ.get("JACKFIELD_CHROMIUM") or "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
# A page that is left takes its streams along; that is no failure.
LEFT = "net::ERR_ABORTED"
DESK = {"viewport": {"width": 1280, "height": 860}, "locale": "en-GB", "color_scheme": "light"}
MILLISECONDS = 15_000

expect.set_options(timeout=MILLISECONDS)


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        lack("no Chromium: name one in JACKFIELD_CHROMIUM")
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def standing(first_start: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Server]]:
    """A server for all tests that do not end it, and an app that works on the same data folder."""
    folder = tmp_path_factory.mktemp("standing") / "data"
    shutil.copytree(first_start, folder)
    app = create_app(Settings(data_dir=folder))
    with serving() as start:
        yield app, start(folder)
    app.extensions["jackfield"].background.close(10)
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def house(standing: tuple[Flask, Server], far_end: FarEnd) -> Iterator[House]:
    """The server, as an admin of its own sees it: nothing of other tests is theirs."""
    app, server = standing
    email = f"guest-{random_text(12)}".lower()
    with app.app_context(), writing() as session:
        session.execute(delete(PrivateAddress))  # an earlier far end may have had the port of this test's
        create_user(session, email=email, name="Linh Guest", password=PASSWORD, role=Role.ADMIN)
    yield House(app, server, far_end, email)
    with app.app_context(), writing() as session:  # what was saved for everybody
        session.execute(update(Provider).where(Provider.owner_id.is_not(None)).values(is_shared=False))


@pytest.fixture
def own_house(app: Flask, data_dir: Path, far_end: FarEnd, serve: Callable[..., Server]) -> House:
    """A server that the test may end."""
    return House(app, serve(data_dir), far_end, "admin", is_own=True)


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained about."""
    return []


@pytest.fixture
def allow(complaints: list[str]) -> Iterator[Callable[[str], None]]:
    """Lets the browser complain about what the test provokes: `allow("status of 422")`."""
    allowed: list[str] = []
    yield allowed.append
    assert [line for line in complaints if not any(part in line for part in allowed)] == []


@pytest.fixture
def new_context(
    chromium: Browser, complaints: list[str], allow: Callable[[str], None]
) -> Iterator[Callable[..., BrowserContext]]:
    """Opens browsers that nobody is signed in with."""
    opened: list[BrowserContext] = []

    def open_context(**options: Any) -> BrowserContext:
        context = chromium.new_context(**{**DESK, **options})
        context.set_default_timeout(MILLISECONDS)
        listen(context, complaints)
        opened.append(context)
        return context

    yield open_context
    for context in opened:
        context.close()


@pytest.fixture
def context(new_context: Callable[..., BrowserContext]) -> BrowserContext:
    return new_context()


@pytest.fixture
def page(context: BrowserContext, house: House) -> Page:
    """A tab of somebody who is signed in, on no page yet."""
    return house.enter(context)


def listen(context: BrowserContext, complaints: list[str]) -> None:
    """Note errors of the console (refusals by the Content-Security-Policy among them), of scripts and of requests."""

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"console: {message.text} ({message.location.get('url')})")

    def on_failure(request: Request) -> None:
        if request.failure != LEFT:
            complaints.append(f"request: {request.failure} {request.method} {request.url}")

    context.on("console", on_console)
    context.on("weberror", lambda error: complaints.append(f"script: {error.error}"))
    context.on("requestfailed", on_failure)
