"""The workspace page: what admins have opened, and what this installation is made of."""

import sqlite3

from flask import Blueprint, Response

from webapp.core.config import VERSION
from webapp.core.database import db, sqlite_warning
from webapp.core.runtime import runtime
from webapp.web.guard import admin_only
from webapp.web.render import page

settings = Blueprint("settings", __name__)


@settings.get("/settings/workspace")
@admin_only
def show_workspace() -> Response:
    """Show the installation; lists that belong to features are fetched by their address."""
    is_sqlite = db.engine.dialect.name == "sqlite"
    return page(
        "settings/workspace.html",
        version=VERSION,
        database=db.engine.dialect.name,
        data_dir=runtime().settings.data_dir,
        threads=runtime().settings.threads,
        faulty_sqlite=sqlite3.sqlite_version if is_sqlite and sqlite_warning() else None,
    )
