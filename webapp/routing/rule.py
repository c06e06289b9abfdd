"""A rule that sends questions elsewhere; the admins' rules hold for everybody, in their order."""

from datetime import datetime

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.core import clock
from webapp.core.database import Record, UtcTime
from webapp.models.model import Model


class RuleRecord(Record):
    """One rule: patterns of what is asked, and where it goes. An empty pattern matches everything."""

    __tablename__ = "routing_rules"

    id: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(default=0)
    is_enabled: Mapped[bool] = mapped_column(default=True)
    name: Mapped[str] = mapped_column(Text)
    provider: Mapped[str] = mapped_column(Text, default="")
    model: Mapped[str] = mapped_column(Text, default="")
    capability: Mapped[str] = mapped_column(Text, default="")
    project: Mapped[str] = mapped_column(Text, default="")
    to_pk: Mapped[int | None] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"))
    route: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now)
    to: Mapped[Model | None] = relationship()
