"""From an empty folder or an older version to the newest schema, and never backwards."""

import shutil
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask

from webapp.core import upgrade
from webapp.core.config import Settings
from webapp.core.database import db
from webapp.core.errors import ConfigError
from webapp.core.paths import MIGRATIONS
from webapp.core.upgrade import back_up

MakeApp = Callable[[Settings], Flask]
ADDS_A_TABLE = """
from alembic import op
import sqlalchemy as sa
revision, down_revision = "9999", "{head}"
def upgrade():
    op.create_table("later", sa.Column("id", sa.Integer()))
    {then}
def downgrade():
    pass
"""


@pytest.fixture
def add_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Pretends that this version has one more migration."""

    def add(then: str = "") -> None:
        folder = tmp_path / "migrations"
        shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
        script = ADDS_A_TABLE.format(head=upgrade.head(), then=then)
        (folder / "versions" / "9999_later.py").write_text(script)
        monkeypatch.setattr(upgrade, "MIGRATIONS", folder)

    return add


def tables(database: Path) -> set[str]:
    connection = sqlite3.connect(database)
    try:
        return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    finally:
        connection.close()


def test_a_fresh_start_makes_the_newest_schema_and_no_backup(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app(Settings(data_dir=tmp_path / "new"))
    with app.app_context():
        assert upgrade.current() == upgrade.head()
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert not (tmp_path / "new" / "backups").exists()


def test_models_and_migrations_agree(app: Flask) -> None:
    with app.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, db.metadata) == []


def test_an_upgrade_keeps_a_checked_backup_of_what_was_before(
    make_app: MakeApp, settings: Settings, add_migration: Callable[[str], None]
) -> None:
    before = upgrade.head()
    add_migration("")
    app = make_app(settings)
    with app.app_context():
        assert upgrade.current() == "9999"
    (copy,) = (settings.data_dir / "backups").iterdir()
    assert copy.name.startswith(f"jackfield-{before}-")
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
    assert "users" in tables(copy)
    assert "later" not in tables(copy)
    assert "later" in tables(settings.data_dir / "jackfield.db")


def test_a_migration_that_breaks_half_way_changes_nothing(
    make_app: MakeApp, settings: Settings, add_migration: Callable[[str], None]
) -> None:
    before = upgrade.head()
    add_migration("raise ValueError('on purpose')")
    with pytest.raises(ValueError, match="on purpose"):
        make_app(settings)
    assert "later" not in tables(settings.data_dir / "jackfield.db")
    connection = sqlite3.connect(settings.data_dir / "jackfield.db")
    assert connection.execute("SELECT version_num FROM alembic_version").fetchone()[0] == before
    connection.close()


def test_a_database_of_a_newer_version_is_refused_and_left_alone(make_app: MakeApp, settings: Settings) -> None:
    database = settings.data_dir / "jackfield.db"
    connection = sqlite3.connect(database)
    connection.execute("UPDATE alembic_version SET version_num = '9998'")
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    bytes_before = database.read_bytes()
    with pytest.raises(ConfigError, match="9998, newer than this Jackfield knows"):
        make_app(settings)
    assert database.read_bytes() == bytes_before
    assert not (settings.data_dir / "backups").exists()


def test_only_the_latest_backups_are_kept(data_dir: Path) -> None:
    folder = data_dir / "backups"
    folder.mkdir()
    for day in range(10, 19):
        (folder / f"jackfield-0001-202001{day}T000000.db").write_bytes(b"")
    (folder / "notes.txt").write_text("not ours")
    copy = back_up(data_dir / "jackfield.db", "0001")
    kept = sorted(path.name for path in folder.glob("*.db"))
    assert len(kept) == upgrade.KEPT_BACKUPS
    assert kept[-1] == copy.name
    assert (folder / "notes.txt").exists()


def test_a_backup_can_be_made_while_others_write_and_restored(
    make_app: MakeApp, settings: Settings, tmp_path: Path
) -> None:
    make_app(settings)
    copy = back_up(settings.data_dir / "jackfield.db", "now")
    restored = tmp_path / "restored"
    shutil.copytree(settings.data_dir, restored, ignore=shutil.ignore_patterns("*.db*", "backups"))
    shutil.copy(copy, restored / "jackfield.db")
    app = make_app(Settings(data_dir=restored))
    with app.app_context():
        assert upgrade.current() == upgrade.head()


def test_a_damaged_database_is_reported_as_such(make_app: MakeApp, settings: Settings) -> None:
    database = settings.data_dir / "jackfield.db"
    database.write_bytes(b"this is not a database" * 500)
    with pytest.raises(ConfigError, match="database"):
        make_app(settings)
    assert database.read_bytes().startswith(b"this is not")
