"""Runs the migrations on the app's own engine. Called by webapp/core/upgrade.py."""

from alembic import context
from flask import current_app

from webapp.core.database import take_turns

db = current_app.extensions["migrate"].db

with db.engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        render_as_batch=True,
        compare_type=True,
        transactional_ddl=True,  # also on SQLite, because the engine says BEGIN itself
    )
    with context.begin_transaction():
        take_turns(connection)
        context.run_migrations()
