"""The day's budget of checks on PostgreSQL: several processes never spend more than there is."""

from pathlib import Path

from flask import Flask

from tests.real.test_postgresql import address, cluster
from tests.routing.reserve_apart import EACH
from tests.routing.test_probe_budget import tries_apart
from webapp import create_app
from webapp.core.config import Settings
from webapp.core.database import db, reading, writing
from webapp.routing.probe_budget import Budget, read_budget, set_budget

__all__ = ["address", "cluster"]


def test_several_processes_share_one_budget(address: str, tmp_path: Path) -> None:
    app: Flask = create_app(Settings(data_dir=tmp_path / "data", database_url=address))
    with app.app_context():
        with writing() as session:
            set_budget(session, 455)
        won = sum(tries_apart(str(tmp_path / "data"), address))
        with reading() as session:
            assert (won, read_budget(session)) == (45, Budget(455, 45 * EACH, 45))
        db.engine.dispose()
