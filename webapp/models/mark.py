"""What one person keeps of a model: the star, and when they used it last."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from webapp.core.database import Record, UtcTime


class Mark(Record):
    """One person and one model. It lasts as long as both, also while the model is hidden or not listed."""

    __tablename__ = "model_marks"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    model_pk: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"), primary_key=True, index=True)
    is_favourite: Mapped[bool] = mapped_column(default=False)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)
