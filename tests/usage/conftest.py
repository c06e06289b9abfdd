"""The rows that are kept of calls, and somebody who chats."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import delete, select

from tests.chat.conftest import Chat, chat
from webapp.core.database import db, reading, writing
from webapp.usage.event import UsageEvent
from webapp.usage.recorder import write_waiting

__all__ = ["Chat", "Ledger", "chat"]


@dataclass(frozen=True)
class Ledger:
    """What the database holds of calls."""

    app: Flask

    def rows(self) -> list[UsageEvent]:
        """All rows in their order, after what waits was written."""
        with self.app.app_context():
            write_waiting()
            with reading() as session:
                return list(session.scalars(select(UsageEvent).order_by(UsageEvent.id)))

    def row(self) -> UsageEvent:
        """The only row."""
        (row,) = self.rows()
        return row


@pytest.fixture
def ledger(app: Flask) -> Iterator[Ledger]:
    """Empty at the beginning: calls of earlier tests may still wait to be written, by this process."""
    with app.app_context():
        write_waiting()
        with writing() as session:
            session.execute(delete(UsageEvent))
    yield Ledger(app)
    with app.app_context():
        write_waiting()
        db.session.remove()  # type: ignore[attr-defined]
