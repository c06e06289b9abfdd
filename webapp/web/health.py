"""Liveness and readiness, for supervisors and load balancers."""

from flask import Blueprint, Response, jsonify
from sqlalchemy import text

from webapp.core.config import VERSION
from webapp.core.database import db, sqlite_warning
from webapp.core.runtime import runtime
from webapp.web.guard import public

health = Blueprint("health", __name__)


@health.get("/healthz")
@public
def show_liveness() -> Response:
    """Say that the process answers."""
    return jsonify(status="ok", version=VERSION)


@health.get("/readyz")
@public
def show_readiness() -> tuple[Response, int]:
    """Say whether work can be taken: the database answers and the process is not closing."""
    db.session.execute(text("SELECT 1"))
    if runtime().background.is_closing.is_set():
        return jsonify(status="closing"), 503
    warning = sqlite_warning() if db.engine.dialect.name == "sqlite" else None
    return jsonify(status="ready", warnings=[warning] if warning else []), 200
