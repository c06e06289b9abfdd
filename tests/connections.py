"""Watches that no request holds two connections to the database: pages that wait for their second would block all."""

import threading

from flask import Flask, has_request_context
from sqlalchemy import event
from sqlalchemy.pool import ConnectionPoolEntry

from webapp.core.database import db


def forbid_second_connection(app: Flask) -> None:
    """Let a request fail that asks for a connection while its thread has one."""
    holders: dict[int, int] = {}

    def take(_connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
        thread = threading.get_ident()
        assert not has_request_context() or thread not in holders.values(), "a second connection"
        holders[id(record)] = thread

    def give_back(_connection: object, record: ConnectionPoolEntry) -> None:
        holders.pop(id(record), None)

    with app.app_context():
        event.listen(db.engine, "checkout", take)
        event.listen(db.engine, "checkin", give_back)
