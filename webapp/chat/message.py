"""One turn: what the user asked or a model answered."""

from datetime import datetime

from sqlalchemy import ForeignKey, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from webapp.core import clock
from webapp.core.database import Record, UtcTime

LONGEST_TEXT = 2_000_000  # characters


class Message(Record):
    """A question (role `user`) or an answer (role `assistant`). An answer's figures and state are in its run."""

    __tablename__ = "messages"
    __table_args__ = (UniqueConstraint("conversation_id", "send_key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), index=True)
    role: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text, default="")
    reasoning: Mapped[str] = mapped_column(Text, default="")
    send_key: Mapped[str | None] = mapped_column(Text)  # of the form that sent it: a second click changes nothing
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now)


def messages_of(session: Session, conversation_id: str) -> list[Message]:
    """Return the turns in order."""
    return list(session.scalars(select(Message).where(Message.conversation_id == conversation_id).order_by(Message.id)))
