"""Somebody who chats with the far end: asks, watches until the answer is over, looks at what was kept."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import select

from tests.conftest import Person
from tests.far_end import FarEnd
from webapp.chat.message import Message
from webapp.chat.run import Run
from webapp.core.database import db, writing
from webapp.core.ids import random_text
from webapp.models.model import Model, id_hash

KEY = "sk-canary-8f2e61d07b94a35c"


@dataclass(frozen=True)
class Asked:
    """A question and the run that answers it."""

    conversation: str
    run: int

    @property
    def page(self) -> str:
        return f"/chat/{self.conversation}"

    @property
    def at(self) -> str:
        return f"/chat/runs/{self.run}"


class Chat:
    """One person's conversations with the models of one provider. A model's name is the far end's script."""

    def __init__(self, app: Flask, person: Person, provider_id: int) -> None:
        self.app, self.person, self.provider_id = app, person, provider_id

    def model(self, model_id: str = "ok") -> int:
        """The record of a model, made at first use."""
        with self.app.app_context(), writing() as session:
            wanted = {"provider_id": self.provider_id, "id_hash": id_hash(model_id)}
            found = session.scalar(select(Model).filter_by(**wanted))
            if found is None:
                found = Model(model_id=model_id, search_text=model_id, **wanted)
                session.add(found)
                session.flush()
            return found.id

    def form(self, text: str, model: str = "ok", send_key: str = "") -> dict[str, str]:
        return {"text": text, "model": str(self.model(model)), "send_key": send_key or random_text(24)}

    def ask(self, text: str = "Hello", model: str = "ok", after: Asked | None = None) -> Asked:
        """Ask, in a new conversation or after another question; return while the answer is being written."""
        path = f"{after.page}/messages" if after else "/chat"
        response = self.person.post(path, self.form(text, model))
        assert response.status_code == 303, response.text
        return self.latest(response.headers["Location"].removeprefix("/chat/"))

    def answer(self, text: str = "Hello", model: str = "ok", after: Asked | None = None) -> Asked:
        """Ask and wait for the end."""
        asked = self.ask(text, model, after)
        self.wait(asked)
        return asked

    def again(self, asked: Asked, verb: str = "retries", model: str = "") -> Asked:
        """Retry or continue (`continuations`)."""
        form = {"model": str(self.model(model))} if model else {}
        response = self.person.post(f"{asked.at}/{verb}", form)
        assert response.status_code == 303, response.text
        return self.latest(asked.conversation)

    def wait(self, asked: Asked) -> str:
        """Return the whole event stream, which ends with the answer."""
        return self.person.client.get(f"{asked.at}/events", buffered=True).get_data(as_text=True)

    @contextmanager
    def watch(self, asked: Asked, person: Person | None = None) -> Iterator[Iterator[str]]:
        """Open the event stream; it gives one event at a time and is closed at the end."""
        response = (person or self.twin()).client.get(f"{asked.at}/events")
        assert response.status_code == 200, response.status
        with response:
            yield _events(response.iter_encoded())

    def latest(self, conversation: str) -> Asked:
        with self.app.app_context():
            run = db.session.scalar(select(Run).filter_by(conversation_id=conversation).order_by(Run.id.desc()))
            assert run
            return Asked(conversation, run.id)

    def run(self, asked: Asked) -> Run:
        """What the database holds of an answer."""
        with self.app.app_context():
            run = db.session.get_one(Run, asked.run)
            db.session.refresh(run.message)
            db.session.expunge_all()
            return run

    def count(self, record: type[Run] | type[Message]) -> int:
        with self.app.app_context():
            return db.session.query(record).count()

    def twin(self) -> Person:
        """The same person in another tab, with a client of its own for another thread."""
        return self.person.at(self.app.test_client())


@pytest.fixture
def chat(app: Flask, owner: Person, far_end: FarEnd, add_provider: Callable[..., int]) -> Chat:
    return Chat(app, owner, add_provider(far_end.base_url, key=KEY))


def _events(chunks: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n\n")
        yield from (event.decode() for event in whole)


def in_parallel(count: int, job: Callable[[int], object]) -> list[object]:
    """Run `job(0…count-1)` in threads that all begin at once; return their results in order."""
    results: list[object] = [None] * count
    gate = threading.Barrier(count)

    def work(number: int) -> None:
        gate.wait(10)
        results[number] = job(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results
