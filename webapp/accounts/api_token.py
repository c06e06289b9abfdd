"""API tokens: how programs sign in. Only a hash is stored; the token is shown once."""

import hashlib
from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Text
from sqlalchemy.orm import Mapped, Session, mapped_column

from webapp.accounts.user import User
from webapp.core import clock
from webapp.core.database import Record, UtcTime
from webapp.core.ids import checked_token

PREFIX = "jf"
SCOPES = ("chat", "manage")  # use models · change providers


class ApiToken(Record):
    """One token of one user; it can do what its user can, within its scopes."""

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(Text)
    hint: Mapped[str] = mapped_column(Text)
    token_hash: Mapped[str] = mapped_column(Text, unique=True)
    scopes: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)


def create_token(session: Session, user: User, name: str, scopes: tuple[str, ...] = ("chat",)) -> str:
    """Add a token and return its text, which cannot be had again."""
    token = checked_token(PREFIX)
    session.add(
        ApiToken(
            user_id=user.id,
            name=name,
            hint=f"{PREFIX}_…{token[-4:]}",
            token_hash=hashlib.sha256(token.encode()).hexdigest(),
            scopes=list(scopes),
        )
    )
    return token
