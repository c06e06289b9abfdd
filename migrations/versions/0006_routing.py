"""Gateways, aliases, rules, several keys for a provider, and how everybody is doing."""

import sqlalchemy as sa
from alembic import op

from webapp.core.database import UtcTime

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    _widen("providers", "route", sa.Text(), "direct")
    _widen("providers", "care", sa.JSON(), "{}")
    _widen("users", "chat_wait_seconds", sa.Integer(), "5")
    op.add_column("users", sa.Column("first_model", sa.Text(), nullable=True))
    _widen("users", "program_wait_seconds", sa.Integer(), "0")
    _widen("presets", "route", sa.Text(), "")
    _widen("checks", "route", sa.Text(), "direct")
    op.add_column("checks", sa.Column("is_usual", sa.Boolean(), nullable=False, server_default=sa.true()))
    _widen("runs", "attempts", sa.JSON())
    _widen("runs", "seams", sa.JSON())
    op.drop_index("ix_models_provider_id", "models")
    op.create_index("ix_models_offered", "models", ["provider_id", "kind", "is_enabled", "vanished_at", "position"])
    _let_keys_be_several()
    _create_gateways()
    _create_aliases_and_rules()
    _create_health()
    _create_comparisons()


def _widen(table: str, name: str, kind: sa.types.TypeEngine[object], default: str | None = None) -> None:
    op.add_column(table, sa.Column(name, kind, nullable=default is None, server_default=default))


def _let_keys_be_several() -> None:
    """SQLite takes a constraint away by making the table anew; nothing refers to this one."""
    with op.batch_alter_table("credentials") as table:
        table.drop_constraint("uq_credentials_provider_id", type_="unique")
        table.create_index("ix_credentials_provider_id", ["provider_id"])
        table.add_column(sa.Column("label", sa.Text(), nullable=False, server_default=sa.text("''")))
        table.add_column(sa.Column("weight", sa.Integer(), nullable=False, server_default="1"))
        table.add_column(sa.Column("is_enabled", sa.Boolean(), nullable=False, server_default=sa.true()))
        table.add_column(sa.Column("disabled_because", sa.Text(), nullable=True))
        table.add_column(sa.Column("expires_at", UtcTime(), nullable=True))
        table.add_column(sa.Column("last_used_at", UtcTime(), nullable=True))
        table.add_column(sa.Column("last_failure", sa.JSON(), nullable=True))
        table.add_column(sa.Column("is_replaced", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("deleted_at", UtcTime(), nullable=True))


def _create_gateways() -> None:
    op.create_table(
        "gateways",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("sealed_key", sa.Text(), nullable=True),
        sa.Column("key_hint", sa.Text(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("models", sa.JSON(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("checked_at", UtcTime(), nullable=True),
        sa.Column("latency_ms", sa.Double(), nullable=True),
        sa.Column("failure", sa.JSON(), nullable=True),
        sa.Column("made_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("deleted_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["made_by_id"], ["users.id"], name="fk_gateways_made_by_id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_gateways"),
        sa.UniqueConstraint("slug", name="uq_gateways_slug"),
    )


def _create_aliases_and_rules() -> None:
    op.create_table(
        "aliases",
        sa.Column("model_pk", sa.Integer(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("targets", sa.JSON(), nullable=False),
        sa.Column("after_first", sa.Text(), nullable=False),
        sa.Column("is_sticky", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["model_pk"], ["models.id"], name="fk_aliases_model_pk", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("model_pk", name="pk_aliases"),
    )
    op.create_table(
        "routing_rules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("capability", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("to_pk", sa.Integer(), nullable=True),
        sa.Column("to_name", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("deleted_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["to_pk"], ["models.id"], name="fk_routing_rules_to_pk", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_routing_rules"),
    )


def _create_health() -> None:
    op.create_table(
        "health_states",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("streak", sa.Integer(), nullable=False),
        sa.Column("opened", sa.Integer(), nullable=False),
        sa.Column("until", UtcTime(), nullable=True),
        sa.Column("since", UtcTime(), nullable=False),
        sa.Column("changed_at", UtcTime(), nullable=False),
        sa.Column("boot_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["providers.id"], name="fk_health_states_provider_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("kind", "subject_id", "route", name="pk_health_states"),
    )
    op.create_index("ix_health_states_changed_at", "health_states", ["changed_at"])
    op.create_table(
        "health_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("provider_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("rest_seconds", sa.Double(), nullable=True),
        sa.Column("at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["providers.id"], name="fk_health_changes_provider_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_health_changes"),
    )
    op.create_index("ix_health_changes_provider_id_at", "health_changes", ["provider_id", "at"])
    op.create_table(
        "probe_days",
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("spent_nano_usd", sa.BigInteger(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_probe_days"),
    )


def _create_comparisons() -> None:
    op.create_table(
        "comparisons",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("model_pk", sa.Integer(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("sides", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["model_pk"], ["models.id"], name="fk_comparisons_model_pk", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_comparisons_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_comparisons"),
    )
    for column in ("user_id", "model_pk", "created_at"):
        op.create_index(f"ix_comparisons_{column}", "comparisons", [column])
