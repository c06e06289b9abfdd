"""A conversation: an ordered story of questions and answers, owned by one user."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, ForeignKey, Text, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, foreign, mapped_column, relationship

from webapp.accounts.user import User
from webapp.core import clock
from webapp.core.database import Record, UtcTime
from webapp.core.errors import NotFoundError
from webapp.core.ids import public_id, repeatable_id
from webapp.models.model import Model
from webapp.models.preset import Preset

LISTED = 100
LONGEST_TITLE = 80
UNDO_TIME = timedelta(seconds=30)


class Conversation(Record):
    """One conversation. Its id is unguessable, but the owner is asked for all the same."""

    __tablename__ = "conversations"

    id: Mapped[str] = mapped_column(Text, primary_key=True, default=public_id)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    title: Mapped[str] = mapped_column(Text)
    model_pk: Mapped[int | None] = mapped_column(ForeignKey("models.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now, index=True)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcTime)
    # No foreign key: SQLite cannot add one to a table that holds rows others depend on. The monitor empties it.
    preset_id: Mapped[int | None]
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")  # models/parameters.py
    model: Mapped[Model | None] = relationship()
    preset: Mapped[Preset | None] = relationship(
        primaryjoin=lambda: foreign(Conversation.preset_id) == Preset.id, viewonly=True
    )


def begin_conversation(session: Session, user: User, send_key: str) -> Conversation:
    """Add a conversation; the form that is sent twice leads to the first one. Flushed, not committed."""
    conversation_id, user_id = repeatable_id(user.id, send_key), user.id
    if found := session.get(Conversation, conversation_id):
        return found
    try:
        session.add(Conversation(id=conversation_id, owner_id=user_id, title=""))
        session.flush()
    except IntegrityError:  # another request was faster
        session.rollback()
    return session.get_one(Conversation, conversation_id)


def find_conversation(session: Session, user: User, conversation_id: str, *, deleted: bool = False) -> Conversation:
    """Load a conversation through its owner; raise NotFoundError for anybody else's."""
    is_deleted = Conversation.deleted_at.is_not(None) if deleted else Conversation.deleted_at.is_(None)
    found = session.scalar(
        select(Conversation).where(Conversation.id == conversation_id, Conversation.owner_id == user.id, is_deleted)
    )
    if found is None:
        raise NotFoundError
    return found


def preset_of(conversation: Conversation) -> Preset | None:
    """Return the preset that a conversation goes by, while its owner may use it."""
    found = conversation.preset
    if found is None or found.deleted_at is not None:
        return None
    return found if found.is_shared or found.owner_id == conversation.owner_id else None


def recent_conversations(session: Session, user: User) -> list[Conversation]:
    """Return what the list shows: the newest first."""
    return list(
        session.scalars(
            select(Conversation)
            .where(Conversation.owner_id == user.id, Conversation.deleted_at.is_(None))
            .order_by(Conversation.updated_at.desc())
            .limit(LISTED)
        )
    )


def remove_presets(session: Session, before: datetime) -> None:
    """Remove the presets that were deleted before this moment, and all mention of them: an id may come again."""
    ids = session.scalars(select(Preset.id).where(Preset.deleted_at < before)).all()
    if ids:
        session.execute(update(Conversation).where(Conversation.preset_id.in_(ids)).values(preset_id=None))
        session.execute(delete(Preset).where(Preset.id.in_(ids)))


def title_from(text: str) -> str:
    """Make a title of the first question: its first line, cut at a word."""
    line = " ".join(text.strip().partition("\n")[0].split())
    if len(line) <= LONGEST_TITLE:
        return line
    cut = line[:LONGEST_TITLE]
    head, _, tail = cut.rpartition(" ")
    return f"{head if head and len(tail) < LONGEST_TITLE // 2 else cut}…"
