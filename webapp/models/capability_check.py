"""A real call that tells whether a model can do one thing: a row, so that pages and other processes see it."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.core import clock
from webapp.core.database import Record, UtcTime


class CapabilityCheck(Record):
    """One question to one model about one capability."""

    __tablename__ = "capability_checks"

    id: Mapped[int] = mapped_column(primary_key=True)
    model_pk: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    capability: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    failure: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime)
