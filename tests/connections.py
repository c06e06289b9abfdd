"""Watches that no request holds two connections to the database: pages that wait for their second would block all."""

from flask import Flask, Request, has_request_context, request
from sqlalchemy import event
from sqlalchemy.pool import ConnectionPoolEntry

from webapp.core.database import db


def forbid_second_connection(app: Flask) -> None:
    """Let a request fail that asks for a connection while it has one."""
    holders: dict[ConnectionPoolEntry, Request] = {}

    def take(_connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
        if has_request_context():
            asks: Request = request._get_current_object()  # type: ignore[attr-defined]
            assert all(holder is not asks for holder in list(holders.values())), "a second connection"
            holders[record] = asks

    def give_back(_connection: object, record: ConnectionPoolEntry) -> None:
        holders.pop(record, None)

    with app.app_context():
        event.listen(db.engine, "checkout", take)
        event.listen(db.engine, "checkin", give_back)
