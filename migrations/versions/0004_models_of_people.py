"""Models can be switched off, and what people say of them is kept apart from what providers say."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("models", sa.Column("is_enabled", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("models", sa.Column("overrides", sa.JSON(), nullable=False, server_default="{}"))
