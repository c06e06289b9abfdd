"""What `health.py` knows, kept for pages and other processes: the state of everything that was asked, every change."""

from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Index, Text, delete
from sqlalchemy.orm import Mapped, Session, mapped_column

from webapp.core import clock
from webapp.core.database import Record, UtcTime

KEPT = timedelta(days=30)


class HealthState(Record):
    """The state of one subject, as the process that changed it last saw it."""

    __tablename__ = "health_states"

    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    subject_id: Mapped[int] = mapped_column(primary_key=True)
    route: Mapped[str] = mapped_column(Text, primary_key=True)
    provider_id: Mapped[int] = mapped_column(ForeignKey("providers.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(Text, default="")
    streak: Mapped[int] = mapped_column(default=0)
    opened: Mapped[int] = mapped_column(default=0)
    until: Mapped[datetime | None] = mapped_column(UtcTime)
    since: Mapped[datetime] = mapped_column(UtcTime)  # in this state, whatever trials failed meanwhile
    changed_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    boot_id: Mapped[str] = mapped_column(Text)


class HealthChange(Record):
    """One change of a state, for the history of a provider."""

    __tablename__ = "health_changes"
    __table_args__ = (Index("ix_health_changes_provider_id_at", "provider_id", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    provider_id: Mapped[int] = mapped_column(ForeignKey("providers.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[int]
    route: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(Text)
    rest_seconds: Mapped[float | None]
    at: Mapped[datetime] = mapped_column(UtcTime)


def prune_health(session: Session) -> None:
    """Forget what is long over."""
    oldest = clock.now() - KEPT
    session.execute(delete(HealthChange).where(HealthChange.at < oldest))
    session.execute(delete(HealthState).where(HealthState.changed_at < oldest))
