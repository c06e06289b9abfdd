"""What a provider refuses, by model, and what is known of a model with its sources."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from webapp.core import clock

revision = "0003"
down_revision = "0002"

MODELS = sa.table(
    "models",
    sa.column("id", sa.Integer()),
    sa.column("source", sa.Text()),
    sa.column("context_length", sa.Integer()),
    sa.column("max_output_tokens", sa.Integer()),
    sa.column("capabilities", sa.JSON()),
    sa.column("facts", sa.JSON()),
)
RUNS = sa.table("runs", sa.column("id", sa.Integer()), sa.column("repair", sa.JSON()))


def upgrade() -> None:
    op.add_column("providers", sa.Column("quirks", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("models", sa.Column("facts", sa.JSON(), nullable=False, server_default="{}"))
    connection = op.get_bind()
    for row in connection.execute(sa.select(MODELS)).all():
        connection.execute(sa.update(MODELS).where(MODELS.c.id == row.id).values(facts=_facts(row)))
    for row in connection.execute(sa.select(RUNS).where(RUNS.c.repair.is_not(None))).all():
        connection.execute(sa.update(RUNS).where(RUNS.c.id == row.id).values(repair=_words(row.repair)))


def downgrade() -> None:
    op.drop_column("models", "facts")
    op.drop_column("providers", "quirks")


def _facts(row: Any) -> dict[str, Any]:
    """What was known until now came from the catalogue for the models to begin with, else from the provider."""
    known = {
        "context_length": row.context_length,
        "max_output_tokens": row.max_output_tokens,
        **(row.capabilities or {}),
    }
    known = {name: value for name, value in known.items() if value is not None}
    source = "catalogue" if row.source == "seed" else "provider"
    return {source: {"at": clock.now().isoformat(), **known}} if known else {}


def _words(repair: dict[str, Any] | None) -> list[str] | None:
    if repair is None:
        return None
    words = [f"drop {name}" for name in repair.get("drop", ())]
    words += [f"rename {old} {new}" for old, new in repair.get("rename", {}).items()]
    return words + [f"cap {name} {most}" for name, most in repair.get("set", {}).items()]
