"""API tokens: how programs sign in. Only a hash is stored; the token is shown once."""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import JSON, ForeignKey, Text, select, update
from sqlalchemy.orm import Mapped, Session, joinedload, mapped_column, relationship

from webapp.accounts.user import User
from webapp.core import clock
from webapp.core.database import Record, UtcTime, writing
from webapp.core.ids import checked_token, is_checked_token

PREFIX = "jf"
USED_EVERY = timedelta(minutes=5)  # how often "last used" is written
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
    user: Mapped[User] = relationship()


def token_user(session: Session, text: str, scope: str) -> User | None:
    """Return whose token this is, if it is valid for `scope`; a malformed one costs no query. Notes its use."""
    if not is_checked_token(PREFIX, text):
        return None
    row = session.scalar(
        select(ApiToken).options(joinedload(ApiToken.user)).where(ApiToken.token_hash == _hash(text)).limit(1)
    )
    if row is None or scope not in row.scopes or row.user.is_disabled:
        return None
    if row.expires_at and row.expires_at < clock.now():
        return None
    if row.used_at is None or clock.now() - row.used_at > USED_EVERY:
        with writing() as own:
            own.execute(update(ApiToken).where(ApiToken.id == row.id).values(used_at=clock.now()))
    return row.user


def create_token(session: Session, user: User, name: str, scopes: tuple[str, ...] = ("chat",)) -> str:
    """Add a token and return its text, which cannot be had again."""
    token = checked_token(PREFIX)
    session.add(
        ApiToken(
            user_id=user.id,
            name=name,
            hint=f"{PREFIX}_…{token[-4:]}",
            token_hash=_hash(token),
            scopes=list(scopes),
        )
    )
    return token


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
