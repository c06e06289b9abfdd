"""Two hundred answers at once through a real server, half of their readers reloading: every byte arrives, once.

How quick it is, is for `bin/bench` to say; here time never decides.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import select

from tests.apart import apart
from tests.conftest import PASSWORD
from tests.load.browser import Browser, Watched
from tests.load.stage import PEOPLE, set_stage
from tests.load.upstream import answer_to, running_upstream
from tests.serving import Server
from webapp.chat.markdown import render
from webapp.chat.run import DONE, Run
from webapp.chat.run_routes import labels
from webapp.core.config import Settings
from webapp.core.database import db

RUNS, TOKENS, RATE = 200, 160, 20
CLICKS_AT_ONCE, FRAMES_BEFORE_RELOAD = 50, 5
RUN = r"/chat/runs/(\d+)/"


@pytest.fixture
def upstream() -> Iterator[str]:
    with running_upstream() as base_url:
        yield base_url


def test_two_hundred_answers_at_once_are_complete_and_exact_for_every_reader(
    app: Flask, settings: Settings, upstream: str, serve: Callable[..., Server]
) -> None:
    model = set_stage(app, upstream, [(TOKENS, RATE)]).models[TOKENS, RATE]
    server = serve(settings.data_dir)
    readers = apart(_all_answers(urlsplit(server.url).port or 0, model))
    assert server.stop() == 0
    assert [line for line in server.output if " ERROR " in line or "Traceback" in line] == []
    with app.test_request_context("/"):
        runs = {run.id: run for run in db.session.scalars(select(Run))}
        assert Counter(run.status for run in runs.values()) == {DONE: RUNS}
        for number, watched in enumerate(readers):
            text = answer_to(_question(number), TOKENS)
            drawn, copied = watched.final_prose()
            assert runs[watched.run_id].message.text == copied == text
            assert drawn == render(text, labels())
            assert drawn.startswith(watched.done)


async def _all_answers(port: int, model: int) -> list[Watched]:
    people = [Browser(port) for _ in PEOPLE]
    for name, person in zip(PEOPLE, people, strict=True):
        await person.sign_in(name, PASSWORD)
    few = asyncio.Semaphore(CLICKS_AT_ONCE)
    readers = (_read(people[number % len(people)], number, model, few) for number in range(RUNS))
    return list(await asyncio.gather(*readers))


async def _read(person: Browser, number: int, model: int, few: asyncio.Semaphore) -> Watched:
    """Ask in a new conversation and watch the answer; every other reader reloads the page in the middle."""
    async with few:
        asked = await person.post("/chat", text=_question(number), model=model, send_key=f"send-key-{number}")
        assert asked.status == 303, asked
        watched = await _opened(person, asked.location)
    if number % 2 and not watched.final:
        await person.watch(watched, at_most=FRAMES_BEFORE_RELOAD)
        watched = await _opened(person, asked.location)
    return watched if watched.final else await person.watch(watched)


async def _opened(person: Browser, path: str) -> Watched:
    """The answer on a page as it opens: yet to be watched, or whole, where the machine is that slow."""
    page = await person.get(path)
    assert page.status == 200, page
    is_live = "hx-sse:connect" in page.text
    return Watched(int(page.found(RUN)), final="" if is_live else page.text)


def _question(number: int) -> str:
    return f"Question {number}"
