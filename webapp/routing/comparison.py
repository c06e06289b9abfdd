"""One question asked direct and through a gateway at once: a row, so that a reload and other processes see it."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import JSON, ForeignKey, Text, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from webapp.accounts.user import User
from webapp.core import clock
from webapp.core.database import Record, UtcTime
from webapp.core.errors import NotFoundError
from webapp.models.model import Model
from webapp.providers.check import RUNNING, STOPPED
from webapp.routing.gateway import REMOTE, Gateway
from webapp.routing.terms import DIRECT

KEPT: Final = timedelta(days=30)
LONGEST: Final = timedelta(seconds=150)  # what is older was lost with its process
SHOWN: Final = 10


class Comparison(Record):
    """`sides`: direct first, then through `route`; each is a Side of comparing.py as JSON."""

    __tablename__ = "comparisons"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    model_pk: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"), index=True)
    route: Mapped[str] = mapped_column(Text)
    prompt: Mapped[str] = mapped_column(Text)
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # a layer of models/parameters.py
    status: Mapped[str] = mapped_column(Text, default=RUNNING)
    sides: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now, index=True)
    model: Mapped[Model] = relationship()
    gateway: Mapped[Gateway | None] = relationship(
        primaryjoin="foreign(Comparison.route) == Gateway.slug", viewonly=True, uselist=False
    )

    @property
    def is_running(self) -> bool:
        """Whether more is to come."""
        return self.status == RUNNING and clock.now() - self.created_at < LONGEST

    @property
    def added_ms(self) -> float | None:
        """How much later the first token came through the gateway; None unless both answered."""
        if len(self.sides) < 2 or any(side["status"] != "good" or side["first_ms"] is None for side in self.sides):
            return None
        return float(self.sides[1]["first_ms"] - self.sides[0]["first_ms"])

    def asked_at(self, route: str) -> tuple[str, str]:
        """Return name and host of who is asked by a route: the provider itself, or a gateway elsewhere."""
        if self.gateway and self.gateway.kind == REMOTE and route != DIRECT:
            return self.gateway.name, self.gateway.host
        return self.model.provider.name, self.model.provider.host


def find_comparison(session: Session, user: User, comparison_id: int) -> Comparison:
    """Load one's own comparison; raise NotFoundError."""
    found = session.scalar(select(Comparison).filter_by(id=comparison_id, user_id=user.id))
    if found is None:
        raise NotFoundError
    return found


def latest_comparisons(session: Session, user: User) -> list[Comparison]:
    """Return one's own, the newest first."""
    mine = select(Comparison).filter_by(user_id=user.id).order_by(Comparison.id.desc())
    return list(session.scalars(mine.limit(SHOWN)))


def end_abandoned_comparisons(session: Session, before: datetime) -> None:
    """Write down that those which began before this moment will not end."""
    abandoned = (Comparison.status == RUNNING, Comparison.created_at < before)
    session.execute(update(Comparison).where(*abandoned).values(status=STOPPED))


def prune_comparisons(session: Session) -> None:
    """Delete what is too old."""
    session.execute(delete(Comparison).where(Comparison.created_at < clock.now() - KEPT))
