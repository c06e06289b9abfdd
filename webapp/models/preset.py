"""A preset: a system prompt, a model and parameters under one name, for chats and as `preset/<slug>` in the API."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.core import clock
from webapp.core.database import Record, UtcTime
from webapp.models.model import Model


class Preset(Record):
    """One preset. Shared ones serve everybody here. Without a model it goes with any."""

    __tablename__ = "presets"

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    is_shared: Mapped[bool] = mapped_column(default=False)
    slug: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    system_prompt: Mapped[str] = mapped_column(Text, default="")
    model_pk: Mapped[int | None] = mapped_column(ForeignKey("models.id", ondelete="SET NULL"))
    model_name: Mapped[str | None] = mapped_column(Text)  # stays when the model is gone
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # parameters.py
    used_count: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcTime)
    model: Mapped[Model | None] = relationship()
