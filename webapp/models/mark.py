"""What one person keeps of a model: the star, and when they used it last."""

from datetime import datetime

from sqlalchemy import ForeignKey, bindparam, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from webapp.core import clock
from webapp.core.database import Record, UtcTime

# One statement, so that two answers that begin at once do not collide. Both databases understand it.
KEEP = (
    "INSERT INTO model_marks (user_id, model_pk, is_favourite, used_at)"
    " VALUES (:user_id, :model_pk, :starred, :used_at)"
    " ON CONFLICT (user_id, model_pk) DO UPDATE SET "
)
STAR = text(KEEP + "is_favourite = excluded.is_favourite").bindparams(bindparam("used_at", None, UtcTime))
USE = text(KEEP + "used_at = excluded.used_at").bindparams(bindparam("used_at", None, UtcTime))


class Mark(Record):
    """One person and one model. It lasts as long as both, also while the model is hidden or not listed."""

    __tablename__ = "model_marks"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    model_pk: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"), primary_key=True, index=True)
    is_favourite: Mapped[bool] = mapped_column(default=False)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)


def set_favourite(session: Session, user_id: int, model_pk: int, is_favourite: bool) -> None:
    """Give a model this person's star, or take it away."""
    session.execute(STAR, {"user_id": user_id, "model_pk": model_pk, "starred": is_favourite})


def note_use(session: Session, user_id: int, model_pk: int) -> None:
    """Remember that this person uses a model now."""
    session.execute(USE, {"user_id": user_id, "model_pk": model_pk, "starred": False, "used_at": clock.now()})
