"""Lists are refreshed by time, people star models and keep presets, and a refresh tells what it changed."""

import json

import sqlalchemy as sa
from alembic import op

from webapp.core.database import UtcTime

revision = "0005"
down_revision = "0004"

MODELS = sa.table("models", sa.column("id"), sa.column("facts"), sa.column("input_price"), sa.column("output_price"))


def upgrade() -> None:
    _widen("providers", "refresh_failures", sa.Integer(), "0")
    _widen("providers", "refresh_due_at", UtcTime())
    _widen("providers", "refresh_blocked_until", UtcTime())
    _widen("providers", "refresh_hours", sa.Integer(), "6")
    _widen("providers", "list_etag", sa.Text())
    _widen("providers", "parameters", sa.JSON(), "{}")
    _widen("providers", "limits", sa.JSON(), "{}")
    _widen("models", "input_price", sa.Double())
    _widen("models", "output_price", sa.Double())
    _widen("models", "parameters", sa.JSON(), "{}")
    _widen("checks", "batch", sa.Text())
    op.create_index("ix_checks_batch", "checks", ["batch"])
    op.create_index("ix_usage_events_provider_id_model_id_at", "usage_events", ["provider_id", "model_id", "at"])
    _create_presets()
    _widen("conversations", "parameters", sa.JSON(), "{}")
    _widen("conversations", "preset_id", sa.Integer())
    _widen("runs", "preset_name", sa.Text())
    _create_marks()
    _create_drifts()
    _create_capability_checks()
    _settle_prices()


def _widen(table: str, name: str, kind: sa.types.TypeEngine[object], default: str | None = None) -> None:
    op.add_column(table, sa.Column(name, kind, nullable=default is None, server_default=default))


def _create_presets() -> None:
    op.create_table(
        "presets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("is_shared", sa.Boolean(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("system_prompt", sa.Text(), nullable=False),
        sa.Column("model_pk", sa.Integer(), nullable=True),
        sa.Column("model_name", sa.Text(), nullable=True),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("used_count", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.Column("deleted_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_presets_owner_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["model_pk"], ["models.id"], name="fk_presets_model_pk", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_presets"),
        sa.UniqueConstraint("slug", name="uq_presets_slug"),
    )
    op.create_index("ix_presets_owner_id", "presets", ["owner_id"])


def _create_marks() -> None:
    op.create_table(
        "model_marks",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("model_pk", sa.Integer(), nullable=False),
        sa.Column("is_favourite", sa.Boolean(), nullable=False),
        sa.Column("used_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_model_marks_user_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["model_pk"], ["models.id"], name="fk_model_marks_model_pk", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "model_pk", name="pk_model_marks"),
    )
    op.create_index("ix_model_marks_model_pk", "model_marks", ["model_pk"])


def _create_drifts() -> None:
    op.create_table(
        "drifts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("provider_id", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("new_count", sa.Integer(), nullable=False),
        sa.Column("changed_count", sa.Integer(), nullable=False),
        sa.Column("vanished_count", sa.Integer(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["provider_id"], ["providers.id"], name="fk_drifts_provider_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_drifts"),
    )
    op.create_index("ix_drifts_provider_id", "drifts", ["provider_id"])


def _create_capability_checks() -> None:
    op.create_table(
        "capability_checks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model_pk", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("capability", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("failure", sa.JSON(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("finished_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["model_pk"], ["models.id"], name="fk_capability_checks_model_pk", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_capability_checks_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_capability_checks"),
    )
    op.create_index("ix_capability_checks_model_pk", "capability_checks", ["model_pk"])
    op.create_index("ix_capability_checks_user_id", "capability_checks", ["user_id"])


def _settle_prices() -> None:
    """Copy the price of the strongest source into its columns, as the next refresh would."""
    connection = op.get_bind()
    for row in connection.execute(sa.select(MODELS.c.id, MODELS.c.facts)).all():
        facts = json.loads(row.facts) if isinstance(row.facts, str) else row.facts or {}
        layers = [facts[source] for source in ("provider", "catalogue", "guess") if source in facts]
        prices = {
            name: next((layer[name] for layer in layers if name in layer), None)
            for name in ("input_price", "output_price")
        }
        if any(price is not None for price in prices.values()):
            connection.execute(sa.update(MODELS).where(MODELS.c.id == row.id).values(prices))
