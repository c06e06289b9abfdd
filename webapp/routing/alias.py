"""An alias: one public name, served by several models at several providers.

To everything else it is a model: a row of the hidden provider `alias`, so that chats, presets and programs choose it
like any other. This table holds what stands behind it.
"""

from typing import Any

from sqlalchemy import JSON, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.core.database import Record
from webapp.models.model import Model


class AliasRecord(Record):
    """What stands behind a name. `targets`: [{"model": pk, "weight": 1}, …] in order, of shared providers only."""

    __tablename__ = "aliases"

    model_pk: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"), primary_key=True)
    strategy: Mapped[str] = mapped_column(Text, default="ordered")
    targets: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    after_first: Mapped[str] = mapped_column(Text, default="stop")  # when an answer breaks off in the middle
    is_sticky: Mapped[bool] = mapped_column(default=True)
    model: Mapped[Model] = relationship()
