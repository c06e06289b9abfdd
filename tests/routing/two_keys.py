"""A provider with two keys, and a program that asks it."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask
from werkzeug.test import TestResponse

from tests.far_end import FarEnd
from tests.program import Program
from webapp.core.database import db, writing
from webapp.providers.credential import Credential
from webapp.providers.provider import Provider
from webapp.routing.keybook import keybook

FIRST, SECOND = "sk-first-0c1d94e07c3f28aa", "sk-second-91be04d3a7f65c02"


@dataclass
class House:
    """A provider with two keys; the first is always drawn first, for the other one only stands in."""

    app: Flask
    far_end: FarEnd
    program: Program
    provider_id: int

    def ask(self, **fields: object) -> TestResponse:
        body = {"model": "far-end/ok", "messages": [{"role": "user", "content": "Hi"}], **fields}
        return self.program.post("/v1/chat/completions", body)

    def stored(self) -> list[Credential]:
        """The keys, after what was learned of them was written."""
        with self.app.app_context():
            keybook.write()
            db.session.rollback()
            rows = list(db.session.get_one(Provider, self.provider_id).credentials)
            db.session.expunge_all()
            return rows

    def sent(self) -> list[str]:
        """With which key each call came."""
        names = {f"Bearer {FIRST}": "first", f"Bearer {SECOND}": "second"}
        return [names[call.headers["authorization"]] for call in self.far_end.calls]

    def change(self, do: Callable[[Provider], object]) -> None:
        with self.app.app_context(), writing() as session:
            do(session.get_one(Provider, self.provider_id))
