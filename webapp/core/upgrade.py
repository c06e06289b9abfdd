"""Brings the database to the newest schema: a backup first, then the migrations; refuses a newer one."""

import logging
import sqlite3
from pathlib import Path

from flask import Flask
from sqlalchemy import inspect, text

from webapp.core import clock
from webapp.core.database import db, release
from webapp.core.errors import ConfigError
from webapp.core.paths import MIGRATIONS, newest_revision

KEPT_BACKUPS = 5


def head() -> str:
    """Return the newest revision that this Jackfield knows."""
    return newest_revision(MIGRATIONS)


def current() -> str | None:
    """Return the database's revision; None for an empty database."""
    with db.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(app: Flask) -> None:
    """Run the migrations that are missing. Called inside the app context; safe when nothing is to do."""
    found = current()
    if found == head():
        return
    if found is not None and found > head():
        raise ConfigError(
            f"The database has revision {found}, newer than this Jackfield knows ({head()}). "
            "Start the newer version again, or restore a backup from before the upgrade."
        )
    if found is not None and db.engine.dialect.name == "sqlite":
        back_up(Path(str(db.engine.url.database)), label=found)
    from flask_migrate import Migrate  # Alembic takes 13 MB: loaded only when there is something to migrate
    from flask_migrate import upgrade as run_migrations

    logging.getLogger("alembic").setLevel(logging.WARNING)
    Migrate(app, db, directory=str(MIGRATIONS))
    release()
    run_migrations()


def back_up(database: Path, label: str) -> Path:
    """Write a checked copy of an SQLite database to `backups/` beside it; return its path."""
    folder = database.parent / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    copy = folder / f"{database.stem}-{label}-{clock.now():%Y%m%dT%H%M%S}.db"
    with sqlite3.connect(database) as source:
        source.execute("VACUUM INTO ?", (str(copy),))
    source.close()
    with sqlite3.connect(copy) as check:
        verdict = check.execute("PRAGMA integrity_check").fetchone()[0]
    check.close()
    if verdict != "ok":
        raise ConfigError(f"The backup {copy} is damaged ({verdict}); the database was not changed.")
    for old in sorted(folder.glob(f"{database.stem}-*.db"))[:-KEPT_BACKUPS]:
        old.unlink()
    return copy
