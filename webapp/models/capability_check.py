"""A real call that tells whether a model can do one thing: a row, so that pages and other processes see it."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import JSON, ForeignKey, Text, delete, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from webapp.core import clock
from webapp.core.database import Record, UtcTime
from webapp.providers.check import RUNNING, STOPPED

CHECKED: Final = ("vision", "tools", "structured_output", "streaming", "reasoning")  # in the order of "check all"
WAITING, YES, NO, UNKNOWN = "waiting", "yes", "no", "unknown"
KEPT: Final = timedelta(days=30)  # what they showed of the model stays
LONGEST: Final = timedelta(seconds=180)  # all of them, 30 seconds each; what is older was lost with its process


class CapabilityCheck(Record):
    """One question to one model about one capability."""

    __tablename__ = "capability_checks"

    id: Mapped[int] = mapped_column(primary_key=True)
    model_pk: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    capability: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, default=WAITING)
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # reason, and the exchange that shows it
    failure: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime)

    @property
    def is_running(self) -> bool:
        """Whether its answer is still to come."""
        return self.status in (WAITING, RUNNING) and clock.now() - self.created_at < LONGEST

    @property
    def verdict(self) -> str:
        """`waiting`, `running`, `yes`, `no` or `unknown`; also `unknown` when nobody answers any more."""
        is_lost = self.status == STOPPED or (self.status in (WAITING, RUNNING) and not self.is_running)
        return UNKNOWN if is_lost else self.status


def latest_checks_of(session: Session, model_pk: int) -> dict[str, CapabilityCheck]:
    """Return the newest check of each capability."""
    newest = (
        select(func.max(CapabilityCheck.id))
        .where(CapabilityCheck.model_pk == model_pk)
        .group_by(CapabilityCheck.capability)
    )
    found = session.scalars(select(CapabilityCheck).where(CapabilityCheck.id.in_(newest)))
    return {row.capability: row for row in found}


def end_abandoned_checks(session: Session, before: datetime) -> None:
    """Write down that checks which began before this moment will not end."""
    abandoned = (CapabilityCheck.status.in_((WAITING, RUNNING)), CapabilityCheck.created_at < before)
    session.execute(update(CapabilityCheck).where(*abandoned).values(status=STOPPED))


def prune_checks(session: Session) -> None:
    """Delete what is too old."""
    session.execute(delete(CapabilityCheck).where(CapabilityCheck.created_at < clock.now() - KEPT))
