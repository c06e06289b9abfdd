"""Asks for a provider's list in a process of its own. Prints when, and what it got.

Arguments: data folder, provider id, and where the database is unless in that folder.
"""

import subprocess
import sys
from pathlib import Path

from tests.far_end import FarEnd
from tests.serving import ROOT
from webapp import create_app
from webapp.core.config import Settings
from webapp.core.database import db, reading
from webapp.models.discovery import refresh_now
from webapp.models.model import models_of
from webapp.providers.provider import Provider


def ask_twice_at_once(far_end: FarEnd, *arguments: str) -> list[str]:
    """Let two processes ask for a list that a far end holds back until both wait; return what each got."""
    command = [sys.executable, "-m", "tests.models.refresh_apart", *arguments]
    asking = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in asking:
        assert process.stdout
        assert process.stdout.readline() == "asking\n"
    far_end.wait_for_calls(1)
    far_end.release.set()
    return [process.communicate(timeout=60)[0].strip() for process in asking]


if __name__ == "__main__":
    app = create_app(Settings(data_dir=Path(sys.argv[1]), database_url="".join(sys.argv[3:])))
    with app.app_context():
        print("asking", flush=True)
        refresh_now(db.session, db.session.get_one(Provider, int(sys.argv[2])))
        with reading() as session:
            print(len(models_of(session, int(sys.argv[2]))))
    app.extensions["jackfield"].background.close(1)
