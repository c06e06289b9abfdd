"""People who chat: questions by the form, answers watched over SSE, and what a first visit fetches."""

import asyncio
import os
import re
import time

from tests.conftest import PASSWORD
from tests.load.browser import Browser, Watched
from tests.load.heard import Judged
from tests.load.program import Speed
from tests.load.stage import PEOPLE
from tests.load.upstream import answer_to

ASSETS = r'(?:src|href)="(/static/[^"#]+)'


async def sign_in(port: int) -> list[Browser]:
    """Return a browser for each of the people."""
    people = [Browser(port) for _ in PEOPLE]
    for name, person in zip(PEOPLE, people, strict=True):
        await person.sign_in(name, PASSWORD)
    return people


async def begin_talks(people: list[Browser], model: int, count: int) -> list[str]:
    """Begin so many conversations, each with a first answer; return their addresses, the people's in turn."""
    return [await _begin(people[number % len(people)], model) for number in range(count)]


async def ask_chats(people: list[Browser], talks: list[str], model: int, speed: Speed, a_second: float) -> list[Judged]:
    """Ask one question in each conversation, so many a second, and watch the answers."""

    async def one(number: int) -> Judged:
        await asyncio.sleep(number / a_second)
        return await _ask(people[number % len(people)], talks[number], model, f"Chat {number}", speed[0])

    return list(await asyncio.gather(*map(one, range(len(talks)))))


async def first_visit(person: Browser) -> dict[str, float]:
    """What a browser fetches for a first visit to the chat page: bytes of the bodies as they travel."""
    page = await person.get("/")
    paths = ["/", *sorted(set(re.findall(ASSETS, page.text)))]
    sizes = {path: await person.size(path) for path in paths}
    return {"requests": len(sizes), "kb": sum(sizes.values()) / 1000, "html_kb": sizes["/"] / 1000}


async def _begin(person: Browser, model: int) -> str:
    asked = await person.post("/chat", text="Hello", model=model, send_key=os.urandom(8).hex())
    page = await person.get(asked.location)
    if found := re.search(r"/chat/runs/(\d+)/events", page.text):
        await person.watch(Watched(int(found[1])))
    return asked.location


async def _ask(person: Browser, talk: str, model: int, question: str, tokens: int) -> Judged:
    asked_at = time.monotonic()
    fields: dict[str, str | int] = {"text": question, "model": model, "send_key": os.urandom(8).hex()}
    asked = await person.post(f"{talk}/messages", htmx=True, **fields)
    watched = await person.watch(Watched(int(asked.found(r"/chat/runs/(\d+)/events"))))
    first_at = watched.first_text_at or time.monotonic()
    is_complete = watched.final_prose()[1] == answer_to(question, tokens)
    return Judged(question, is_complete, asked_at, time.monotonic(), first_at, (first_at,))
