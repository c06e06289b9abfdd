"""What tests of reading lists share: who is due, waiting for readers, moments with their jitter."""

import threading
from datetime import timedelta
from typing import Any

from flask import Flask

from webapp.core import clock
from webapp.core.database import db
from webapp.providers.provider import Provider
from webapp.providers.schedule import JITTER, due_providers


def due_ids() -> list[int]:
    with db.session() as session:
        return [row.id for row in due_providers(session)]


def join(name: str) -> None:
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(20)


def row_of(app: Flask, provider: int) -> Provider:
    with app.app_context():
        return db.session.get_one(Provider, provider)


def near(moment: Any, wanted: timedelta) -> bool:
    left = (moment - clock.now()).total_seconds()
    return wanted.total_seconds() * (1 - JITTER) - 5 <= left <= wanted.total_seconds() * (1 + JITTER) + 5
