"""Asks for a provider's list in a process of its own. Prints when, and what it got.

Arguments: data folder, provider id, and where the database is unless in that folder.
"""

import sys
from pathlib import Path

from webapp import create_app
from webapp.core.config import Settings
from webapp.core.database import db, reading
from webapp.models.discovery import refresh_now
from webapp.models.model import models_of
from webapp.providers.provider import Provider

if __name__ == "__main__":
    app = create_app(Settings(data_dir=Path(sys.argv[1]), database_url="".join(sys.argv[3:])))
    with app.app_context():
        print("asking", flush=True)
        refresh_now(db.session, db.session.get_one(Provider, int(sys.argv[2])))
        with reading() as session:
            print(len(models_of(session, int(sys.argv[2]))))
    app.extensions["jackfield"].background.close(1)
